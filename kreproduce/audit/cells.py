"""The cells of Tables 1 to 8: counts and percentages recomputed, accuracies from the raw runs."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kreproduce import paper
from kreproduce.audit.check import Check, check
from kreproduce.tables import NUMBERS, recomputed
from kreproduce.tables.causes import cause
from kreproduce.tables.contents import label, printed_rows

# They say which row it is, and are nothing to recompute.
_GIVEN = ("ic", "f", "ch", "size", "model")


def checks() -> Iterator[Check]:
    """Yield one check per cell."""
    for table in NUMBERS:
        yield from _counts(table)
        if table in paper.TRAINED:
            yield from _accuracies(table)


def _counts(table: int) -> Iterator[Check]:
    for printed, cells in zip(printed_rows(table), recomputed.rows(table), strict=True):
        for column, value in cells.items():
            if column not in _GIVEN:
                yield _cell(table, label(table, printed), column, printed[column], value)


def _accuracies(table: int) -> Iterator[Check]:
    """Those of which the authors published the run."""
    for row in paper.rows(table):
        raw = paper.raw_accuracy(row)
        if raw is not None:
            value = recomputed.rounded(raw, 2)
            yield _cell(table, row.label, "test_accuracy", row.test_accuracy, value)


def _cell(table: int, row: str, column: str, printed: Any, value: Any) -> Check:
    known = paper.erratum(table, row, column)
    why = cause(known) if known else ""
    return check(
        f"Table {table}",
        f"{row}: {column}",
        _text(column, printed),
        _text(column, value),
        holds=printed == value,
        # An erratum whose cause does not give the print is not understood.
        right=_text(column, Decimal(known.right)) if known and why else "",
        code=known.finding if known else "",
        why=why,
    )


def _text(column: str, value: Decimal | int) -> str:
    return f"{value}%" if column.endswith(("percent", "accuracy")) else f"{value:,}"
