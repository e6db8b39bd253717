"""The claims of the abstract and of sections 3.1 and 4: what the tables are said to show.

Counts are recomputed, accuracies are those of the raw runs.
"""

from kreproduce import paper
from kreproduce.audit.compare import (
    accuracies,
    all_images,
    chs_run,
    epochs_run,
    falls,
    images,
    is_above,
    is_similar,
    kept,
    percent,
    saved,
    short,
)
from kreproduce.audit.numbers import Recomputed, Value, always, number, percentage, share, truth
from kreproduce.audit.rows import cell, most_accurate, variants
from kreproduce.experiment.settings import of_row
from kreproduce.network.cost import count
from kreproduce.tables import recomputed

_COUNTS = ("parameters", "computations")
_CHS = (2, 4, 8, 16, 32)  # of Table 4
_CHS_OF_V1 = (16, 32)  # of Table 2


def _saved_as_printed(table: int, label: str) -> Value:
    """By the paper's own cells, wrong ones among them."""
    printed = {row.label: row.parameters for row in paper.rows(table)}
    whole = paper.rows(table)[0].parameters
    return share(whole - printed[label], whole)


def _less_than_v1(column: str, ch: int = 32, decimals: int = 0) -> Value:
    whole = cell(2, f"V1 {ch}ch", column)
    return share(whole - cell(2, f"V2 {ch}ch", column), whole, decimals)


def _most_less_than_v1(column: str) -> Value:
    """Return the greatest saving of V2 over V1."""
    pairs = [(cell(2, f"V1 {ch}ch", column), cell(2, f"V2 {ch}ch", column)) for ch in _CHS_OF_V1]
    return Value(f"up to {percentage(max((v1 - v2) / v1 for v1, v2 in pairs), 1, 0)}")


def _v2_over_v1(*columns: str, sign: int) -> Value:
    """Whether V2's cells are all less (sign -1) or more (sign 1) than V1's."""
    return truth(
        all(
            sign * (cell(2, f"V2 {ch}ch", column) - cell(2, f"V1 {ch}ch", column)) > 0
            for ch in _CHS_OF_V1
            for column in columns
        )
    )


def _least_saved(column: str) -> Value:
    whole = cell(2, "baseline", column)
    most = max(row[column] for row in variants(2).values())
    return share(whole - most, whole, 1)


def _larger_models_save_more() -> Value:
    rows = recomputed.rows(3)
    columns = ("v2_16ch", "v2_32ch")
    shares = [[int(row[column]) / int(row["baseline"]) for row in rows] for column in columns]
    return truth(all(falls(values) for values in shares))


def _grows_with_ch(*columns: str) -> Value:
    return truth(all(falls([-cell(4, f"V2 {ch}ch", column) for ch in _CHS]) for column in columns))


def _comparable_to_baseline() -> Value:
    names = [f"V2 {ch}ch" for ch in _CHS]
    return short([name for name in names if is_similar(4, name, "baseline")][:1])


def _optimum_of_cifar10() -> Value:
    """Of the networks of Table 4 tested without flips."""
    best = max(_CHS, key=lambda ch: cell(4, f"V2 {ch}ch", "accuracy"))
    return Value(f"{best}ch", holds=best >= 16)


def _trained(ch: int) -> Value:
    row = next(row for row in paper.rows(4) if row.ch == ch)
    return number(count(of_row(row).architecture).computations)


def _all_are_similar() -> Value:
    rows = ("baseline", "V2 32ch", "V2 32ch + H Flip")
    return always([is_similar(6, one, other) for one in rows for other in rows])


def _part(column: str) -> Value:
    """Return the nearest of 1/2, 1/3, 1/4 and so on."""
    return Value(f"1/{round(cell(2, 'baseline', column) / cell(2, 'V2 32ch', column))}")


