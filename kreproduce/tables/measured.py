"""What complete runs measured of one row of the paper: mean, spread, interval, conditions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from kreproduce import paper
from kreproduce.experiment.settings import of_row
from kreproduce.runs.records import Record

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Measured:
    """The test accuracy of a row over its runs, in percent.

    Attributes:
        mean: over the runs.
        sd: their standard deviation (n - 1), None for one run.
        n: number of runs, one a seed.
        low, high: the 95% interval of `mean` that the number of test images allows (Wilson).
            All runs see the same test images, so that more runs do not narrow it; it says
            nothing of how runs differ, which `sd` does.
        conditions: seeds and conditions of the runs, as a footnote.
    """

    mean: float
    sd: float | None
    n: int
    low: float
    high: float
    conditions: str


def measured(row: paper.Row, records: Sequence[Record], data: str | None = None) -> Measured | str:
    """Return what the runs of exactly a row's settings measured, or why there is nothing.

    Args:
        row: of Tables 2 and 4 to 8; a flip row looks at the flip view of the same runs.
        records: of complete runs, any.
        data: the name of the images, instead of the paper's original ones.
    """
    settings = of_row(row).row_settings
    alike = [record for record in records if record.settings.row_settings == settings]
    whole = [record for record in alike if not record.partial]
    chosen = [record for record in whole if _is_on(record, row, data)]
    if len({record.data.fingerprint for record in chosen}) > 1:
        return "the runs saw different images under this name"
    if chosen:
        return summary(chosen, hflip=row.hflip)
    if any(_is_on(record, row, data) for record in alike):
        return "only partial runs, which took some of the images"
    others = sorted({record.data.name for record in whole})
    return f"run only on other images: {', '.join(others)}" if others else "not run"


def summary(records: Sequence[Record], *, hflip: bool = False) -> Measured:
    """Return the accuracy of one or more runs that are of one row, whichever that is.

    Of several runs of a seed (at another precision, say, which may come to the same), the one
    that was finished first counts.
    """
    first = {r.settings.seed: r for r in sorted(records, key=lambda r: r.finished, reverse=True)}
    repeated, records = len(records) - len(first), list(first.values())
    accuracies = [record.accuracy(hflip=hflip) for record in records]
    mean = fmean(accuracies)
    low, high = wilson(mean, min(record.data.test for record in records))
    return Measured(
        mean=round(100 * mean, 4),
        sd=round(100 * stdev(accuracies), 4) if len(accuracies) > 1 else None,
        n=len(accuracies),
        low=round(100 * low, 4),
        high=round(100 * high, 4),
        conditions=_conditions(records)
        + (f"; not counted: {repeated} more of the same seeds" if repeated else ""),
    )


def wilson(fraction: float, images: int) -> tuple[float, float]:
    """Return the 95% interval of a share of so many images, as fractions.

    >>> [round(bound, 4) for bound in wilson(0.9367, 10_000)]
    [0.9318, 0.9413]
    """
    weight = _Z**2 / images
    centre = (fraction + weight / 2) / (1 + weight)
    half = math.sqrt(fraction * (1 - fraction) * weight + weight**2 / 4) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def _is_on(record: Record, row: paper.Row, data: str | None) -> bool:
    if data is None:
        return record.data.original and record.data.name == row.dataset
    return record.data.name == data


def _conditions(records: Sequence[Record]) -> str:
    """Seeds by condition, say "seeds 1, 2: NVIDIA H200, tensorflow, float32"."""
    seeds: dict[str, list[int]] = {}
    for record in sorted(records, key=lambda record: record.settings.seed):
        seeds.setdefault(_condition(record), []).append(record.settings.seed)
    parts = [
        f"seed{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}: {condition}"
        for condition, numbers in sorted(seeds.items())
    ]
    return "; ".join(parts)


def _condition(record: Record) -> str:
    where = record.conditions
    names = sorted(set(where.devices))
    devices = [f"{where.devices.count(name)} × {name}" for name in names]
    device = " and ".join(device.removeprefix("1 × ") for device in devices)
    cores = [] if where.gpu else [f"{where.cores} core{'s' if where.cores > 1 else ''}"]
    replicas = [f"{where.replicas} replicas"] if where.replicas > 1 else []
    others = ["and before under others"] if record.is_mixed else []
    text = ", ".join([device, *cores, where.backend, where.precision, *replicas, *others])
    return "".join(character for character in text if character.isprintable())
