"""The verdict on each claim, from the runs that are matched."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from kreproduce import paper
from kreproduce.claims.statistics import (
    MOST_SEEDS,
    Contrast,
    Interval,
    Pairs,
    compared,
    holm,
    slope,
    trend,
)
from kreproduce.claims.table import Table
from kreproduce.paper import TrainedClaim

Verdict = Literal["supported", "contradicted", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("supported", "contradicted", "undecided")
LEVEL = 0.05
_ONE_SEED = "with one seed a side the difference may be due to the seed"
_NO_SPREAD = "how equal networks scatter is unknown: no two networks have two seeds in common"

SeedsNeeded = Callable[[float], int | None]
"""With how many seeds a difference like the one found has a p below a level; None if never."""


@dataclass(frozen=True)
class Comparison:
    """What the runs say of one claim.

    Attributes:
        networks: each with what it is compared with, as far as both were run; for a trend or steps
            the networks in order.
        missing: networks of the claim that were not run.
        seeds: that all of them were trained with.
        interval: of the difference in question, as shares; None where it has none.
        p: two-sided, that neither what is claimed holds nor its contrary; None if there is none.
        points_to: what a small p means.
        slope: of a trend, from one network to the next.
        each: where several pairs are taken together, the difference of each.
        paired: the paired t test of these networks alone: p, and its interval.
        bootstrap: over the seeds, from five on.
        pairs: two networks and the seed of both, compared by the exact McNemar test; where one
            pair decides, or there is one seed.
        why: why nothing can be said, or which step fails.
        seeds_needed: None where nothing is tested.
    """

    networks: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    interval: Interval | None = None
    p: float | None = None
    points_to: Verdict = "undecided"
    slope: Interval | None = None
    each: tuple[tuple[str, str, Interval], ...] = ()
    paired: tuple[float, Interval] | None = None
    bootstrap: Interval | None = None
    pairs: tuple[tuple[str, str, int, Pairs], ...] = ()
    why: str = ""
    seeds_needed: SeedsNeeded | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Decision:
    """The verdict on a claim.

    Attributes:
        claim: which.
        verdict: supported or contradicted only if `p_adjusted` is below 0.05.
        comparison: what it rests on.
        p_adjusted: by Holm's procedure over the family.
        seeds_needed: with how many seeds a difference like the one found would be decided, among
            all that is still undecided; None where it is, was not tested, or no number would do.
    """

    claim: TrainedClaim
    verdict: Verdict
    comparison: Comparison
    p_adjusted: float | None
    seeds_needed: int | None = None


def claims_for(dataset: str, epochs: int, *, published: bool) -> tuple[TrainedClaim, ...]:
    """Return the claims about a data set; of the paper's own protocol those of as many epochs."""
    return tuple(
        claim
        for claim in paper.trained_claims()
        if claim.dataset == dataset and (not published or claim.epochs == epochs)
    )


def decide(claims: Sequence[TrainedClaim], table: Table) -> tuple[Decision, ...]:
    """Return the verdicts on claims, as one family."""
    found = [_compared(claim, table) for claim in claims]
    tested = [comparison.p for comparison in found if comparison.p is not None]
    adjusted = iter(holm(tested))
    decisions = []
    for claim, comparison in zip(claims, found, strict=True):
        p = None if comparison.p is None else next(adjusted)
        decided = p is not None and p < LEVEL
        verdict: Verdict = comparison.points_to if decided else "undecided"
        decisions.append(Decision(claim, verdict, comparison, p))
    return _with_seeds_needed(decisions)


