"""From the choices of an `Architecture` to every operation of the network, as data.

This is the one description of a network: `cost` counts it and `model` builds it, and neither
repeats a filter number.
"""

import math
from dataclasses import dataclass

from kreproduce.errors import SettingsError
from kreproduce.network import operations as op
from kreproduce.network.architecture import (
    SCALINGS,
    STAGES,
    STEM_FILTERS,
    STEM_KERNEL,
    TOP_FILTERS,
    Architecture,
    Stage,
)
from kreproduce.network.channels import check_patterns
from kreproduce.network.grouping import Replacement


@dataclass(frozen=True)
class Network:
    """A network as data: its operations, each after those that it reads."""

    architecture: Architecture
    input_shape: op.Shape
    nodes: tuple[op.Node, ...]


def describe(architecture: Architecture) -> Network:
    """Describe every operation of a network.

    Raises:
        SettingsError: a pattern of `ch` decides no layer, or a layer would have nothing to work on,
            as in no `Architecture`.
    """
    scaling = SCALINGS[architecture.size]
    size = architecture.input_size or scaling.input_size
    build = _Builder(architecture, (size, size, 3))
    stem_stride, *stage_strides = _strides(architecture.skip_strides)
    build.stem(_scaled(STEM_FILTERS, scaling.width), stem_stride)
    index = 0
    for number, (stage, stride) in enumerate(zip(STAGES, stage_strides, strict=True), start=1):
        for repeat in range(math.ceil(scaling.depth * stage.repeats)):
            build.block(
                name=f"block{number}{_letter(repeat)}",
                stage=stage,
                filters=_scaled(stage.filters, scaling.width),
                stride=stride if repeat == 0 else 1,
                drop_rate=0.2 * index / 16,  # 16 at every size, as the authors have it
            )
            index += 1
    build.top(_scaled(TOP_FILTERS, scaling.width), scaling.dropout)
    if isinstance(architecture.ch, tuple):
        check_patterns((pattern for pattern, _ in architecture.ch), build.pointwise_layers)
    return Network(architecture, (size, size, 3), tuple(build.nodes))


def describe_pointwise(
    architecture: Architecture,
    input_shape: op.Shape,
    filters: int,
    activation: op.Function | None = None,
    *,
    bias: bool = False,
) -> Network:
    """Describe one pointwise unit, replaced as in `architecture`: for use in other networks.

    Args:
        architecture: only what concerns pointwise convolutions matters.
        input_shape: (height, width, channels).
        filters: output channels.
        activation: after the batch normalisation or the bias.
        bias: a bias instead of batch normalisation.
    """
    build = _Builder(architecture, input_shape)
    build.pointwise("pointwise", filters, activation, bias=bias)
    return Network(architecture, input_shape, tuple(build.nodes))


def describe_replacement(
    layer: str,
    input_shape: op.Shape,
    replacement: Replacement,
    *,
    bias: bool,
    normalized: bool,
    activated: bool,
) -> tuple[op.Node, ...]:
    """Describe what replaces a pointwise layer of a given model, in the paper's manner.

    Batch normalisation and activation are the model's own, which K and L have each by itself.

    Args:
        layer: name of the pointwise layer.
        input_shape: (height, width, channels).
        replacement: what replaces it.
        bias: whether it has a bias.
        normalized: whether batch normalisation follows it.
        activated: whether an activation follows that.
    """
    build = _Builder(Architecture(), input_shape)
    build.replaced_unit(
        layer,
        replacement,
        bias,
        op.BatchNormalization(None) if normalized else None,
        op.Activation(None) if activated else None,
    )
    return tuple(build.nodes)


