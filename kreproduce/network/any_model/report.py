"""What becomes of a model's pointwise layers: one row per layer, totals, as text and as JSON."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from kreproduce.network.any_model.cost import ModelCost
from kreproduce.network.any_model.units import Reason
from kreproduce.text import some

_MEGA = 1e6


@dataclass(frozen=True)
class LayerReport:
    """One pointwise layer.

    Attributes:
        path: names of the nested models and of the layer, joined by "/".
        kind: its class.
        channels: of its input.
        filters: of its output.
        rule: the pattern of `ch` that decides it, "*" where there is one for all; None if none
            does.
        ch: channels of a group of layer K; None where the layer is kept.
        reason: why it is kept; None where it is grouped.
        groups: of K's first path and of L's, 0 without L; None where the layer is kept.
        parameters: before and after. Before are those of the layer; after, those of K and L and of
            the normalisation and activation that are there once more.
        operations: likewise, two a multiply-accumulate; None where a size of the image is unknown.
        added: bytes of weights that there are more after, or fewer; moving averages included.
    """

    path: str
    kind: str
    channels: int
    filters: int
    rule: str | None
    ch: int | None
    reason: Reason | None
    groups: tuple[int, int] | None
    parameters: tuple[int, int]
    operations: tuple[int | None, int | None]
    added: int = 0

    @property
    def grouped(self) -> bool:
        return self.reason is None


@dataclass(frozen=True)
class GroupingReport:
    """What becomes of a model; `str` of it is a table.

    Attributes:
        model: its name.
        layers: its pointwise layers, in its order.
        before: what it costs.
        heads: the last layers with weights before its outputs, which are kept.
    """

    model: str
    layers: tuple[LayerReport, ...]
    before: ModelCost
    heads: tuple[str, ...]

    @property
    def grouped(self) -> tuple[LayerReport, ...]:
        """The layers that are replaced."""
        return tuple(layer for layer in self.layers if layer.grouped)

    @property
    def parameters(self) -> tuple[int, int]:
        """Those that can be trained, before and after."""
        added = sum(layer.parameters[1] - layer.parameters[0] for layer in self.layers)
        return self.before.parameters, self.before.parameters + added

    @property
    def computations(self) -> tuple[int, int] | None:
        """The paper's, before and after; None where a size of the image is unknown."""
        added = 0
        for layer in self.layers:
            first, then = layer.operations
            if first is None or then is None:
                return None
            added += then - first
        return self.before.computations, (self.before.operations + added) // 2

    @property
    def size(self) -> tuple[float, float]:
        """Megabytes of the weights, before and after."""
        added = sum(layer.added for layer in self.layers)
        return self.before.size / _MEGA, (self.before.size + added) / _MEGA

    @property
    def reasons(self) -> Counter[Reason]:
        """How many layers are kept for each reason."""
        return Counter(layer.reason for layer in self.layers if layer.reason is not None)

    @property
    def rules(self) -> Counter[str]:
        """How many layers are replaced by each pattern of `ch`."""
        return Counter(layer.rule for layer in self.grouped if layer.rule is not None)

    @property
    def headline(self) -> str:
        """The first line: how many layers, and what is saved."""
        (parameters, fewer), (megabytes, less) = self.parameters, self.size
        computations = "computations unknown, for a size of the input is"
        if self.computations is not None:
            before, after = self.computations
            computations = f"computations {before:,} => {after:,}"
        return (
            f"{len(self.grouped)} of {len(self.layers)} pointwise layers grouped; "
            f"parameters {parameters:,} => {fewer:,}; {computations}; "
            f"file {megabytes:.1f} => {less:.1f} MB; no promise of speed: docs/speed.md"
        )

    def notes(self) -> list[str]:
        """Return what to say below the table: layers by reason, heads, what is not counted."""
        lines = []
        if len(self.rules) > 1:
            by_rule = (f"{rule!r}: {count}" for rule, count in self.rules.items())
            lines.append(f"grouped by pattern: {', '.join(by_rule)}")
        if self.reasons:
            by_reason = (f"{count} {reason}" for reason, count in self.reasons.items())
            lines.append(f"kept: {'; '.join(by_reason)}")
        if self.heads:
            lines.append(f"last layers with weights: {some(self.heads)}")
        if self.before.uncounted:
            lines.append(f"not counted: {some(self.before.uncounted)}")
        return lines

    def __str__(self) -> str:
        return "\n".join([self.headline, "", *_table(self.layers), "", *self.notes()]).rstrip()

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return {
            "model": self.model,
            "pointwise_layers": len(self.layers),
            "grouped_layers": len(self.grouped),
            "parameters": list(self.parameters),
            "computations": list(self.computations) if self.computations else None,
            "megabytes": [round(size, 3) for size in self.size],
            "heads": list(self.heads),
            "uncounted": list(self.before.uncounted),
            "layers": [_as_json(layer) for layer in self.layers],
        }


_COLUMNS = ("layer", "kind", "ic", "f", "rule", "ch", "groups", "parameters", "computations", "")


def _table(layers: tuple[LayerReport, ...]) -> list[str]:
    rows = [_COLUMNS, *map(_cells, layers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    left = (0, 1, 4, len(_COLUMNS) - 1)
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(layer: LayerReport) -> tuple[str, ...]:
    groups = "" if layer.groups is None else "+".join(str(one) for one in layer.groups if one)
    return (
        layer.path,
        layer.kind,
        str(layer.channels),
        str(layer.filters),
        layer.rule or "",
        str(layer.ch or ""),
        groups,
        _change(*layer.parameters),
        _change(*(None if one is None else one // 2 for one in layer.operations)),
        layer.reason or "",
    )


def _change(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "unknown"
    return f"{before:,}" if before == after else f"{before:,} => {after:,}"


def _as_json(layer: LayerReport) -> dict[str, Any]:
    return {
        "path": layer.path,
        "kind": layer.kind,
        "channels": layer.channels,
        "filters": layer.filters,
        "rule": layer.rule,
        "ch": layer.ch,
        "grouped": layer.grouped,
        "reason": layer.reason.name.lower() if layer.reason else None,
        "groups": list(layer.groups) if layer.groups else None,
        "parameters": list(layer.parameters),
        "operations": list(layer.operations),
    }
