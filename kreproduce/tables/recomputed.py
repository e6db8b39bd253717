"""The counts and percentages of Tables 1 to 8, recomputed; nothing here is copied.

Names of columns are those of the paper's data files. Percentages are rounded, halves up, to the
decimals that the table prints.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import get_args

from kreproduce import paper
from kreproduce.experiment.settings import of_row
from kreproduce.network.architecture import Architecture, Size
from kreproduce.network.cost import Cost, count
from kreproduce.network.grouping import Grouping, group, replace_v2

Cell = int | Decimal | str
Cells = dict[str, Cell]


def rows(table: int) -> list[Cells]:
    """Return the rows of a table, in the paper's order, without accuracies.

    The first cell says which row it is: "ic", "f" and "ch" of Table 1, "size" of Table 3,
    "model" of the others.
    """
    if table == 1:
        return [_grouping(row) for row in paper.grouping_rows()]
    if table == 3:
        return [_size(size) for size in get_args(Size)]
    return _trained(paper.rows(table))


def counted(row: paper.Row) -> Cost:
    """Return what the network of a row costs, one pass, padded as the authors counted it."""
    return count(replace(of_row(row).architecture, padding="counted"))


def percent(part: float, whole: float, decimals: int = 1) -> Decimal:
    """`part` in percent of `whole`.

    >>> percent(950_650, 4_020_358)
    Decimal('23.6')
    """
    return rounded(100 * Decimal(part) / Decimal(whole), decimals)


def rounded(value: Decimal, decimals: int) -> Decimal:
    """`value` with so many decimals, halves up."""
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _trained(rows: Sequence[paper.Row]) -> list[Cells]:
    whole = counted(rows[0])
    return [_network(row, whole) for row in rows]


def _network(row: paper.Row, whole: Cost) -> Cells:
    cost = counted(row)
    computations = cost.computations * row.passes
    return {
        "model": row.label,
        "parameters": cost.parameters,
        "parameters_percent": percent(cost.parameters, whole.parameters),
        "computations": computations,
        "computations_percent": percent(computations, whole.computations),
    }


def _size(size: Size) -> Cells:
    whole = count(Architecture("baseline", None, size)).parameters
    cells: Cells = {"size": size, "baseline": whole}
    for ch in (16, 32):
        part = count(Architecture("v2", ch, size)).parameters
        cells |= {f"v2_{ch}ch": part, f"v2_{ch}ch_percent": percent(part, whole, 2)}
    return cells


def _grouping(row: paper.GroupingRow) -> Cells:
    """Return a row of Table 1 from its three settings (equations 3 and 7 to 28)."""
    replacement = replace_v2(row.ic, row.f, row.ch)
    k = replacement.k if replacement else group(row.ic, row.f, row.ch)
    l_ = replacement.l if replacement else None
    parameters, weights = row.ic * row.f, k.weights + (l_.weights if l_ else 0)
    cells: Cells = {"ic": row.ic, "f": row.f, "parameters": parameters, "ch": row.ch}
    cells |= _paths("k", k) | _paths("l", l_)
    return cells | {"kl_parameters": weights, "percent": percent(weights, parameters, 2)}


def _paths(layer: str, grouping: Grouping | None) -> Cells:
    groups, per_group, remainder = (
        (grouping.groups, grouping.filters_per_group, grouping.remainder) if grouping else (0, 0, 0)
    )
    return {f"g_{layer}1": groups, f"fg_{layer}1": per_group, f"g_{layer}2": remainder}
