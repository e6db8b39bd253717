"""The pointwise layers of a model, each with what follows it alone, or the reason why it stays."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import keras
from keras import layers

from kreproduce.network.any_model.graph import (
    Call,
    Graph,
    Tensor,
    constants,
    is_nested,
    is_stock,
    read,
)
from kreproduce.network.layers import BatchNormalization, Conv2D


class Reason(StrEnum):
    """Why a pointwise layer is kept."""

    KEPT = "kept by the user"
    HEAD = "the last layer with weights before an output"
    NO_PATTERN = "no pattern of ch matches it"
    FEW_CHANNELS = "too few channels for this ch"
    NO_SHARE = "no ch leaves so small a share"
    GROUPED = "grouped already"
    CHANNELS_FIRST = "its channels are not the last axis"
    SHARED = "called in several places, with different layers after it"
    SHARED_AFTER = "the normalisation or activation after it serves other layers, too"
    ACTIVATION = "its activation is not known to act on each value alone"
    WHOLE_KERNEL = "its regulariser or constraint looks at the shape of the kernel"
    CUSTOM = "a class that is not Keras' own"
    INSIDE = "inside another layer"
    QUANTIZED = "quantised, or with a low-rank addition"
    MASKED = "the model masks its steps"
    UNBUILT = "its weights were never made"


@dataclass(frozen=True)
class Unit:
    """A pointwise layer with the batch normalisation and the activation that follow it alone.

    Attributes:
        path: names of the nested models and of the layer, joined by "/".
        layer: the pointwise layer.
        kind: its class.
        channels: of its input.
        filters: of its output.
        bias: whether it has one.
        calls: its calls.
        normalization: the call of batch normalisation after each call; None without.
        activation: the calls of elementwise functions after that, in order; empty without.
        times: how often the model that it stands in is called.
        reason: why it cannot be replaced; None if it can.
    """

    path: str
    layer: Any
    kind: str
    channels: int
    filters: int
    bias: bool
    calls: tuple[Call, ...]
    normalization: tuple[Call, ...] = ()
    activation: tuple[tuple[Call, ...], ...] = ()
    times: int = 1
    reason: Reason | None = None

    @property
    def fused(self) -> Any | None:
        """The activation of the layer itself; None if it has none."""
        function = self.layer.activation
        return None if function is keras.activations.linear else function

    @property
    def absorbed(self) -> frozenset[str]:
        """Paths of what is replaced together with the layer."""
        prefix, slash, _ = self.path.rpartition("/")
        calls = [*self.normalization, *(call for one in self.activation for call in one)]
        return frozenset(f"{prefix}{slash}{call.name}" for call in calls)

    @property
    def weighted(self) -> list[Any]:
        """The layers of it that have weights, each once."""
        calls = [*self.normalization[:1], *(self.activation[0] if self.activation else ())]
        return [self.layer, *(one.operation for one in calls if _weights(one.operation))]

    @property
    def last(self) -> Any:
        """The last layer of it, of which its output has the precision."""
        calls = [*self.normalization[:1], *(self.activation[0] if self.activation else ())]
        own = [one.operation for one in calls if isinstance(one.operation, keras.layers.Layer)]
        return own[-1] if own else self.layer


_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU)
_MERGES = (
    layers.Add,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
_NAMES = """
    celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear
    log_sigmoid mish relu relu6 selu sigmoid silu soft_shrink softplus softsign sparse_plus
    sparse_sigmoid squareplus tanh tanh_shrink threshold
"""
_FUNCTIONS = {getattr(keras.activations, name) for name in _NAMES.split()}
# Over the channels, so nothing of one unit: the sum of K and L goes through them.
_OVER_CHANNELS = {keras.activations.softmax, keras.activations.log_softmax}
# The classes of `keras.ops` that act on each value alone.
_OPERATION_NAMES = """
    Abs Absolute Add Cast Celu Clip Divide Elu Erf Exp Expm1 Gelu HardShrink HardSigmoid HardSilu
    HardTanh LeakyRelu Log Log1p LogSigmoid Maximum Minimum Multiply Negative Power Reciprocal Relu
    Relu6 Rsqrt Selu Sigmoid Silu SoftShrink Softplus Softsign SparsePlus Sqrt Square Squareplus
    Subtract Tanh TanhShrink Threshold TrueDivide
