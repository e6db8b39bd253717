"""A copy of a model in which grouped layers stand for its pointwise ones."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kreproduce.errors import SettingsError
from kreproduce.network import operations as op
from kreproduce.network.any_model.graph import Call, Tensor, as_functional, filled, is_nested
from kreproduce.network.any_model.plan import Plan, Replaced, Variant, plan
from kreproduce.network.any_model.report import GroupingReport
from kreproduce.network.any_model.units import Reason, over_a_filter
from kreproduce.network.channels import Ch
from kreproduce.network.grouping import Grouping, Interleaving, interleaved
from kreproduce.network.layers import GroupedPointwise, glorot_uniform
from kreproduce.network.lowering import LOWERINGS, Lowering
from kreproduce.network.stock import StockGrouped
from kreproduce.text import nearest, printable, quoted

# What a user has asked for, or expects, is no reason to warn.
_EXPECTED = {Reason.KEPT, Reason.HEAD, Reason.NO_PATTERN, Reason.FEW_CHANNELS, Reason.NO_SHARE}


def group_pointwise(
    model: keras.Model,
    *,
    ch: Ch | Mapping[str, Ch | None],
    keep: str | Sequence[str] = (),
    layer_l: bool = True,
    variant: Variant = "v2",
    interleaving: Interleaving = "authors",
    strict: bool = False,
    lowering: Lowering | None = None,
) -> keras.Model:
    """Return a copy of a model with its pointwise convolutions grouped, by the paper's rule.

    Replaced is each convolution with a kernel of one pixel, strided ones too, the pointwise half of
    a separable one, and each dense layer that is applied at every position: by layers K and L
    (section 2.8), together with the batch normalisation and the activation that follow it alone.
    Their weights are new, drawn as the authors' are. Everything else is copied with its weights.
    The last layer with weights before each output is kept.

    Args:
        model: functional or sequential; it is not changed.
        ch: channels per group: a number; "sqrt", the square root of a layer's channels;
            "share:0.15", the largest number by which a layer keeps at most that share of its
            weights; or a mapping of patterns to these, of which the first that matches a layer's
            path counts, None to keep.
        keep: patterns of layers to keep, whatever `ch` says.
        layer_l: False leaves out layer L and the interleaving.
        variant: "v2", this paper's rule, or "v1", the previous method's.
        interleaving: the step of v2: "authors" (F / Ch) or "paper" (equation 16).
        strict: refuse a layer that cannot be replaced, instead of keeping it with a warning.
        lowering: None builds the copy of Keras' own layers, so that plain Keras loads its file.
            Others are faster in training and need this package, see `network.lowering`.

    Returns:
        the copy, of new layers with the names of the old; compiled if the model is. Of a sequential
        model it is a functional one, for the sum of K and L is no sequence.

    Raises:
        SettingsError: the model cannot be copied, a setting has no meaning, a pattern decides no
            layer, or with `strict` a layer cannot be replaced.
    """
    if lowering not in (None, *LOWERINGS):
        raise SettingsError(
            f"lowering: {quoted(lowering, 60)} is refused; {nearest(str(lowering), LOWERINGS)}"
        )
    planned = plan(
        model, ch=ch, keep=keep, layer_l=layer_l, variant=variant, interleaving=interleaving
    )
    remarks = _remarks(planned.report)
    if strict and remarks:
        raise SettingsError(
            f"{printable(model.name)}: {remarks[0]}; leave strict out to have the others grouped"
        )
    copied, _ = carry_out(planned, lowering)
    if model.compiled:
        remarks += _compiled(model, copied)
    if remarks:
        warnings.warn("; ".join(remarks), stacklevel=2)
    return copied


def grouping_report(
    model: keras.Model,
    *,
    ch: Ch | Mapping[str, Ch | None],
    keep: str | Sequence[str] = (),
    layer_l: bool = True,
    variant: Variant = "v2",
    interleaving: Interleaving = "authors",
) -> GroupingReport:
    """Return what `group_pointwise` would do to a model, without doing it.

    The arguments, and what is raised, are those of `group_pointwise`.
    """
    return plan(
        model, ch=ch, keep=keep, layer_l=layer_l, variant=variant, interleaving=interleaving
    ).report


def carry_out(
    planned: Plan, lowering: Lowering | None = None
) -> tuple[keras.Model, list["Grouped"]]:
    """Make the copy that is planned; return it, not compiled, and what was put in it."""
    return _Copy(planned, lowering).made()


def hand_over(
    one: tuple[keras.Model, list["Grouped"]], other: tuple[keras.Model, list["Grouped"]]
) -> None:
    """Give one copy's weights to another that is computed otherwise, both of one plan.

    Args:
        one: what `carry_out` returned.
        other: the same, of another lowering.
    """
    theirs = layers_of(other[0])
    for path, layer in layers_of(one[0]).items():
        if path in theirs and GroupedPointwise not in (type(layer), type(theirs[path])):
            theirs[path].set_weights(layer.get_weights())
    for unit, its in zip(one[1], other[1], strict=True):
        for name, grouped in unit.grouped.items():
            its.grouped[name].set_weights([np.asarray(weight) for weight in grouped.get_weights()])


def layers_of(model: keras.Model, prefix: str = "") -> dict[str, Any]:
    """Return the layers of a model by their paths, those of nested models in their place."""
    found: dict[str, Any] = {}
    for layer in model.layers:
        if is_nested(layer):
            found |= layers_of(layer, f"{prefix}{layer.name}/")
        else:
            found[f"{prefix}{layer.name}"] = layer
    return found


class Grouped:
    """What replaces a unit: several layers, which have the same weights where it is called again.

    Attributes:
        unit: what it replaces.
        grouped: the layers K and L, by the names of their nodes.
    """

    def __init__(self, replaced: Replaced, lowering: Lowering | None) -> None:
        self.unit = replaced.unit
        self.grouped: dict[str, GroupedPointwise | StockGrouped] = {}
        self.name = replaced.nodes[0].layer
        self._nodes = replaced.nodes
        self._lowering = lowering
        self._layers: dict[str, tuple[Any, Any]] = {}  # each with what it is like
        self.calls = 0

    def __call__(self, inputs: Any) -> Any:
        """Apply it in place of one call of the pointwise layer."""
        call, self.calls = self.calls, self.calls + 1
        tensors = {op.INPUT: self._before(inputs)}
        for node in self._nodes:
            read = [tensors[name] for name in node.inputs]
            tensors[node.name] = self._applied(node, read, call)
        return tensors[self._nodes[-1].name]

    def _before(self, inputs: Any) -> Any:
        """Return what K reads: the output of a separable layer's first half, or each nth pixel."""
        layer = self.unit.layer
        if hasattr(layer, "depthwise_kernel"):
            name = f"{self.name}_depthwise"
            return self._own(name, lambda: _depthwise(layer, name))(inputs)
        strides = getattr(layer, "strides", ())
        if set(strides) <= {1}:
            return inputs
        each = (slice(None, None, stride) for stride in strides)
        return inputs[(slice(None), *each, slice(None))]

    def _applied(self, node: op.Node, inputs: list[Any], call: int) -> Any:
        unit = self.unit
        match node.operation:
            case op.GroupedPointwise(grouping=grouping, bias=bias):
                if node.name not in self.grouped:
                    self.grouped[node.name] = _grouped(
                        node.name, grouping, bias, unit.layer, self._lowering
                    )
                outputs = self.grouped[node.name](inputs[0])
                return outputs if unit.fused is None else self._fused(node, outputs)
            case op.BatchNormalization():
                return self._again(node, (unit.normalization[call],), inputs[0], call)
            case op.Activation():
                return self._again(node, unit.activation[call], inputs[0], call)
            case op.Interleave(step=step):
                return ops.take(inputs[0], interleaved(inputs[0].shape[-1], step), axis=-1)
            case op.Add():
                policy = self.unit.last.dtype_policy
                return layers.Add(name=_numbered(node.name, call), dtype=policy)(inputs)
        raise TypeError(f"nothing stands for {node.operation}")

    def _fused(self, node: op.Node, outputs: Any) -> Any:
        name = f"{node.name}_activation"
        layer = self.unit.layer
        return self._own(
            name, lambda: layers.Activation(layer.activation, name=name, dtype=layer.dtype_policy)
        )(outputs)

    def _again(self, node: op.Node, calls: tuple[Call, ...], inputs: Any, number: int) -> Any:
        """Apply the model's own normalisation or activation, as layers of its own."""
        found = {calls[0].inputs[0]: inputs}
        outputs = inputs
        for call in calls:
            name = node.name if len(calls) == 1 else f"{node.name}_{call.name}"
            if not isinstance(call.operation, keras.layers.Layer):
                name = _numbered(name, number)
            operation = self._own(name, partial(renamed, call.operation, name), call.operation)
            outputs = operation(*filled(call.args, found), **filled(call.kwargs, found))
            found[Tensor(call.name, call.number, 0, ())] = outputs
        return outputs

    def _own(self, name: str, made: Any, original: Any = None) -> Any:
        if name not in self._layers:
            self._layers[name] = (made(), original or self.unit.layer)
        return self._layers[name][0]

    def absorbed(self, call: int) -> Counter[str]:
        """Return how often each layer is called within the unit that one call stands for."""
        unit = self.unit
        activation = unit.activation[call] if unit.activation else ()
        calls = [*unit.normalization[call : call + 1], *activation]
        return Counter(one.name for one in calls)

    def take(self) -> None:
        """Take over the weights of a separable layer's first half."""
        layer = self.unit.layer
        if hasattr(layer, "depthwise_kernel"):
            depthwise, _ = self._layers[f"{self.name}_depthwise"]
            depthwise.set_weights([np.array(layer.get_weights()[0])])

    def take_all(self) -> None:
        """Take over the weights of the whole unit, where one group has as many as it had."""
        (grouped,) = self.grouped.values()
        kernel, *bias = self.unit.layer.get_weights()[-1 - self.unit.bias :]
        grouped.set_weights([kernel.reshape(1, self.unit.channels, -1), *bias])
        for layer, original in self._layers.values():
            if getattr(layer, "weights", None) and original is not self.unit.layer:
                layer.set_weights(original.get_weights())

    def freeze(self) -> None:
        """Have trainable and frozen what is so in the unit."""
        for grouped in self.grouped.values():
            for layer in grouped.layers if isinstance(grouped, StockGrouped) else [grouped]:
                layer.trainable = self.unit.layer.trainable
        for layer, original in self._layers.values():
            if isinstance(layer, keras.layers.Layer):
                layer.trainable = original.trainable


