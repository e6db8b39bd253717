"""A Ch for every layer beside one number for all: docs/beyond.md, which `make tables` writes."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

from kreproduce.claims import planned
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
    compared = comparisons(groups)
    pairs = [pair for found in compared for pair in found]
    return render_template(
        _TEMPLATE,
        tolerance=TOLERANCE,
        level=LEVEL,
        pairs=pairs,
        half_widths=[pair.half_width for pair in pairs],
        protocols=[_Protocol.of(*one) for one in zip(groups, compared, strict=True)],
        on_cifar10=sum(map(_on_cifar10, groups)),
        left_out=left_out_lines(left_out),
    )


@dataclass(frozen=True)
class Pair:
    """A rule for Ch and one number, in two networks of about as many parameters.

    Attributes:
        rule: the label of the rule's network.
        number: that of the number's.
        parameters: the rule's, as a share of the number's.
        contrast: the rule's accuracy less the number's.
        p_adjusted: of a two-sided test of no difference, by Holm's procedure over all pairs.
    """

    rule: str
    number: str
    parameters: float
    contrast: Contrast
    p_adjusted: float = 1.0

    @property
    def is_told(self) -> bool:
        """Whether the two differ significantly."""
        return self.p_adjusted < LEVEL

    @property
    def p(self) -> float:
        """Before the adjustment."""
        return self.contrast.p(0, "two-sided")

    @property
    def half_width(self) -> float:
        """Half the width of the interval of the difference."""
        interval = self.contrast.interval()
        return interval.high - interval.value

    def row(self) -> dict[str, Any]:
        """Return it as a row of the page, differences in points."""
        interval = self.contrast.interval()
        return {
            "rule": self.rule,
            "number": self.number,
            "of_its_parameters": f"{self.parameters:.1%}",
            "seeds": len(self.contrast.seeds),
            "difference": 100 * interval.value,
            "low": 100 * interval.low,
            "high": 100 * interval.high,
            "p": rounded(self.p),
            "p_adjusted": rounded(self.p_adjusted),
        }


def comparisons(groups: Sequence[Matched]) -> list[list[Pair]]:
    """Return for each protocol every rule beside each number of about equally many parameters."""
    found = [list(_pairs(runs)) for runs in groups]
    adjusted = iter(holm([pair.p for pairs in found for pair in pairs]))
    return [[replace(pair, p_adjusted=next(adjusted)) for pair in pairs] for pairs in found]


def _pairs(runs: Matched) -> Iterator[Pair]:
    table = runs.table
    first = {label: runs.records[label, table.seeds(label)[0]] for label in table.networks}
    for rule, number in permutations(first, 2):
        contrast = Contrast(table, {rule: 1.0, number: -1.0})
        if _are_alike(first[rule], first[number]) and contrast.is_decidable:
            share = first[rule].parameters / first[number].parameters
            yield Pair(rule, number, share, contrast)


def _are_alike(rule: records.Record, number: records.Record) -> bool:
    """Whether they differ in Ch alone, a rule here and a number there, and hardly in parameters."""
    if not (isinstance(rule.settings.ch, str) and isinstance(number.settings.ch, int)):
        return False
    fewer, more = sorted((rule.parameters, number.parameters))
    return _but_ch(rule.settings) == _but_ch(number.settings) and more <= (1 + TOLERANCE) * fewer


def _but_ch(settings: Experiment) -> dict[str, Any]:
    return settings.model_dump(exclude={"ch", "seed"} | settings.elsewhere)


def _on_cifar10(runs: Matched) -> int:
    """How many of the runs are on CIFAR-10 by the campaign's protocol, whatever their network."""
    like = planned.networks()[0]
    settings = next(iter(runs.records.values())).settings
    alike = (settings.dataset, settings.epochs, settings.limit) == (like.dataset, like.epochs, None)
    return len(runs.records) if alike else 0


@dataclass(frozen=True)
class _Protocol:
    """What the page says of one network on one set of images."""

    network: str
    conditions: str
    about: str
    images: int
    networks: str
    comparisons: str

    @classmethod
    def of(cls, runs: Matched, pairs: Sequence[Pair]) -> "_Protocol":
        shown = ("network", "parameters", "seeds", "accuracy", "sd")
        rows = [{name: row[name] for name in shown} for row in networks(runs)]
        settings = next(iter(runs.records.values())).settings
        return cls(
            network=f"{_name(settings)} on {settings.data_name}",
            conditions=runs.protocol.partition(" on ")[2],
            about="\n".join(about(runs)),
            images=runs.table.images,
            networks="\n".join(markdown_table(rows)),
            comparisons="\n".join(markdown_table([pair.row() for pair in pairs])) if pairs else "",
        )


def _name(settings: Experiment) -> str:
    return "EfficientNet-B0" if settings.model is None else settings.model_name.split("-")[0]


if __name__ == "__main__":
    sys.stdout.write(markdown())