"""
_OPERATIONS = frozenset(_OPERATION_NAMES.split())
_ELEMENTWISE_REGULARIZERS = (
    keras.regularizers.L1,
    keras.regularizers.L2,
    keras.regularizers.L1L2,
)
_OVER_A_FILTER = (
    keras.constraints.MaxNorm,
    keras.constraints.MinMaxNorm,
    keras.constraints.UnitNorm,
)


def find(
    model: keras.Model, prefix: str = "", times: int = 1, masked: bool = False
) -> tuple[list[Unit], dict[int, Graph]]:
    """Find the pointwise layers of a model and of those nested in it.

    Args:
        model: to be read.
        prefix: of the paths.
        times: how often it is called where it is nested.
        masked: whether a model that it is nested in masks its steps.

    Returns:
        the units, in the model's order; and the graph of each model, by its `id`.

    Raises:
        SettingsError: a model cannot be read, see `graph.read`.
    """
    graph = read(model)
    graphs = {id(model): graph}
    units: list[Unit] = []
    seen: set[int] = set()
    masked = masked or any(map(_masks, model._flatten_layers()))
    for call in graph.calls:
        layer = call.operation
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if is_nested(layer):
            calls = times * len(graph.calls_of(layer))
            inner, inner_graphs = find(layer, f"{prefix}{layer.name}/", calls, masked)
            units += inner
            graphs |= inner_graphs
        elif any(is_pointwise(layer, one) for one in graph.calls_of(layer)):
            units.append(replace(_unit(graph, layer, prefix, masked), times=times))
        else:
            units += _inside(layer, prefix)
    if not prefix:
        units = _once(units)
    return units, graphs


def _masks(layer: Any) -> bool:
    """Whether a layer may make a mask; Keras' own but for these only hand one on."""
    own = not is_stock(layer) and "compute_mask" in vars(type(layer))
    return own or isinstance(layer, layers.Masking) or getattr(layer, "mask_zero", False)


def is_pointwise(layer: Any, call: Call) -> bool:
    """Whether a layer is a pointwise convolution, or has one as its second half."""
    if isinstance(layer, _SEPARABLE):
        return True
    if isinstance(layer, _CONVOLUTIONS):
        return all(size == 1 for size in layer.kernel_size)
    return isinstance(layer, layers.Dense) and len(call.inputs[0].shape) > 1


def heads(graph: Graph, graphs: dict[int, Graph], prefix: str = "") -> set[str]:
    """Return the paths of the last layers with weights before the outputs."""
    found: set[str] = set()
    pending, seen = list(graph.outputs), set(graph.outputs)
    while pending:
        call = graph.source(pending.pop())
        if call is None:
            continue
        if is_nested(call.operation) and call.operation.weights:
            inner = graphs[id(call.operation)]
            found |= heads(inner, graphs, f"{prefix}{call.name}/")
        elif getattr(call.operation, "weights", None):
            found.add(f"{prefix}{call.name}")
        else:
            new = [tensor for tensor in call.inputs if tensor not in seen]
            seen |= set(new)
            pending += new
    return found


