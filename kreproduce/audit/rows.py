"""The tables that claims speak of: counts recomputed, accuracies of the authors' raw runs."""

from decimal import Decimal
from functools import cache
from typing import Any

from kreproduce import paper
from kreproduce.tables import recomputed

_BASELINE = "EfficientNet-B0 baseline"


@cache
def rows(table: int) -> dict[str, dict[str, Any]]:
    """Return the rows of a table by label without "kEffNet-B0", with "accuracy" in percent.

    The accuracy is the raw run's, unrounded; where none is published, it is what is printed.
    """
    found: dict[str, dict[str, Any]] = {}
    for row, cells in zip(paper.rows(table), recomputed.rows(table), strict=True):
        name = "baseline" if row.label == _BASELINE else row.label.removeprefix("kEffNet-B0 ")
        raw = paper.raw_accuracy(row)
        found[name] = cells | {"accuracy": row.test_accuracy if raw is None else raw}
    return found


def cell(table: int, row: str, column: str) -> Any:
    """Return a cell of `rows`."""
    return rows(table)[row][column]


def accuracy(table: int, row: str) -> Decimal:
    """Return a row's test accuracy in percent."""
    return Decimal(cell(table, row, "accuracy"))


def variants(table: int) -> dict[str, dict[str, Any]]:
    """Return the rows of a table but the baseline's."""
    return {name: row for name, row in rows(table).items() if name != "baseline"}


def most_accurate(table: int) -> list[str]:
    """Return the variants of the highest accuracy."""
    return _of_accuracy(table, max(row["accuracy"] for row in variants(table).values()))


def least_accurate(table: int) -> list[str]:
    """Return the variants of the lowest accuracy."""
    return _of_accuracy(table, min(row["accuracy"] for row in variants(table).values()))


def _of_accuracy(table: int, wanted: Decimal) -> list[str]:
    return [name for name, row in variants(table).items() if row["accuracy"] == wanted]