_ABSTRACT: dict[str, Recomputed] = {
    "abstract-computations": lambda: _less_than_v1("computations"),
    "abstract-parameters": lambda: _less_than_v1("parameters"),
    "abstract-computations-16ch": lambda: _less_than_v1("computations", 16, 1),
    "abstract-parameters-16ch": lambda: _less_than_v1("parameters", 16, 1),
    "saved-cifar10": lambda: saved(2, "V2 32ch", "parameters"),
    "saved-colorectal": lambda: saved(8, "V2 4ch", "parameters"),
    "saved-malaria": lambda: saved(7, "V2 8ch", "parameters"),
    "saved-colorectal-8ch": lambda: saved(8, "V2 8ch", "parameters"),
    "saved-colorectal-as-printed": lambda: _saved_as_printed(8, "kEffNet-B0 V2 2ch"),
    "saved-malaria-4ch": lambda: saved(7, "V2 4ch", "parameters"),
    "kept-cifar10": lambda: kept(2, "V2 32ch"),
    "kept-colorectal": lambda: kept(8, "V2 4ch"),
    "kept-malaria": lambda: kept(7, "V2 8ch"),
    "kept-malaria-4ch": lambda: kept(7, "V2 4ch"),
}
_CIFAR10: dict[str, Recomputed] = {
    "cifar10-images": lambda: all_images("cifar10"),
    "cifar10-given": lambda: all_images("cifar10", ("train", "validation")),
    "cifar10-training": lambda: images("cifar10", "train"),
    "cifar10-validation": lambda: images("cifar10", "validation"),
    "cifar10-test": lambda: images("cifar10", "test"),
    "cifar10-epochs": lambda: epochs_run("cifar10"),
    "v2-saves-more": lambda: _v2_over_v1(*_COUNTS, sign=-1),
    "v2-more-accurate": lambda: _v2_over_v1("accuracy", sign=1),
    "v1-parameters": lambda: number(cell(2, "V1 32ch", "parameters")),
    "v2-parameters": lambda: number(cell(2, "V2 32ch", "parameters")),
    "v1-computations": lambda: number(cell(2, "V1 32ch", "computations")),
    "v2-computations": lambda: number(cell(2, "V2 32ch", "computations")),
    "v2-saves-parameters": lambda: _less_than_v1("parameters"),
    "v2-saves-computations": lambda: _less_than_v1("computations"),
    "similar-accuracy": lambda: always([is_similar(2, name, "baseline") for name in variants(2)]),
    "least-saved-parameters": lambda: _least_saved("parameters"),
    "least-saved-computations": lambda: _least_saved("computations"),
    "larger-models": _larger_models_save_more,
    "cifar10-chs": lambda: chs_run("cifar10", 50),
    "ch2-accuracy": lambda: accuracies(4, "V2 2ch"),
    "ch32-accuracy": lambda: accuracies(4, "V2 32ch"),
    "accuracy-grows": lambda: _grows_with_ch("accuracy"),
    "saving-falls": lambda: _grows_with_ch(*_COUNTS),
    "ch2-parameters": lambda: saved(4, "V2 2ch", "parameters", 1),
    "ch2-computations": lambda: saved(4, "V2 2ch", "computations", 1),
    "ch32-parameters": lambda: saved(4, "V2 32ch", "parameters", 1),
    "ch32-computations": lambda: saved(4, "V2 32ch", "computations", 1),
    "comparable-ch": _comparable_to_baseline,
    "flip-cost": lambda: percent(6, "V2 32ch + H Flip", "computations"),
    "trained-16ch": lambda: _trained(16),
    "trained-32ch": lambda: _trained(32),
    "longer-baseline": lambda: truth(is_above(6, "baseline", "V2 32ch")),
    "longer-flip": lambda: truth(is_above(6, "V2 32ch + H Flip", "baseline")),
    "longer-similar": _all_are_similar,
}
_CONCLUSIONS: dict[str, Recomputed] = {
    "third": lambda: _part("computations"),
    "quarter": lambda: _part("parameters"),
    "third-same-input": lambda: percent(7, "V2 32ch", "computations"),
    "up-to": lambda: _most_less_than_v1("computations"),
    "up-to-parameters": lambda: _most_less_than_v1("parameters"),
    "v2-keeps-accuracy": lambda: _v2_over_v1("accuracy", sign=1),
    "colorectal-optimum": lambda: short(most_accurate(8)[:1]),
    "cifar10-optimum": _optimum_of_cifar10,
}
RECOMPUTED: dict[str, Recomputed] = _ABSTRACT | _CIFAR10 | _CONCLUSIONS
