"""The operations that a network is made of, each with the shape of its output.

Shapes are (height, width, channels), without the batch, or (features,) after the pooling.
"""

from dataclasses import dataclass
from typing import Literal

from kreproduce.network.grouping import Grouping

Shape = tuple[int, ...]
Initializer = Literal["fan_out_normal", "glorot_uniform"]
Function = Literal["swish", "relu", "sigmoid"]


@dataclass(frozen=True)
class Operation:
    """Something with one output; unless it says otherwise, of its first input's shape."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output's shape for the first input's `shape`."""
        return shape


@dataclass(frozen=True)
class Pad(Operation):
    """Zeros around height and width."""

    before: int
    after: int

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        more = self.before + self.after
        return height + more, width + more, channels


@dataclass(frozen=True)
class Convolution(Operation):
    """A dense k x k convolution without bias on an input that is already padded."""

    kernel: int
    stride: int
    filters: int

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = shape
        return (*_strided(height, width, self.kernel, self.stride), self.filters)


@dataclass(frozen=True)
class DepthwiseConvolution(Operation):
    """A k x k filter a channel, without bias; stride 1 pads to "same", others are padded before."""

    kernel: int
    stride: int

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        if self.stride == 1:
            return shape
        return (*_strided(height, width, self.kernel, self.stride), channels)


@dataclass(frozen=True)
class Pointwise(Operation):
    """A plain 1 x 1 convolution."""

    filters: int
    bias: bool
    initializer: Initializer

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:2], self.filters)


@dataclass(frozen=True)
class GroupedPointwise(Operation):
    """Layer K or L: both paths, Glorot-initialised each by itself."""

    grouping: Grouping
    bias: bool

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:2], self.grouping.filters)


@dataclass(frozen=True)
class Interleave(Operation):
    """Channels in the order 0, step, 2*step, …, 1, 1 + step and so on."""

    step: int


@dataclass(frozen=True)
class BatchNormalization(Operation):
    """Keras' defaults but for the momentum of the moving averages.

    None is what a given model has.
    """

    momentum: float | None


@dataclass(frozen=True)
class Activation(Operation):
    """An elementwise function; None is what a given model has."""

    function: Function | None


@dataclass(frozen=True)
class GlobalAverage(Operation):
    """The mean over height and width: to (1, 1, channels), or flat to (channels,)."""

    flat: bool

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[2],) if self.flat else (1, 1, shape[2])


@dataclass(frozen=True)
class Scale(Operation):
    """The first input times the second, a factor a channel of shape (1, 1, channels)."""


@dataclass(frozen=True)
class Add(Operation):
    """The sum of two inputs of one shape."""


@dataclass(frozen=True)
class Dropout(Operation):
    """Zeroes a share of the features, or with `whole_samples` of the samples, in training."""

    rate: float
    whole_samples: bool = False


@dataclass(frozen=True)
class Dense(Operation):
    """The classifier: a dense layer with bias."""

    units: int

    def output_shape(self, shape: Shape) -> Shape:  # noqa: ARG002
        return (self.units,)


@dataclass(frozen=True)
class Softmax(Operation):
    """Class probabilities."""


@dataclass(frozen=True)
class Node:
    """An operation in its place.

    Attributes:
        name: unique in the network.
        layer: the layer of the architecture that it belongs to, say "block2a_expand".
        operation: what it does.
        inputs: names of the nodes it reads; `INPUT` is the image.
        input_shape: shape of its first input.
        shape: shape of its output.
    """

    name: str
    layer: str
    operation: Operation
    inputs: tuple[str, ...]
    input_shape: Shape
    shape: Shape


INPUT = "image"


def _strided(height: int, width: int, kernel: int, stride: int) -> tuple[int, int]:
    return (height - kernel) // stride + 1, (width - kernel) // stride + 1