def _unit(graph: Graph, layer: Any, prefix: str, masked: bool) -> Unit:
    calls = graph.calls_of(layer)
    kernel = getattr(layer, "pointwise_kernel", None)
    if kernel is None:
        kernel = getattr(layer, "kernel", None)
    channels, filters = (0, 0) if kernel is None else (int(kernel.shape[-2]), int(kernel.shape[-1]))
    groups = getattr(layer, "groups", 1)
    alone = Unit(
        f"{prefix}{layer.name}",
        layer,
        type(layer).__name__,
        channels * groups,
        filters,
        bool(layer.use_bias),
        tuple(calls),
    )
    reason = _own_reason(layer, kernel, masked)
    if reason is None and len({len(call.inputs[0].shape) for call in calls}) > 1:
        reason = Reason.SHARED
    if reason is not None:
        return replace(alone, reason=reason)
    normalizations, activations = [], []
    for call in calls:
        normalization, activation, reason = _followers(graph, alone, call)
        if reason is not None:
            return replace(alone, reason=reason)
        normalizations.append(normalization)
        activations.append(activation)
    signatures = {
        (_signature(normalization), tuple(map(_signature, activation)))
        for normalization, activation in zip(normalizations, activations, strict=True)
    }
    if len(signatures) > 1:
        return replace(alone, reason=Reason.SHARED)
    after = [normalizations[0], *activations[0]]
    if any(one is not None and _serves_others(graph, one, calls) for one in after):
        return replace(alone, reason=Reason.SHARED_AFTER)
    return replace(
        alone,
        normalization=tuple(one for one in normalizations if one is not None),
        activation=tuple(activations) if activations[0] else (),
    )


def _own_reason(layer: Any, kernel: Any, masked: bool) -> Reason | None:
    """Return why a layer cannot be replaced, whatever stands around it."""
    if kernel is None:
        return Reason.UNBUILT
    if not is_stock(layer) and not isinstance(layer, Conv2D):
        return Reason.CUSTOM
    if getattr(layer, "groups", 1) > 1:
        return Reason.GROUPED
    if getattr(layer, "data_format", None) == "channels_first":
        return Reason.CHANNELS_FIRST
    if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        return Reason.QUANTIZED
    if masked:
        return Reason.MASKED
    if layer.activation not in _FUNCTIONS:
        return Reason.ACTIVATION
    if layer.activity_regularizer is not None or not all(_carried(layer)):
        return Reason.WHOLE_KERNEL
    return None


def _carried(layer: Any) -> Iterator[bool]:
    """Whether each regulariser and constraint means the same for a kernel of another shape."""
    half = "pointwise" if isinstance(layer, _SEPARABLE) else "kernel"
    for name in (half, "bias"):
        regularizer = getattr(layer, f"{name}_regularizer")
        yield regularizer is None or type(regularizer) in _ELEMENTWISE_REGULARIZERS
        constraint = getattr(layer, f"{name}_constraint")
        yield (
            constraint is None
            or type(constraint) is keras.constraints.NonNeg
            or (name != "bias" and over_a_filter(layer, constraint))
        )


def over_a_filter(layer: Any, constraint: Any) -> bool:
    """Whether a constraint is one on the norm of each filter's weights."""
    if type(constraint) not in _OVER_A_FILTER:
        return False
    axes = constraint.axis if isinstance(constraint.axis, list | tuple) else [constraint.axis]
    kernel = layer.pointwise_kernel if isinstance(layer, _SEPARABLE) else layer.kernel
    rank = len(kernel.shape)
    counted = {axis % rank for axis in axes}
    # The axes before the channels are 1 long.
    return rank - 2 in counted and rank - 1 not in counted


def _followers(
    graph: Graph, unit: Unit, call: Call
) -> tuple[Call | None, tuple[Call, ...], Reason | None]:
    """Return the batch normalisation and the activation that follow a call alone, or a reason."""
    here = graph.output_of(call)
    if here is None:
        return None, (), None
    normalization = None
    if unit.fused is None:
        after = _only_consumer(graph, here)
        if after is not None and _normalizes_channels(after):
            normalization = after
            here = graph.output_of(after)
    if here is None:
        return normalization, (), None
    after = _only_consumer(graph, here)
    if after is not None and isinstance(after.operation, layers.Activation):
        function = after.operation.activation
        if function not in _FUNCTIONS | _OVER_CHANNELS:
            return None, (), Reason.ACTIVATION
    return normalization, _region(graph, here), None


def _serves_others(graph: Graph, call: Call, calls: list[Call]) -> bool:
    """Whether the weights of a layer after a unit are used elsewhere, too."""
    return bool(_weights(call.operation)) and len(graph.calls_of(call.operation)) != len(calls)


