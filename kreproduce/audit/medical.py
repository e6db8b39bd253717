"""The claims of sections 3.2 and 3.3: Malaria and Colorectal Cancer Histology."""

from kreproduce.audit.compare import (
    accuracies,
    all_images,
    below,
    chs_run,
    difference,
    epochs_run,
    images,
    is_above,
    most_channels_are_best,
    part_of_images,
    percent,
    short,
)
from kreproduce.audit.images import divided
from kreproduce.audit.numbers import Recomputed, Value, percentage, times, truth
from kreproduce.audit.rows import accuracy, cell, least_accurate, most_accurate, variants


def _half_are_healthy() -> Value:
    parts = divided("malaria").values()
    shares = {percentage(counts[0], sum(counts), 0) for counts in parts}
    return Value(" or ".join(sorted(shares)))


def _from_to(table: int, column: str) -> Value:
    counts = [row[column] for row in variants(table).values()]
    whole = cell(table, "baseline", column)
    return Value(f"from {percentage(min(counts), whole)} to {percentage(max(counts), whole)}")


def _same_accuracy(table: int, one: str, other: str) -> Value:
    return truth(accuracy(table, one) == accuracy(table, other))


def _doubled(column: str) -> Value:
    return times(cell(8, "V2 16ch", column), cell(8, "V2 2ch", column))


_MALARIA: dict[str, Recomputed] = {
    "malaria-images": lambda: all_images("malaria"),
    "malaria-validation": lambda: images("malaria", "validation"),
    "malaria-validation-share": lambda: part_of_images("malaria", "validation"),
    "malaria-test-share": lambda: part_of_images("malaria", "test"),
    "malaria-healthy": _half_are_healthy,
    "malaria-fourfold": lambda: images("malaria", "validation", times=4),
    "malaria-chs": lambda: chs_run("malaria", 75),
    "malaria-epochs": lambda: epochs_run("malaria"),
    "malaria-parameters": lambda: _from_to(7, "parameters"),
    "malaria-computations": lambda: _from_to(7, "computations"),
    "malaria-worst": lambda: short(least_accurate(7)),
    "malaria-best": lambda: short(most_accurate(7)),
    "malaria-spread": lambda: below(accuracy(7, "V2 16ch") - accuracy(7, "V2 2ch"), "1"),
    "malaria-below": lambda: difference(7, "baseline", "V2 2ch"),
    "malaria-8ch-accuracy": lambda: _same_accuracy(7, "V2 8ch", "baseline"),
    "malaria-8ch-parameters": lambda: percent(7, "V2 8ch", "parameters"),
    "malaria-8ch-computations": lambda: percent(7, "V2 8ch", "computations"),
    "malaria-32ch": lambda: truth(
        is_above(7, "V2 16ch", "V2 32ch") and is_above(7, "V2 32ch", "baseline")
    ),
}
_COLORECTAL: dict[str, Recomputed] = {
    "colorectal-images": lambda: all_images("colorectal_histology"),
    "colorectal-validation-share": lambda: part_of_images("colorectal_histology", "validation"),
    "colorectal-test-share": lambda: part_of_images("colorectal_histology", "test"),
    "colorectal-chs": lambda: chs_run("colorectal_histology", 1000),
    "colorectal-epochs": lambda: epochs_run("colorectal_histology"),
    "malaria-most-channels": lambda: most_channels_are_best(7),
    "colorectal-most-channels": lambda: most_channels_are_best(8),
    "colorectal-best": lambda: short(most_accurate(8)),
    "colorectal-accuracy": lambda: accuracies(8, "V2 4ch", "V2 8ch"),
    "colorectal-gain": lambda: difference(8, "V2 4ch", "baseline"),
    "colorectal-16ch-accuracy": lambda: _same_accuracy(8, "V2 16ch", "V2 2ch"),
    "colorectal-16ch-parameters": lambda: _doubled("parameters"),
    "colorectal-16ch-computations": lambda: _doubled("computations"),
}
RECOMPUTED: dict[str, Recomputed] = _MALARIA | _COLORECTAL
