"""A Ch for every layer beside one number for all: docs/beyond.md, which `make tables` writes."""

import sys
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from kreproduce.claims.decide import LEVEL
from kreproduce.claims.matched import Matched, match
from kreproduce.claims.report import about, left_out_lines, markdown_table, networks, rounded
from kreproduce.claims.reproduction import render_template
from kreproduce.claims.statistics import Contrast, holm
from kreproduce.experiment.settings import Experiment
from kreproduce.runs import records

RESULTS = Path("results/beyond")
"""Below it these runs are recorded, apart from those that the paper's claims are about."""

TOLERANCE = 0.02
"""By how much the parameters of two networks may differ, as a share of the fewer."""

_TEMPLATE = Path(__file__).with_name("beyond.md.jinja")


def markdown(results: Path = RESULTS) -> str:
    """Return the page in Markdown, with links as from docs/; the same from run to run.

    Raises:
        StorageError: the records cannot be read.
    """
    groups, left_out = match(results, records.read(results))
    return render_template(
        _TEMPLATE,
        tolerance=TOLERANCE,
        protocols=[_Protocol.of(runs) for runs in groups],
        on_cifar10=sum(len(runs.records) for runs in groups if runs.dataset == "cifar10"),
        left_out=left_out_lines(left_out),
    )


def comparisons(runs: Matched) -> list[dict[str, Any]]:
    """Return one row for each rule and number of about equally many parameters.

    Differences are in points, the rule's accuracy less the number's. Each p is two-sided, that
    there is none; the adjusted ones are Holm's over all rows.
    """
    first = {
        label: runs.records[label, runs.table.seeds(label)[0]] for label in runs.table.networks
    }
    found: list[dict[str, Any]] = []
    for rule, number in permutations(first, 2):
        contrast = Contrast(runs.table, {rule: 1.0, number: -1.0})
        if not _is_pair(first[rule], first[number]) or not contrast.is_decidable:
            continue
        interval = contrast.interval()
        found.append(
            {
                "rule": rule,
                "number": number,
                "of_its_parameters": f"{first[rule].parameters / first[number].parameters:.1%}",
                "seeds": len(contrast.seeds),
                "difference": 100 * interval.value,
                "low": 100 * interval.low,
                "high": 100 * interval.high,
                "p": contrast.p(0, "two-sided"),
            }
        )
    adjusted = holm([row["p"] for row in found])
    return [
        row | {"p": rounded(row["p"]), "p_adjusted": rounded(p)}
        for row, p in zip(found, adjusted, strict=True)
    ]


def verdict(rows: list[dict[str, Any]]) -> str:
    """Say how many of the `comparisons` tell a rule from a number."""
    if not rows:
        return "No rule and number with equal parameters have two seeds in common."
    told = [row for row in rows if row["p_adjusted"] < LEVEL]
    better = sum(row["difference"] > 0 for row in told)
    widest = max(abs(bound) for row in rows for bound in (row["low"], row["high"]))
    by = f": {better} for the rule, {len(told) - better} for the number" if told else ""
    return (
        f"{len(told) or 'None'} of {len(rows)} comparisons tell a rule from a number{by}. By their "
        f"intervals no difference is larger than {widest:.1f} points."
    )


@dataclass(frozen=True)
class _Protocol:
    """What the page says of one network on one set of images."""

    network: str
    images: str
    protocol: str
    about: str
    networks: str
    verdict: str
    comparisons: str

    @classmethod
    def of(cls, runs: Matched) -> "_Protocol":
        rows = comparisons(runs)
        settings = next(iter(runs.records.values())).settings
        return cls(
            network=_name(settings),
            images=settings.data_name,
            protocol=runs.protocol[0].upper() + runs.protocol[1:],
            about="\n".join(about(runs)),
            networks="\n".join(markdown_table(networks(runs))),
            verdict=verdict(rows),
            comparisons="\n".join(markdown_table(rows)) if rows else "",
        )


def _name(settings: Experiment) -> str:
    return "EfficientNet-B0" if settings.model is None else settings.model_name.split("-")[0]


def _is_pair(rule: records.Record, number: records.Record) -> bool:
    """Whether they differ in Ch alone, a rule here and a number there, and hardly in parameters."""
    but = {"ch", "seed"}
    alike = rule.settings.model_dump(exclude=but) == number.settings.model_dump(exclude=but)
    kinds = isinstance(rule.settings.ch, str) and isinstance(number.settings.ch, int)
    fewer, more = sorted((rule.parameters, number.parameters))
    return alike and kinds and more <= (1 + TOLERANCE) * fewer


if __name__ == "__main__":
    sys.stdout.write(markdown())
