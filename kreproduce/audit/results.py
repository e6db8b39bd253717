"""The claims of the abstract and of sections 3 and 4: what the tables are said to show.

Counts are recomputed; accuracies are those of the tables, each set right where it is an erratum.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Any

from kreproduce import paper
from kreproduce.audit.finding import Finding, Recomputed, always, number, percentage, share, truth
from kreproduce.audit.finding import times as _times
from kreproduce.audit.images import divided
from kreproduce.audit.rows import accuracy, cell, variants
from kreproduce.experiment import of_row
from kreproduce.network.cost import count
from kreproduce.tables import recomputed

_COUNTS = ("parameters", "computations")


def _percent(table: int, row: str, column: str) -> Finding:
    return share(cell(table, row, column), cell(table, "baseline", column), 1)


def _saved(table: int, row: str) -> Finding:
    whole = cell(table, "baseline", "parameters")
    return share(whole - cell(table, row, "parameters"), whole)


def _less_than_v1(column: str) -> Finding:
    whole = cell(2, "V1 32ch", column)
    return share(whole - cell(2, "V2 32ch", column), whole)


def _kept(table: int, row: str) -> Finding:
    found = accuracy(table, row)
    return Finding(f"{found}%", holds=found >= accuracy(table, "baseline"))


def _v2_over_v1(*columns: str, sign: int) -> Finding:
    """Whether V2's cells are all less (sign -1) or more (sign 1) than V1's."""
    return truth(
        all(
            sign * (cell(2, f"V2 {ch}ch", column) - cell(2, f"V1 {ch}ch", column)) > 0
            for ch in (16, 32)
            for column in columns
        )
    )


def _least_saved(column: str) -> Finding:
    whole = cell(2, "baseline", column)
    most = max(row[column] for row in variants(2).values())
    return share(whole - most, whole, 1)


def _larger_models_save_more() -> Finding:
    rows = recomputed.rows(3)
    columns = ("v2_16ch", "v2_32ch")
    shares = [[int(row[column]) / int(row["baseline"]) for row in rows] for column in columns]
    return truth(all(_falls(values) for values in shares))


def _falls(values: Any) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))


def _grows_with_ch(table: int, *columns: str) -> Finding:
    names = [f"V2 {ch}ch" for ch in (2, 4, 8, 16, 32)]
    return truth(all(_falls([-cell(table, name, column) for name in names]) for column in columns))


def _raw_accuracy(ch: int) -> Finding:
    run = paper.authors_run("cifar10", 50, "v2", ch, True, "swish")
    assert run is not None  # Table 4's runs of V2 are all published
    return Finding(f"{recomputed.rounded(100 * Decimal(str(run.test_accuracy)), 2)}%")


def _gains(other: str) -> dict[int, Decimal]:
    """By Ch, what the whole V2 has above its `other` form in Table 5, in points."""
    chs = (4, 8, 16, 32)
    return {ch: accuracy(5, f"V2 {ch}ch") - accuracy(5, f"V2 {ch}ch {other}") for ch in chs}


def _above(points: Decimal, bound: str) -> Finding:
    return Finding(f"{points} points", holds=points > Decimal(bound))


def _below(points: Decimal, bound: str) -> Finding:
    return Finding(f"{points} points", holds=points < Decimal(bound))


def _trained(ch: int) -> Finding:
    row = next(row for row in paper.rows(4) if row.ch == ch)
    return number(count(of_row(row).architecture).computations)


def _is_above(table: int, one: str, other: str) -> bool:
    return accuracy(table, one) > accuracy(table, other)


def _from_to(table: int, column: str) -> Finding:
    counts = [row[column] for row in variants(table).values()]
    whole = cell(table, "baseline", column)
    return Finding(f"from {percentage(min(counts), whole)} to {percentage(max(counts), whole)}")


def _where(table: int, *, most: bool) -> Finding:
    """The variants of the highest or the lowest accuracy."""
    accuracies = {name: row["accuracy"] for name, row in variants(table).items()}
    wanted = max(accuracies.values()) if most else min(accuracies.values())
    names = [name for name, found in accuracies.items() if found == wanted]
    return Finding(" and ".join(name.removeprefix("V2 ") for name in names))


def _points(table: int, one: str, other: str) -> Finding:
    return Finding(f"{accuracy(table, one) - accuracy(table, other)}%")


def _same_accuracy(table: int, one: str, other: str) -> Finding:
    return truth(accuracy(table, one) == accuracy(table, other))


def _doubled(column: str) -> Finding:
    return _times(cell(8, "V2 16ch", column), cell(8, "V2 2ch", column))


def _part(column: str) -> Finding:
    """The nearest of 1/2, 1/3, 1/4 and so on."""
    return Finding(f"1/{round(cell(2, 'baseline', column) / cell(2, 'V2 32ch', column))}")


def _up_to() -> Finding:
    pairs = [
        (cell(2, f"V1 {ch}ch", "parameters"), cell(2, f"V2 {ch}ch", "parameters"))
        for ch in (16, 32)
    ]
    return Finding(f"up to {percentage(max((a - b) / a for a, b in pairs), 1, 0)}")


def _half_are_healthy() -> Finding:
    parts = divided("malaria").values()
    shares = {percentage(counts[0], sum(counts), 0) for counts in parts}
    return Finding(" or ".join(sorted(shares)))


def _part_of_images(dataset: str, part: str) -> Finding:
    parts = divided(dataset)
    return share(sum(parts[part]), sum(map(sum, parts.values())))


def _images(dataset: str, part: str, times: int = 1) -> Finding:
    return number(times * sum(divided(dataset)[part]))


_ABSTRACT: dict[str, Recomputed] = {
    "abstract-computations": lambda: _less_than_v1("computations"),
    "abstract-parameters": lambda: _less_than_v1("parameters"),
    "saved-cifar10": lambda: _saved(2, "V2 32ch"),
    "saved-colorectal": lambda: _saved(8, "V2 4ch"),
    "saved-malaria": lambda: _saved(7, "V2 8ch"),
    "kept-cifar10": lambda: _kept(2, "V2 32ch"),
    "kept-colorectal": lambda: _kept(8, "V2 4ch"),
    "kept-malaria": lambda: _kept(7, "V2 8ch"),
}
_CIFAR10: dict[str, Recomputed] = {
    "cifar10-training": lambda: _images("cifar10", "train"),
    "cifar10-validation": lambda: _images("cifar10", "validation"),
    "cifar10-test": lambda: _images("cifar10", "test"),
    "v2-saves-more": lambda: _v2_over_v1(*_COUNTS, sign=-1),
    "v2-more-accurate": lambda: _v2_over_v1("accuracy", sign=1),
    "v1-parameters": lambda: number(cell(2, "V1 32ch", "parameters")),
    "v2-parameters": lambda: number(cell(2, "V2 32ch", "parameters")),
    "v1-computations": lambda: number(cell(2, "V1 32ch", "computations")),
    "v2-computations": lambda: number(cell(2, "V2 32ch", "computations")),
    "v2-saves-parameters": lambda: _less_than_v1("parameters"),
    "v2-saves-computations": lambda: _less_than_v1("computations"),
    "least-saved-parameters": lambda: _least_saved("parameters"),
    "least-saved-computations": lambda: _least_saved("computations"),
    "larger-models": _larger_models_save_more,
    "ch2-accuracy": lambda: _raw_accuracy(2),
    "ch32-accuracy": lambda: _raw_accuracy(32),
    "accuracy-grows": lambda: _grows_with_ch(4, "accuracy"),
    "saving-falls": lambda: _grows_with_ch(4, *_COUNTS),
    "ch2-parameters": lambda: _percent(4, "V2 2ch", "parameters"),
    "ch2-computations": lambda: _percent(4, "V2 2ch", "computations"),
    "ch32-parameters": lambda: _percent(4, "V2 32ch", "parameters"),
    "ch32-computations": lambda: _percent(4, "V2 32ch", "computations"),
    "flip-accuracy": lambda: Finding(f"{accuracy(4, 'V2 32ch + H Flip')}%"),
    "no-l-4ch": lambda: _above(_gains("no L")[4], "5"),
    "no-l-32ch": lambda: _below(_gains("no L")[32], "0.5"),
    "no-l-falls": lambda: truth(_falls(_gains("no L").values())),
    "swish-better": lambda: always([gain > 0 for gain in _gains("ReLU").values()]),
    "swish-least": lambda: Finding(f"{min(_gains('ReLU'), key=_gains('ReLU').__getitem__)}ch"),
    "swish-gain": lambda: _above(min(_gains("ReLU").values()), "1.5"),
    "swish-gain-32ch": lambda: _above(_gains("ReLU")[32], "1.5"),
    "flip-cost": lambda: _percent(6, "V2 32ch + H Flip", "computations"),
    "trained-16ch": lambda: _trained(16),
    "trained-32ch": lambda: _trained(32),
    "longer-baseline": lambda: truth(_is_above(6, "baseline", "V2 32ch")),
    "longer-flip": lambda: truth(_is_above(6, "V2 32ch + H Flip", "baseline")),
}
_MEDICAL: dict[str, Recomputed] = {
    "malaria-validation": lambda: _images("malaria", "validation"),
    "malaria-validation-share": lambda: _part_of_images("malaria", "validation"),
    "malaria-test-share": lambda: _part_of_images("malaria", "test"),
    "malaria-healthy": _half_are_healthy,
    "malaria-fourfold": lambda: _images("malaria", "validation", times=4),
    "malaria-parameters": lambda: _from_to(7, "parameters"),
    "malaria-computations": lambda: _from_to(7, "computations"),
    "malaria-worst": lambda: _where(7, most=False),
    "malaria-best": lambda: _where(7, most=True),
    "malaria-spread": lambda: _below(accuracy(7, "V2 16ch") - accuracy(7, "V2 2ch"), "1"),
    "malaria-below": lambda: _points(7, "baseline", "V2 2ch"),
    "malaria-8ch-accuracy": lambda: _same_accuracy(7, "V2 8ch", "baseline"),
    "malaria-8ch-parameters": lambda: _percent(7, "V2 8ch", "parameters"),
    "malaria-8ch-computations": lambda: _percent(7, "V2 8ch", "computations"),
    "malaria-32ch": lambda: truth(
        _is_above(7, "V2 16ch", "V2 32ch") and _is_above(7, "V2 32ch", "baseline")
    ),
    "colorectal-validation-share": lambda: _part_of_images("colorectal_histology", "validation"),
    "colorectal-test-share": lambda: _part_of_images("colorectal_histology", "test"),
    "colorectal-best": lambda: _where(8, most=True),
    "colorectal-accuracy": lambda: Finding(f"{accuracy(8, 'V2 4ch')}%"),
    "colorectal-gain": lambda: _points(8, "V2 4ch", "baseline"),
    "colorectal-16ch-accuracy": lambda: _same_accuracy(8, "V2 16ch", "V2 2ch"),
    "colorectal-16ch-parameters": lambda: _doubled("parameters"),
    "colorectal-16ch-computations": lambda: _doubled("computations"),
}
_CONCLUSIONS: dict[str, Recomputed] = {
    "third": lambda: _part("computations"),
    "quarter": lambda: _part("parameters"),
    "up-to": _up_to,
    "v2-keeps-accuracy": lambda: _v2_over_v1("accuracy", sign=1),
    "colorectal-optimum": lambda: Finding(_where(8, most=True).value.partition(" and ")[0]),
}
RECOMPUTED: dict[str, Recomputed] = _ABSTRACT | _CIFAR10 | _MEDICAL | _CONCLUSIONS