class _Copy:
    """One copy of a model: `clone_model` calls back for each layer and for each call of one."""

    def __init__(self, planned: Plan, lowering: Lowering | None) -> None:
        self._plan = planned
        self._lowering = lowering
        self._copies: dict[int, Any] = {}
        self._originals: dict[int, Any] = {}
        self._called_once: set[int] = set()
        # The output of a unit by its `id`, kept alive: it stands for the outputs within the unit.
        # With it, how often each layer of the unit is still to come.
        self._ended: dict[int, tuple[Any, Counter[str]]] = {}

    def made(self) -> tuple[keras.Model, list[Grouped]]:
        model = self._plan.model
        copied = self._model(model)
        for original in self._originals.values():
            new = self._copies[id(original)]
            if isinstance(new, Grouped):
                new.take()
            elif id(new) in self._called_once and isinstance(original, keras.layers.Layer):
                _take(original, new)
        self._thaw(model, copied)
        grouped = [new for new in self._copies.values() if isinstance(new, Grouped)]
        return copied, grouped

    def _model(self, model: keras.Model) -> keras.Model:
        functional = as_functional(model)
        if functional.compiled:  # `clone_model` would compile the copy, or fail to
            functional = type(functional)(functional.input, functional.output, name=functional.name)
        copied = keras.models.clone_model(
            functional,
            input_tensors=_inputs(functional),
            clone_function=self._layer,
            call_function=self._called,
        )
        if not isinstance(model, keras.Sequential) and type(copied) is not type(model):
            raise SettingsError(
                f"{printable(model.name)} is of a class of its own ({type(model).__name__}), which "
                "cannot be made of inputs and outputs; give keras.Model(model.input, model.output)"
            )
        return copied

    def _layer(self, layer: Any) -> Any:
        """Return the copy of a layer, or what replaces it, not yet called."""
        if id(layer) not in self._copies:
            replaced = self._plan.replaced.get(id(layer))
            if replaced is not None:
                new = Grouped(replaced, self._lowering)
            elif is_nested(layer):
                new = self._model(layer)
            else:
                new = renamed(layer, layer.name)
            self._copies[id(layer)] = new
            self._originals[id(layer)] = layer
        return self._copies[id(layer)]

    def _called(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a layer of the copy; what a unit has taken in hands on the unit's output."""
        if isinstance(layer, Grouped):
            inputs = args[0] if args else kwargs["inputs"]
            number = layer.calls
            outputs = layer(inputs)
            self._ended[id(outputs)] = (outputs, layer.absorbed(number))
            return outputs
        for tensor in keras.tree.flatten((args, kwargs)):
            _, absorbed = self._ended.get(id(tensor), (None, Counter[str]()))
            if absorbed[layer.name]:
                absorbed[layer.name] -= 1
                return tensor
        if not is_nested(layer):
            self._called_once.add(id(layer))
        return layer(*args, **kwargs)

    def _thaw(self, model: Any, copied: Any) -> None:
        """Have trainable and frozen what is so in the original, models before their layers."""
        copied.trainable = model.trainable
        for layer in as_functional(model).layers:
            new = self._copies.get(id(layer))
            if isinstance(new, Grouped):
                new.freeze()
            elif is_nested(layer):
                self._thaw(layer, new)
            elif new is not None:
                new.trainable = layer.trainable


def renamed(operation: Any, name: str) -> Any:
    """Return a new layer or operation like another."""
    config = operation.get_config()
    if "name" in config:
        config["name"] = name
    new = type(operation).from_config(config)
    new.name = name  # raw operations do not take theirs from the configuration
    return new


def _grouped(
    name: str, grouping: Grouping, bias: bool, layer: Any, lowering: Lowering | None
) -> GroupedPointwise | StockGrouped:
    """Return layer K or L, regularised and constrained as the layer that it is for."""
    half = "pointwise" if hasattr(layer, "pointwise_kernel") else "kernel"
    constraint = getattr(layer, f"{half}_constraint")
    if over_a_filter(layer, constraint):
        # A filter's weights are along axis 1 of both kernels, (groups, channels, filters).
        constraint = type(constraint).from_config(constraint.get_config() | {"axis": 1})
    settings: dict[str, Any] = {
        "kernel_regularizer": getattr(layer, f"{half}_regularizer"),
        "kernel_constraint": constraint,
        "dtype": layer.dtype_policy,
    }
    if bias:
        settings |= {
            f"bias_{what}": getattr(layer, f"bias_{what}")
            for what in ("initializer", "regularizer", "constraint")
        }
    if lowering is not None:
        return GroupedPointwise(
            grouping.filters,
            grouping.groups,
            grouping.group_channels,
            grouping.interleave,
            use_bias=bias,
            lowering=lowering,
            name=name,
            **settings,
        )
    drawn = [
        settings | {"kernel_initializer": glorot_uniform(grouping.group_channels, filters)}
        for filters in (grouping.groups * grouping.filters_per_group, grouping.remainder)
    ]
    return StockGrouped(name, grouping, bias, *drawn)


def _depthwise(layer: Any, name: str) -> keras.layers.Layer:
    """Return the first half of a separable convolution."""
    kind = layers.DepthwiseConv1D if len(layer.kernel_size) == 1 else layers.DepthwiseConv2D
    return kind(
        layer.kernel_size if len(layer.kernel_size) > 1 else layer.kernel_size[0],
        layer.strides if len(layer.strides) > 1 else layer.strides[0],
        layer.padding,
        layer.depth_multiplier,
        layer.data_format,
        layer.dilation_rate if len(layer.dilation_rate) > 1 else layer.dilation_rate[0],
        use_bias=False,
        depthwise_initializer=layer.depthwise_initializer,
        depthwise_regularizer=layer.depthwise_regularizer,
        depthwise_constraint=layer.depthwise_constraint,
        dtype=layer.dtype_policy,
        name=name,
    )


def _inputs(model: keras.Model) -> Any:
    """Return new inputs like a model's, named as they are."""
    own = {
        id(layer.output): layer
        for layer in model.layers
        if isinstance(layer, keras.layers.InputLayer)
    }

    def like(tensor: Any) -> Any:
        layer = own[id(tensor)]
        return keras.Input(
            batch_shape=layer.batch_shape,
            dtype=layer.dtype,
            sparse=tensor.sparse,
            name=layer.name,
            optional=layer.optional,
        )

    return keras.tree.map_structure(like, model.input)


def _take(original: keras.layers.Layer, new: keras.layers.Layer) -> None:
    """Copy all variables of a layer, the states of its random generators with them."""
    given, taken = original.variables, new.variables
    if [tuple(one.shape) for one in given] != [tuple(one.shape) for one in taken]:
        raise SettingsError(
            f"layer {quoted(original.name)} ({type(original).__name__}) comes out of its "
            "get_config with other weights than it has; it was changed after it was made"
        )
    for one, other in zip(given, taken, strict=True):
        # A copy, for JAX shares what it is given, and takes it away when it trains.
        other.assign(np.array(ops.convert_to_numpy(one)))
    if isinstance(new, layers.Normalization):
        new.finalize_state()  # its mean and variance in the form in which it uses them


def _compiled(model: keras.Model, copied: keras.Model) -> list[str]:
    """Compile a copy as the model is; return what is to be said if that fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras', of a lambda, which it then refuses
            copied.compile_from_config(model.get_compile_config())
    except Exception as error:  # of losses, metrics and optimizers of the user's own
        return [f"the copy is not compiled, for Keras cannot copy how ({printable(error, 120)})"]
    return []


def _remarks(report: GroupingReport) -> list[str]:
    """Return what a user should know of a copy: which layers stay that could not be replaced."""
    unexpected = {
        reason: count for reason, count in report.reasons.items() if reason not in _EXPECTED
    }
    if unexpected:
        kept = "; ".join(f"{count} {reason.value}" for reason, count in unexpected.items())
        total = sum(unexpected.values())
        return [f"{total} of {len(report.layers)} pointwise layers are kept: {kept}"]
    if not report.grouped:
        return ["no pointwise layer is grouped"]
    return []


def _numbered(name: str, call: int) -> str:
    return f"{name}_{call}" if call else name