def _with_seeds_needed(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    ask = {
        decision.claim.code: decision.comparison.seeds_needed
        for decision in decisions
        if decision.verdict == "undecided" and decision.comparison.seeds_needed
    }
    # Holm's procedure rejects whatever is below this, however the others come out.
    level = LEVEL / max(1, len(ask))
    return tuple(
        replace(decision, seeds_needed=ask[decision.claim.code](level))
        if decision.claim.code in ask
        else decision
        for decision in decisions
    )


def _compared(claim: TrainedClaim, table: Table) -> Comparison:
    wanted: tuple[tuple[str, ...], ...] = claim.pairs or tuple((row,) for row in claim.rows)
    networks = tuple(pair for pair in wanted if all(label in table.correct for label in pair))
    labels = tuple(dict.fromkeys(label for pair in wanted for label in pair))
    missing = tuple(label for label in labels if label not in table.correct)
    least = {"trend": 3, "steps": len(wanted), "falls": 2}.get(claim.kind, 1)
    if len(networks) < least:
        what = "networks" if claim.kind in ("trend", "steps") else "comparisons"
        how_many = "all" if least == len(wanted) > 1 else f"{least}"
        why = f"not run: {', '.join(missing)}; the claim needs {how_many} of its {what}"
        return Comparison(networks, missing, why=why)
    if claim.kind == "falls":
        networks = (networks[0], networks[-1])
    seeds = table.seeds(*(label for pair in networks for label in pair))
    start = Comparison(networks, missing, seeds)
    if not start.seeds:
        return replace(start, why="its networks have no seed in common")
    if claim.kind in ("trend", "steps"):
        rows = tuple(row for pair in networks for row in pair)
        return _trend(start, table, rows) if claim.kind == "trend" else _steps(start, table, rows)
    return _contrast(start, table, claim)


def _contrast(start: Comparison, table: Table, claim: TrainedClaim) -> Comparison:
    pairs = start.networks
    shares = [1.0, -1.0] if claim.kind == "falls" else [1 / len(pairs)] * len(pairs)
    weights: dict[str, float] = {}
    for share, (row, other) in zip(shares, pairs, strict=True):
        weights[row] = weights.get(row, 0) + share
        weights[other] = weights.get(other, 0) - share
    contrast = Contrast(table, weights)
    null = -claim.margin / 100
    if len(pairs) == 1 or len(start.seeds) == 1:
        start = replace(start, pairs=_by_image(table, pairs, start.seeds))
    if not contrast.is_decidable:
        value = contrast.value
        return replace(start, interval=Interval(value, value, value), why=_why_not(start))
    return replace(
        start,
        interval=contrast.interval(),
        p=contrast.p(null, "two-sided"),
        points_to="supported" if contrast.value > null else "contradicted",
        each=_each(table, pairs) if len(pairs) > 1 else (),
        paired=contrast.paired(null),
        bootstrap=contrast.bootstrap(),
        seeds_needed=lambda level: contrast.seeds_needed(null, level),
    )


def _each(table: Table, pairs: Sequence[tuple[str, ...]]) -> tuple[tuple[str, str, Interval], ...]:
    alone = [(row, other, Contrast(table, {row: 1.0, other: -1.0})) for row, other in pairs]
    return tuple((row, other, pair.interval()) for row, other, pair in alone if pair.is_decidable)


def _by_image(
    table: Table, pairs: Sequence[tuple[str, ...]], seeds: Sequence[int]
) -> tuple[tuple[str, str, int, Pairs], ...]:
    return tuple(
        (row, other, seed, compared(table.correct[row][seed], table.correct[other][seed]))
        for row, other in pairs
        for seed in seeds
    )


def _trend(start: Comparison, table: Table, rows: Sequence[str]) -> Comparison:
    if len(start.seeds) < 2:
        pairs = _by_image(table, _steps_of(rows), start.seeds)
        return replace(start, pairs=pairs, why=_ONE_SEED)

    def seeds_needed(level: float) -> int | None:
        for times in range(2, MOST_SEEDS // len(start.seeds) + 1):
            if 2 * min(trend(table, rows, start.seeds, times=times)) < level:
                return times * len(start.seeds)
        return None

    rise = slope(table, rows)
    if rise.is_decidable:
        start = replace(start, slope=rise.interval())
    p_for, p_against = trend(table, rows, start.seeds)
    return _either_way(replace(start, seeds_needed=seeds_needed), p_for, p_against)


def _steps(start: Comparison, table: Table, rows: Sequence[str]) -> Comparison:
    steps = [Contrast(table, {after: 1.0, before: -1.0}) for before, after in _steps_of(rows)]
    if not all(step.is_decidable for step in steps):
        pairs = _by_image(table, _steps_of(rows), start.seeds) if len(start.seeds) == 1 else ()
        return replace(start, pairs=pairs, why=_why_not(start))
    up = [step.p(0, "greater") for step in steps]
    down = [step.p(0, "less") for step in steps]
    # All steps must rise, so the worst speaks for all; one that falls is enough, of several.
    worst = max(range(len(steps)), key=lambda place: up[place])
    before, after = _steps_of(rows)[worst]

    def seeds_needed(level: float) -> int | None:
        if steps[worst].value < 0:
            return steps[worst].seeds_needed(0, level / len(steps))
        needed = [step.seeds_needed(0, level) for step in steps]
        enough = [seeds for seeds in needed if seeds is not None]
        return max(enough) if len(enough) == len(needed) else None

    found = replace(
        start,
        interval=steps[worst].interval(),
        each=_each(table, [(after, before) for before, after in _steps_of(rows)]),
        why=f"the least certain step is from {before} to {after}",
        seeds_needed=seeds_needed,
    )
    return _either_way(found, max(up), min(1.0, len(steps) * min(down)))


def _either_way(start: Comparison, p_for: float, p_against: float) -> Comparison:
    return replace(
        start,
        p=min(1.0, 2 * min(p_for, p_against)),
        points_to="supported" if p_for < p_against else "contradicted",
    )


def _steps_of(rows: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(rows))


def _why_not(start: Comparison) -> str:
    return _ONE_SEED if len(start.seeds) < 2 else _NO_SPREAD
