"""The comparisons that the claims of several sections make: of rows, of images, of raw runs."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from kreproduce import paper
from kreproduce.audit.images import divided
from kreproduce.audit.numbers import Value, number, share, truth
from kreproduce.audit.rows import accuracy, cell, most_accurate, variants
from kreproduce.tables.recomputed import rounded

SIMILAR = Decimal(1)
"""Points that accuracies which the paper calls similar or comparable lie apart at most."""


def percent(table: int, row: str, column: str) -> Value:
    """Return a row's cell in percent of the baseline's."""
    return share(cell(table, row, column), cell(table, "baseline", column), 1)


def saved(table: int, row: str, column: str, decimals: int = 0) -> Value:
    """Return by how much a row's cell is less than the baseline's, in percent of that."""
    whole = cell(table, "baseline", column)
    return share(whole - cell(table, row, column), whole, decimals)


def accuracies(table: int, *rows: str) -> Value:
    """Return the test accuracies of rows, as the tables round them."""
    found = dict.fromkeys(f"{rounded(accuracy(table, row), 2)}%" for row in rows)
    return Value(" or ".join(found))


def kept(table: int, row: str) -> Value:
    """Return a row's accuracy, which should not be below the baseline's."""
    holds = accuracy(table, row) >= accuracy(table, "baseline")
    return accuracies(table, row)._replace(holds=holds)


def is_above(table: int, one: str, other: str) -> bool:
    """Whether one row is more accurate than another."""
    return accuracy(table, one) > accuracy(table, other)


def is_similar(table: int, one: str, other: str) -> bool:
    """Whether two rows' accuracies are, in the sense of `SIMILAR`."""
    return abs(accuracy(table, one) - accuracy(table, other)) <= SIMILAR


def difference(table: int, one: str, other: str) -> Value:
    """How much more accurate one row is than another, in points."""
    return Value(f"{rounded(accuracy(table, one) - accuracy(table, other), 2)}%")


def above(points: Decimal, bound: str) -> Value:
    """Return a difference that should be more than `bound`."""
    return Value(f"{rounded(points, 2)} points", holds=points > Decimal(bound))


def below(points: Decimal, bound: str) -> Value:
    """Return a difference that should be less than `bound`."""
    return Value(f"{rounded(points, 2)} points", holds=points < Decimal(bound))


def falls(values: Iterable[Any]) -> bool:
    """Whether each value is less than the one before."""
    return all(later < earlier for earlier, later in pairwise(values))


def short(names: Iterable[str]) -> Value:
    """Variants of V2 by their channels per group, say "4ch and 8ch"."""
    return Value(" and ".join(name.removeprefix("V2 ") for name in names))


def most_channels_are_best(table: int) -> Value:
    """Whether the variant with most channels per group is the most accurate one."""
    return truth(list(variants(table))[-1] in most_accurate(table))


def images(dataset: str, part: str, times: int = 1) -> Value:
    """Images of a part of the split, taken so many times."""
    return number(times * sum(divided(dataset)[part]))


def all_images(dataset: str, parts: tuple[str, ...] = ("train", "validation", "test")) -> Value:
    """Images of several parts of the split together."""
    return number(sum(sum(divided(dataset)[part]) for part in parts))


def part_of_images(dataset: str, part: str) -> Value:
    """Return a part of the split in percent of all images."""
    parts = divided(dataset)
    return share(sum(parts[part]), sum(map(sum, parts.values())))


def epochs_run(dataset: str) -> Value:
    """How long the raw runs of the tables were trained."""
    found = {run.epochs for run in paper.runs() if run.tables and run.dataset == dataset}
    return Value(" and ".join(map(str, sorted(found))))


def chs_run(dataset: str, epochs: int) -> Value:
    """Return the channels per group of the raw runs of V2."""
    models = {run.model for run in paper.runs() if (run.dataset, run.epochs) == (dataset, epochs)}
    chs = [int(model[len("v2-") : -len("ch")]) for model in models if model.startswith("v2-")]
    return Value(", ".join(map(str, sorted(chs))))