class _Builder:
    """Adds one node after another; `here` is the name of the last, the next one's input."""

    def __init__(self, architecture: Architecture, input_shape: op.Shape) -> None:
        self.architecture = architecture
        self.nodes: list[op.Node] = []
        self.here = op.INPUT
        self.pointwise_layers: list[str] = []
        self.shapes = {op.INPUT: input_shape}

    @property
    def shape(self) -> op.Shape:
        return self.shapes[self.here]

    @property
    def baseline(self) -> bool:
        return self.architecture.variant == "baseline"

    def add(self, layer: str, suffix: str, operation: op.Operation, *inputs: str) -> None:
        """Add `operation` on `inputs`, by default on the last node's output."""
        inputs = inputs or (self.here,)
        shape = self.shapes[inputs[0]]
        output_shape = operation.output_shape(shape)
        if min(output_shape) < 1:
            raise SettingsError(f"nothing is left of an input of {shape} at {layer}")
        self.here = f"{layer}_{suffix}" if suffix else layer
        self.shapes[self.here] = output_shape
        self.nodes.append(op.Node(self.here, layer, operation, inputs, shape, output_shape))

    def stem(self, filters: int, stride: int) -> None:
        self._pad("stem", STEM_KERNEL)
        self.add("stem", "conv", op.Convolution(STEM_KERNEL, stride, filters))
        self._normalize("stem")
        self._activate("stem", self.architecture.activation)

    def block(self, name: str, stage: Stage, filters: int, stride: int, drop_rate: float) -> None:
        """Add a mobile inverted bottleneck block: expand, filter, squeeze and excite, project."""
        entry, channels = self.here, self.shape[-1]
        activation = self.architecture.activation
        if stage.expansion > 1:
            self.pointwise(f"{name}_expand", channels * stage.expansion, activation)
        self._depthwise(f"{name}_depthwise", stage.kernel, stride)
        self._squeeze_and_excite(f"{name}_se", max(1, channels // 4))
        self.pointwise(f"{name}_project", filters, None)
        if stride == 1 and channels == filters:
            if drop_rate > 0:
                self.add(f"{name}_drop", "", op.Dropout(drop_rate, whole_samples=True))
            self.add(f"{name}_add", "", op.Add(), entry, self.here)

    def top(self, filters: int, dropout: float) -> None:
        # The k-models have no activation after the last batch normalisation.
        self.pointwise("top", filters, self.architecture.activation if self.baseline else None)
        self.add("average", "", op.GlobalAverage(flat=True))
        self.add("dropout", "", op.Dropout(dropout))
        self.add("classifier", "logits", op.Dense(self.architecture.classes))
        self.add("classifier", "softmax", op.Softmax())

    def _pad(self, layer: str, kernel: int) -> None:
        """Pad for a layer that strides, or would.

        Known odd sizes are padded evenly. The networks were counted with the input size known
        and trained with it unknown, which takes the rule for even sizes at every size.
        """
        odd = self.shape[0] % 2 == 1 and self.architecture.padding == "counted"
        before = kernel // 2 if odd else kernel // 2 - 1
        self.add(layer, "pad", op.Pad(before, kernel // 2))

    def _normalize(self, layer: str) -> None:
        self.add(layer, "bn", op.BatchNormalization(self.architecture.bn_momentum))

    def _activate(self, layer: str, function: op.Function) -> None:
        self.add(layer, "activation", op.Activation(function))

    def _depthwise(self, layer: str, kernel: int, stride: int) -> None:
        if stride > 1:
            self._pad(layer, kernel)
        self.add(layer, "conv", op.DepthwiseConvolution(kernel, stride))
        self._normalize(layer)
        self._activate(layer, self.architecture.activation)

    def _squeeze_and_excite(self, layer: str, filters: int) -> None:
        entry, channels = self.here, self.shape[-1]
        self.add(f"{layer}_squeeze", "", op.GlobalAverage(flat=False))
        self.pointwise(f"{layer}_reduce", filters, self.architecture.activation, bias=True)
        self.pointwise(f"{layer}_expand", channels, "sigmoid", bias=True)
        self.add(f"{layer}_excite", "", op.Scale(), entry, self.here)

    def pointwise(
        self, layer: str, filters: int, activation: op.Function | None, *, bias: bool = False
    ) -> None:
        """Add a pointwise unit, replaced where the variant's rule says so.

        The unit is a convolution with either a bias or batch normalisation, then the
        activation; K and L each have their own.
        """
        normalization = None if bias else op.BatchNormalization(self.architecture.bn_momentum)
        function = op.Activation(activation) if activation is not None else None
        replacement = self.architecture.replacement(layer, self.shape[-1], filters)
        self.pointwise_layers.append(layer)
        if replacement is None:
            kind: op.Initializer = "fan_out_normal" if self.baseline else "glorot_uniform"
            self._unit(layer, "", op.Pointwise(filters, bias, kind), normalization, function)
        else:
            self.replaced_unit(layer, replacement, bias, normalization, function)

    def replaced_unit(
        self,
        layer: str,
        replacement: Replacement,
        bias: bool,
        normalization: op.BatchNormalization | None,
        activation: op.Activation | None,
    ) -> None:
        """Add layers K and L, each with normalisation and activation of its own, and their sum."""
        k = op.GroupedPointwise(replacement.k, bias)
        self._unit(layer, "k_", k, normalization, activation)
        if replacement.output_interleave > 1:
            self.add(layer, "interleave", op.Interleave(replacement.output_interleave))
        if replacement.l is not None:
            entry = self.here
            l_of_k = op.GroupedPointwise(replacement.l, bias)
            self._unit(layer, "l_", l_of_k, normalization, activation)
            self.add(layer, "sum", op.Add(), entry, self.here)

    def _unit(
        self,
        layer: str,
        path: str,
        convolution: op.Operation,
        normalization: op.BatchNormalization | None,
        activation: op.Activation | None,
    ) -> None:
        self.add(layer, f"{path}conv", convolution)
        if normalization is not None:
            self.add(layer, f"{path}bn", normalization)
        if activation is not None:
            self.add(layer, f"{path}activation", activation)


def _strides(skip: int) -> list[int]:
    """Return the strides of stem and stages, the first `skip` of those above 1 made 1."""
    strides = [2, *(stage.stride for stage in STAGES)]
    for place, stride in enumerate(strides):
        if stride > 1 and skip > 0:
            strides[place] = 1
            skip -= 1
    return strides


def _scaled(filters: int, width: float) -> int:
    """EfficientNet's width scaling: to a multiple of 8, and not down by more than a tenth."""
    wanted = filters * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


def _letter(repeat: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[repeat]
