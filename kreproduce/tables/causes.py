"""Why the paper prints a wrong cell, computed from the networks and the raw runs."""

import re
from decimal import ROUND_FLOOR, Decimal
from typing import cast

from kreproduce import paper
from kreproduce.network.architecture import Architecture, Size
from kreproduce.network.cost import Cost, count
from kreproduce.tables import recomputed


def cause(erratum: paper.Erratum) -> str:
    """Return what makes of the right cell the printed one, in a phrase with its numbers.

    Empty where that does not give what is printed: then the cause is another, and not known.
    """
    if erratum.column == "test_accuracy":
        return _cut_off(erratum)
    if erratum.column.endswith("_percent"):
        return _ratio(erratum)
    return _untrainable(erratum)


def _untrainable(erratum: paper.Erratum) -> str:
    cost = _cost(erratum)
    both = cost.parameters + cost.untrainable
    if erratum.column == "computations" or str(both) != erratum.printed:
        return ""
    return f"{cost.parameters:,} + {cost.untrainable:,} untrainable = {both:,}"


def _ratio(erratum: paper.Erratum) -> str:
    """Of the wrong count beside it, or of the right one, rounded twice or without a cause."""
    column = erratum.column.removesuffix("_percent")
    row, whole = _row(erratum), _whole(erratum, column)
    part, printed = _recomputed(erratum, column), getattr(row, column)
    decimals = len(erratum.printed.partition(".")[2])
    ratio = f"{part:,} of {whole:,} is {recomputed.percent(part, whole, decimals + 2)}%"
    if part != printed:
        follows = str(recomputed.percent(printed, whole, decimals)) == erratum.printed
        return f"{ratio}; {erratum.printed}% is that of {printed:,}" if follows else ""
    once = recomputed.percent(part, whole, decimals + 1)
    twice = str(recomputed.rounded(once, decimals)) == erratum.printed
    return f"{ratio}, rounded twice, to {once}% first" if twice else ratio


def _cut_off(erratum: paper.Erratum) -> str:
    raw = paper.raw_accuracy(cast(paper.Row, _row(erratum)))
    printed = Decimal(erratum.printed)
    if raw is None or raw.quantize(printed, ROUND_FLOOR) != printed:
        return ""
    return f"the raw run scored {recomputed.rounded(raw, 4)}%, cut off and not rounded"


def _row(erratum: paper.Erratum) -> paper.Row | paper.SizeRow:
    rows = _rows(erratum.table)
    return next(row for row in rows if _label(row) == erratum.label)


def _rows(table: int) -> tuple[paper.Row | paper.SizeRow, ...]:
    return paper.size_rows() if table == 3 else paper.rows(table)


def _label(row: paper.Row | paper.SizeRow) -> str:
    return row.size if isinstance(row, paper.SizeRow) else row.label


def _recomputed(erratum: paper.Erratum, column: str) -> int:
    labels = [_label(row) for row in _rows(erratum.table)]
    return int(recomputed.rows(erratum.table)[labels.index(erratum.label)][column])


def _whole(erratum: paper.Erratum, column: str) -> int:
    if erratum.table == 3:
        return _recomputed(erratum, "baseline")
    return int(recomputed.rows(erratum.table)[0][column])


def _cost(erratum: paper.Erratum) -> Cost:
    row = _row(erratum)
    if isinstance(row, paper.Row):
        return recomputed.counted(row)
    ch = re.fullmatch(r"v2_(\d+)ch", erratum.column)
    size = cast(Size, row.size)
    return count(
        Architecture("v2", int(ch[1]), size) if ch else Architecture("baseline", None, size)
    )
