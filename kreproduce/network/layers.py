"""The Keras layers of the k-networks."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from kreproduce.network import tensorflow_kernels
from kreproduce.network.grouping import Grouping, interleaved
from kreproduce.network.lowering import LOWERINGS, Lowering, pointwise, product

_counts: ContextVar[Any | None] = ContextVar("counts", default=None)


@contextmanager
def counting(counts: Any) -> Iterator[None]:
    """Have batch normalisation that is called meanwhile take its statistics over some images.

    Args:
        counts: shape (batch,): 1 for an image that counts, 0 for one that only fills up the batch.
    """
    token = _counts.set(counts)
    try:
        yield
    finally:
        _counts.reset(token)


@keras.saving.register_keras_serializable("kreproduce")
class GroupedPointwise(keras.layers.Layer):
    """A grouped 1 x 1 convolution without divisibility constraints: layer K or L.

    Input and output have shape (batch, height, width, channels), or with fewer or more axes between
    batch and channels. Kernels are stored grouped, so
    that the weights are the paper's: `kernel` with shape (groups, group_channels,
    filters_per_group) for path 1, `kernel_remainder` with shape (remainder, group_channels) for
    path 2, where there is one. They are Glorot-uniform with the fans of a grouped convolution:
    in, the channels of a group; out, all filters of the path.

    Args:
        filters: output channels, F.
        groups: groups of path 1, G.
        group_channels: input channels that each filter reads.
        interleave: step with which the input channels are interleaved first; 1 leaves them.
        use_bias: whether a bias is added to each filter.
        lowering: how it is computed, see `lowering`; changes nothing but the speed.
        kernel_regularizer: of both kernels, each by itself.
        kernel_constraint: likewise.
        bias_initializer: of the bias.
        bias_regularizer: of the bias.
        bias_constraint: of the bias.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        groups: int,
        group_channels: int,
        interleave: int = 1,
        use_bias: bool = False,
        lowering: Lowering = "auto",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_initializer: Any = "zeros",
        bias_regularizer: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if lowering not in LOWERINGS:
            raise ValueError(f"lowering is {lowering!r}, not one of {', '.join(LOWERINGS)}")
        if not 1 <= groups <= filters:
            raise ValueError(f"groups is {groups}, not between 1 and filters, {filters}")
        self.filters = filters
        self.groups = groups
        self.group_channels = group_channels
        self.interleave = interleave
        self.use_bias = use_bias
        self.lowering = lowering
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        assert channels is not None
        if not self.group_channels <= channels <= self.groups * self.group_channels:
            raise ValueError(
                f"{self.groups} groups of {self.group_channels} channels do not cover "
                f"the {channels} input channels"
            )
        self.grouping = grouping = Grouping(
            channels, self.filters, self.groups, self.group_channels, self.interleave
        )
        self.kernel = self._add_kernel(
            "kernel", (self.groups, self.group_channels, grouping.filters_per_group)
        )
        self.kernel_remainder = None
        if grouping.remainder:
            self.kernel_remainder = self._add_kernel(
                "kernel_remainder", (grouping.remainder, self.group_channels)
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _add_kernel(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        filters = math.prod(shape) // self.group_channels
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=glorot_uniform(self.group_channels, filters),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def call(self, inputs: Any) -> Any:
        shape = ops.shape(inputs)
        if len(shape) != 4:
            inputs = ops.reshape(inputs, (shape[0], -1, 1, shape[-1]))
        outputs = product(self.lowering, self.grouping, inputs, self.kernel, self.kernel_remainder)
        if len(shape) != 4:
            outputs = ops.reshape(outputs, (*shape[:-1], self.filters))
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        return config | {
            "filters": self.filters,
            "groups": self.groups,
            "group_channels": self.group_channels,
            "interleave": self.interleave,
            "use_bias": self.use_bias,
            "lowering": self.lowering,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }


@keras.saving.register_keras_serializable("kreproduce")
class Interleave(keras.layers.Layer):
    """Reorders the last axis to 0, step, 2*step, …, 1, 1 + step, … (equation 16: step 2).

    Args:
        step: distance of two channels that become neighbours.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, step: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.step = step

    def call(self, inputs: Any) -> Any:
        return ops.take(inputs, interleaved(inputs.shape[-1], self.step), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        return config | {"step": self.step}


def glorot_uniform(group_channels: int, filters: int) -> keras.initializers.Initializer:
    """Return the authors' initialisation of one path, which has so many filters in all groups."""
    limit = math.sqrt(6 / (group_channels + max(filters, 1)))
    return keras.initializers.RandomUniform(-limit, limit)


# Those below bear the names of Keras' layers, because files of weights name a layer's class.


@keras.saving.register_keras_serializable("kreproduce")
class Conv2D(keras.layers.Conv2D):
    """Keras' layer, computed as a product of matrices: 1 x 1 kernels without strides only."""

    def call(self, inputs: Any) -> Any:
        outputs = pointwise(inputs, ops.reshape(self.kernel, (-1, self.filters)))
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return outputs


@keras.saving.register_keras_serializable("kreproduce")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer with the moving variance of Keras 2, that of the authors.

    Both normalise with a batch's sum of squares over its n values in a channel. Keras 3 averages
    the same; Keras 2, which computed by TensorFlow's fused kernel, the sum over n - 1. Under
    TensorFlow on a CPU, where it is faster, that kernel computes this layer, too.

    Within `counting` the statistics of a batch are those of the images that count, as if there were
    no others; the others are normalised by them, too.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any | None = None) -> Any:
        own = training and self.trainable
        counts = _counts.get()
        if own and counts is not None:
            return self._over(inputs, counts)
        double = keras.backend.standardize_dtype(inputs.dtype) == "float64"
        if self.synchronized or double or mask is not None or not tensorflow_kernels.on_cpu():
            kept = ops.multiply(self.moving_variance, self.momentum)
            outputs = super().call(inputs, training, mask)
            if own and mask is None:
                added = ops.subtract(self.moving_variance, kept)
                self.moving_variance.assign_add(added / ops.maximum(self._count(inputs) - 1, 1))
            return outputs
        outputs, mean, variance = tensorflow_kernels.batch_normalization(
            ops.cast(inputs, "float32"),
            self.gamma,
            self.beta,
            self.epsilon,
            *(() if own else (self.moving_mean, self.moving_variance)),
        )
        if own:
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + new * (1 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    def _over(self, inputs: Any, counts: Any) -> Any:
        """Normalise by the images that count, see `counting`, and take note of them."""
        inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        dtype, shape = inputs.dtype, ops.shape(inputs)
        axes = list(range(len(shape) - 1))
        weights = ops.reshape(ops.cast(counts, dtype), (-1, *(1 for _ in shape[1:])))
        n = ops.sum(weights) * math.prod(shape[1:-1])
        mean = ops.sum(weights * inputs, axes) / n
        variance = ops.sum(weights * ops.square(inputs - mean), axes) / n
        unbiased = variance * (n / ops.maximum(n - 1, 1))
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
            new = ops.cast(new, moving.dtype)
            moving.assign(moving * self.momentum + new * (1 - self.momentum))
        outputs = ops.batch_normalization(
            inputs,
            mean,
            variance,
            axis=-1,
            offset=ops.cast(self.beta, dtype),
            scale=ops.cast(self.gamma, dtype),
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)

    def _count(self, inputs: Any) -> Any:
        """Return n, the values in a channel that a mean is taken over."""
        count = ops.cast(math.prod(ops.shape(inputs)[:-1]), self.moving_variance.dtype)
        return count * tensorflow_kernels.replicas() if self.synchronized else count


@keras.saving.register_keras_serializable("kreproduce")
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras' layer, the gradient of some kernels faster under TensorFlow with oneDNN."""

    def call(self, inputs: Any) -> Any:
        if (
            self._has_a_slow_gradient(inputs.shape)
            and (self.dilation_rate, self.data_format) == ((1, 1), "channels_last")
            and self.depth_multiplier == 1
            and self.activation is keras.activations.linear
            and not self.use_bias
            and self.compute_dtype == "float32"
            and tensorflow_kernels.on_cpu_with_onednn()
        ):
            return tensorflow_kernels.depthwise_convolution(
                inputs, self.kernel, self.strides[0], self.padding.upper()
            )
        return super().call(inputs)

    def _has_a_slow_gradient(self, shape: tuple[int | None, ...]) -> bool:
        """Whether oneDNN is slow: the kernel is wider than 3, or wider than the images."""
        form = (self.kernel_size, self.strides, self.padding)
        if form == ((3, 3), (1, 1), "same"):
            return all(side is not None and side <= 2 for side in shape[1:3])
        return form in [((5, 5), (1, 1), "same"), ((5, 5), (2, 2), "valid")]


@keras.saving.register_keras_serializable("kreproduce")
class Activation(keras.layers.Activation):
    """Keras' layer, the gradient of swish faster under TensorFlow on a CPU."""

    def call(self, inputs: Any) -> Any:
        if (
            self.activation is keras.activations.silu
            and keras.backend.standardize_dtype(inputs.dtype) == "float32"
            and tensorflow_kernels.on_cpu_with_xla()
        ):
            return tensorflow_kernels.swish(inputs)
        return super().call(inputs)
