"""Which pointwise layers of a model are replaced, and by what: from a model and Ch to a report."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras

from kreproduce.errors import SettingsError
from kreproduce.network import operations as op
from kreproduce.network.any_model import cost as counting
from kreproduce.network.any_model.graph import Shape
from kreproduce.network.any_model.report import GroupingReport, LayerReport
from kreproduce.network.any_model.units import Reason, Unit, find, heads
from kreproduce.network.architecture import Architecture
from kreproduce.network.channels import Ch, check_patterns, chosen, matches, normalized, replacement
from kreproduce.network.cost import node_cost
from kreproduce.network.description import describe_replacement
from kreproduce.network.grouping import Grouping, Interleaving, Replacement
from kreproduce.text import quoted

Variant = Literal["v1", "v2"]


@dataclass(frozen=True)
class Replaced:
    """A unit and what stands in its place.

    Attributes:
        unit: the pointwise layer with what follows it alone.
        replacement: K and L.
        nodes: the operations in its place, each after those that it reads.
    """

    unit: Unit
    replacement: Replacement
    nodes: tuple[op.Node, ...]


@dataclass(frozen=True)
class Plan:
    """What is to be done to a model.

    Attributes:
        model: that was read; nothing of it is changed.
        replaced: units to be replaced, by the `id` of the pointwise layer.
        report: what becomes of each.
    """

    model: keras.Model
    replaced: dict[int, Replaced]
    report: GroupingReport


def plan(
    model: keras.Model,
    *,
    ch: Any,
    keep: str | Sequence[str] = (),
    layer_l: bool = True,
    variant: Variant = "v2",
    interleaving: Interleaving = "authors",
) -> Plan:
    """Decide what becomes of each pointwise layer of a model; the arguments of `group_pointwise`.

    Raises:
        SettingsError: the model cannot be read, a setting has no meaning, or a pattern decides
            nothing.
    """
    channels = normalized(ch)
    if channels is None:
        raise SettingsError("ch says how many channels a group has, as in ch=16; it is None")
    if variant not in ("v1", "v2"):
        raise SettingsError(f"variant: {quoted(variant)} is refused; it is v1 or v2")
    # Checks the settings, too.
    method = Architecture(variant=variant, ch=1, layer_l=layer_l, interleaving=interleaving)
    units, graphs = find(model)
    paths = [unit.path for unit in units]
    patterns = [pattern for pattern, _ in channels] if isinstance(channels, tuple) else []
    check_patterns(patterns, paths)
    kept = [keep] if isinstance(keep, str) else keep
    if not isinstance(kept, list | tuple) or not all(isinstance(one, str) for one in kept):
        raise SettingsError(f"keep: {quoted(keep)} is refused; give patterns of layers' names")
    for pattern in kept:
        check_patterns([pattern], paths, "keep")
    graph = graphs[id(model)]
    last = heads(graph, graphs)

    taken = {str(one.name) for read in graphs.values() for one in read.model.operations}

    def replace(ch: Ch, unit: Unit) -> Replacement | None:
        return replacement(
            ch,
            unit.channels,
            unit.filters,
            lambda number: method.replaced_by(number, unit.channels, unit.filters),
        )

    replaced, rows = {}, []
    for unit in units:
        rule, one = chosen(channels, unit.path)
        found, reason = None, _kept(unit, kept, last, rule, one)
        if reason is None:
            assert one is not None
            found = replace(one, unit)
            if found is None:
                share = isinstance(one, str) and one.startswith("share")
                reason = Reason.NO_SHARE if share else Reason.FEW_CHANNELS
        row, nodes = _row(unit, _free_name(unit, taken), rule, found, reason)
        rows.append(row)
        if found is not None:
            replaced[id(unit.layer)] = Replaced(unit, found, nodes)
    cost = counting.model_cost(graph, graphs)
    report = GroupingReport(graph.model.name, tuple(rows), cost, tuple(sorted(last)))
    return Plan(model, replaced, report)


def one_group(unit: Unit, name: str) -> Replaced:
    """Return what computes the same as a unit: layer K with one group, without L.

    Args:
        unit: to be replaced.
        name: of what stands for it.
    """
    replacement = Replacement(Grouping(unit.channels, unit.filters, 1, unit.channels))
    return Replaced(unit, replacement, _nodes(unit, name, replacement))


def _nodes(unit: Unit, name: str, found: Replacement) -> tuple[op.Node, ...]:
    return describe_replacement(
        name,
        (1, 1, unit.channels),
        found,
        bias=unit.bias,
        normalized=bool(unit.normalization),
        activated=bool(unit.activation),
    )


def _free_name(unit: Unit, taken: set[str]) -> str:
    """Return a name of which what stands for a unit can be named, as nothing in the model is."""
    name = str(unit.layer.name)
    while any(
        re.match(re.escape(name) + r"_([kl]_|sum|depthwise|interleave)", one) for one in taken
    ):
        name += "_grouped"
    return name


def _kept(
    unit: Unit, kept: Sequence[str], last: set[str], rule: str | None, ch: Ch | None
) -> Reason | None:
    """Return why a unit is kept, before its replacement is looked for."""
    if any(matches(unit.path, pattern) for pattern in kept):
        return Reason.KEPT
    if {unit.path, *unit.absorbed} & last and rule != unit.path:
        return Reason.HEAD
    if unit.reason is not None:
        return unit.reason
    if rule is None:
        return Reason.NO_PATTERN
    return Reason.KEPT if ch is None else None


def _row(
    unit: Unit, name: str, rule: str | None, found: Replacement | None, reason: Reason | None
) -> tuple[LayerReport, tuple[op.Node, ...]]:
    """Return what the report says of a unit, and the operations that replace it."""
    weights = unit.channels * unit.filters + unit.bias * unit.filters
    before = _Cost(weights, _operations(unit), 0)
    after = before
    nodes: tuple[op.Node, ...] = ()
    if found is not None:
        nodes = _nodes(unit, name, found)
        after = _after(unit, nodes)
    row = LayerReport(
        path=unit.path,
        kind=unit.kind,
        channels=unit.channels,
        filters=unit.filters,
        rule=rule,
        ch=found.k.group_channels if found else None,
        reason=reason,
        groups=(found.k.groups, found.l.groups if found.l else 0) if found else None,
        parameters=(before.parameters, after.parameters),
        operations=(before.operations, after.operations),
        added=(after.parameters - before.parameters + after.untrainable) * _bytes(unit),
    )
    return row, nodes


@dataclass(frozen=True)
class _Cost:
    """Of the pointwise layer, and of what its replacement has besides: the second of everything."""

    parameters: int
    operations: int | None
    untrainable: int


def _after(unit: Unit, nodes: tuple[op.Node, ...]) -> _Cost:
    positions = _positions(unit)
    parameters = untrainable = operations = 0
    for node in nodes:
        if isinstance(node.operation, op.GroupedPointwise):
            cost = node_cost(node)
            parameters += cost.parameters
            operations += cost.operations * (positions or 0)
    times = sum(isinstance(node.operation, op.GroupedPointwise) for node in nodes)
    # The first normalisation and activation take the place of the unit's own.
    for call in (*unit.normalization[:1], *(unit.activation[0] if unit.activation else ())):
        trained, fixed, _ = counting.weights_of(call.operation)
        parameters += (times - 1) * trained
        untrainable += (times - 1) * fixed
    for calls in unit.activation:
        for call in calls:
            # Elementwise, so what it gives has the shape of what it reads.
            one = counting.call_operations(call, call.inputs[0].shape)
            operations += (times - 1) * (one or 0) * unit.times
    if unit.fused is not None:
        per_value = counting.function_operations(unit.fused, unit.filters)
        operations += times * per_value * (positions or 0)
    return _Cost(parameters, operations if positions is not None else None, untrainable)


def _operations(unit: Unit) -> int | None:
    """Return the operations of the layer itself; of a separable one those of its second half."""
    positions = _positions(unit)
    if positions is None:
        return None
    fused = counting.function_operations(unit.fused, unit.filters) if unit.fused else 0
    products = 2 * unit.channels * unit.filters + unit.bias * unit.filters
    return positions * (products + fused)


def _bytes(unit: Unit) -> int:
    """Return the bytes of one weight."""
    return counting.itemsize(unit.layer.variable_dtype)


def _positions(unit: Unit) -> int | None:
    """Return at how many places all calls apply the layer; None where a size is unknown."""
    total = 0
    for call in unit.calls:
        shape = _output_shape(unit, call)
        if None in shape:
            return None
        total += counting.size(shape[:-1])
    return total * unit.times


def _output_shape(unit: Unit, call: Any) -> Shape:
    shape = (None, *call.inputs[0].shape)
    return tuple(unit.layer.compute_output_shape(shape)[1:])
