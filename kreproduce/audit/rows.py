"""The tables that claims speak of: counts recomputed, accuracies with their errata set right."""

from decimal import Decimal
from functools import cache
from typing import Any

from kreproduce import paper
from kreproduce.tables import recomputed

_BASELINE = "EfficientNet-B0 baseline"


@cache
def rows(table: int) -> dict[str, dict[str, Any]]:
    """The rows of a table by label without "kEffNet-B0", with "accuracy" in percent."""
    found: dict[str, dict[str, Any]] = {}
    for row, cells in zip(paper.rows(table), recomputed.rows(table), strict=True):
        right = paper.right(table, row.label, "test_accuracy")
        name = "baseline" if row.label == _BASELINE else row.label.removeprefix("kEffNet-B0 ")
        found[name] = cells | {"accuracy": Decimal(right or row.test_accuracy)}
    return found


def cell(table: int, row: str, column: str) -> Any:
    """A cell of `rows`."""
    return rows(table)[row][column]


def accuracy(table: int, row: str) -> Decimal:
    """A row's test accuracy in percent."""
    return Decimal(cell(table, row, "accuracy"))


def variants(table: int) -> dict[str, dict[str, Any]]:
    """The rows of a table but the baseline's."""
    return {name: row for name, row in rows(table).items() if name != "baseline"}