def _weights(operation: Any) -> list[Any]:
    return getattr(operation, "weights", [])


def _only_consumer(graph: Graph, tensor: Tensor) -> Call | None:
    consumers = graph.consumers(tensor)
    return consumers[0] if len(consumers) == 1 and tensor not in graph.outputs else None


def _normalizes_channels(call: Call) -> bool:
    layer = call.operation
    return (
        type(layer) in (layers.BatchNormalization, BatchNormalization)
        and len(call.inputs) == 1
        and layer.axis in (-1, len(call.inputs[0].shape))
    )


def _region(graph: Graph, start: Tensor) -> tuple[Call, ...]:
    """Return the largest set of elementwise calls on a tensor alone that has one output.

    A function such as x * relu6(x + 3) / 6, written out, reads the tensor twice: it is one
    activation, and belongs to the unit as a whole or not at all.
    """
    reached: list[Call] = []
    known, pending = {start}, graph.consumers(start)[:]
    while pending:
        call = pending.pop(0)
        output = graph.output_of(call)
        if call in reached or output is None or not _is_elementwise(call):
            continue
        if all(tensor in known for tensor in call.inputs):
            reached.append(call)
            known.add(output)
            pending += graph.consumers(output)
    for last in reversed(reached):
        region = [call for call in reached if call in _ancestors(graph, last, reached)]
        inner = [start, *(graph.output_of(call) for call in region if call is not last)]
        if all(
            tensor not in graph.outputs
            and all(consumer in region for consumer in graph.consumers(tensor))
            for tensor in inner
            if tensor is not None
        ):
            return tuple(region)
    return ()


def _ancestors(graph: Graph, last: Call, among: list[Call]) -> list[Call]:
    """Return a call and those among others that it depends on."""
    found, pending = [last], [last]
    while pending:
        for tensor in pending.pop().inputs:
            source = graph.source(tensor)
            if source is not None and source in among and source not in found:
                found.append(source)
                pending.append(source)
    return found


def _is_elementwise(call: Call) -> bool:
    operation = call.operation
    if isinstance(operation, layers.Activation):
        return operation.activation in _FUNCTIONS
    if isinstance(operation, keras.layers.Layer):
        return is_stock(operation) and isinstance(operation, (*_ACTIVATIONS, *_MERGES))
    scalars = all(
        one is None or isinstance(one, bool | int | float | str)
        for one in constants((call.args, call.kwargs))
    )
    return is_stock(operation) and type(operation).__name__ in _OPERATIONS and scalars


def _signature(call: Call | None) -> Any:
    """Return what two calls have in common that do the same: a layer, or an operation alike."""
    if call is None:
        return None
    own = isinstance(call.operation, keras.layers.Layer)
    kind = call.name if own else type(call.operation).__name__
    return kind, tuple(map(repr, constants((call.args, call.kwargs))))


def _inside(layer: Any, prefix: str) -> list[Unit]:
    """Return the pointwise layers that a layer keeps to itself, as units that are kept."""
    if not isinstance(layer, keras.layers.Layer):
        return []
    found = []
    for inner in layer._flatten_layers(include_self=False):
        kernel = getattr(inner, "kernel", None)
        if isinstance(inner, layers.Dense) or (
            isinstance(inner, _CONVOLUTIONS) and set(inner.kernel_size) == {1}
        ):
            channels, filters = (0, 0) if kernel is None else map(int, kernel.shape[-2:])
            found.append(
                Unit(
                    f"{prefix}{layer.name}/{inner.name}",
                    inner,
                    type(inner).__name__,
                    channels,
                    filters,
                    bool(inner.use_bias),
                    (),
                    reason=Reason.INSIDE,
                )
            )
    return found


def _once(units: list[Unit]) -> list[Unit]:
    """Keep as they are the layers that stand in several of the models nested in each other."""
    times = Counter(id(layer) for unit in units for layer in unit.weighted)
    return [
        unit
        if unit.reason or all(times[id(layer)] == 1 for layer in unit.weighted)
        else replace(unit, reason=Reason.SHARED)
        for unit in units
    ]
