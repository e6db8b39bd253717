"""The verdict on each claim, from the runs that are matched."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kreproduce import paper
from kreproduce.claims.statistics import Contrast, Interval, Pairs, compared, holm, trend
from kreproduce.claims.table import Table
from kreproduce.paper import TrainedClaim

Verdict = Literal["supported", "contradicted", "undecided"]
_LEVEL = 0.05
_ONE_SEED = "one seed decides nothing: these two networks differ so, others may not"


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
        each: where several pairs are taken together, the difference of each.
        paired: the paired t test of these networks alone: p, and its interval.
        bootstrap: over the seeds, from five on.
        pairs: exact McNemar by seed, where two networks are compared.
        why: why nothing can be said, or which step fails.
        seeds_needed: with how many seeds a difference like this would be decided.
    """

    networks: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    interval: Interval | None = None
    p: float | None = None
    points_to: Verdict = "undecided"
    each: tuple[tuple[str, str, Interval], ...] = ()
    paired: tuple[float, Interval] | None = None
    bootstrap: Interval | None = None
    pairs: tuple[tuple[int, Pairs], ...] = ()
    why: str = ""
    seeds_needed: int | None = None


@dataclass(frozen=True)
class Decision:
    """The verdict on a claim.

    Attributes:
        claim: which.
        verdict: supported or contradicted only if `p_adjusted` is below 0.05.
        comparison: what it rests on.
        p_adjusted: by Holm's procedure over the family.
    """

    claim: TrainedClaim
    verdict: Verdict
    comparison: Comparison
    p_adjusted: float | None


def claims_for(dataset: str, epochs: int, *, published: bool) -> tuple[TrainedClaim, ...]:
    """The claims about a data set; of the paper's own protocol those of as many epochs."""
    return tuple(
        claim
        for claim in paper.trained_claims()
        if claim.dataset == dataset and (not published or claim.epochs == epochs)
    )


def decide(claims: Sequence[TrainedClaim], table: Table) -> tuple[Decision, ...]:
    """The verdicts on claims, as one family."""
    found = [_compared(claim, table) for claim in claims]
    tested = [comparison.p for comparison in found if comparison.p is not None]
    adjusted = iter(holm(tested))
    decisions = []
    for claim, comparison in zip(claims, found, strict=True):
        p = None if comparison.p is None else next(adjusted)
        decided = p is not None and p < _LEVEL
        verdict: Verdict = comparison.points_to if decided else "undecided"
        decisions.append(Decision(claim, verdict, comparison, p))
    return tuple(decisions)


def _compared(claim: TrainedClaim, table: Table) -> Comparison:
    wanted: tuple[tuple[str, ...], ...] = claim.pairs or tuple((row,) for row in claim.rows)
    networks = tuple(pair for pair in wanted if all(label in table.correct for label in pair))
    labels = tuple(dict.fromkeys(label for pair in wanted for label in pair))
    missing = tuple(label for label in labels if label not in table.correct)
    start = Comparison(networks, missing, table.seeds(*(n for pair in networks for n in pair)))
    least = {"trend": 3, "steps": len(wanted), "falls": 2}.get(claim.kind, 1)
    if len(networks) < least:
        what = "all of its networks" if least == len(wanted) > 1 else f"{least} of its comparisons"
        return replace(start, why=f"not run: {', '.join(missing)}; it takes {what}")
    if not start.seeds:
        return replace(start, why="its networks have no seed in common")
    if claim.kind in ("trend", "steps"):
        rows = tuple(row for pair in networks for row in pair)
        return _trend(start, table, rows) if claim.kind == "trend" else _steps(start, table, rows)
    return _contrast(start, table, claim)


def _contrast(start: Comparison, table: Table, claim: TrainedClaim) -> Comparison:
    pairs = start.networks
    if claim.kind == "falls":
        pairs = (pairs[0], pairs[-1])
        shares = [1.0, -1.0]
    else:
        shares = [1 / len(pairs)] * len(pairs)
    weights: dict[str, float] = {}
    for share, (row, other) in zip(shares, pairs, strict=True):
        weights[row] = weights.get(row, 0) + share
        weights[other] = weights.get(other, 0) - share
    contrast = Contrast(table, weights)
    null = -claim.margin / 100
    if len(pairs) == 1:
        ((row, other),) = pairs
        by_image = tuple(
            (seed, compared(table.correct[row][seed], table.correct[other][seed]))
            for seed in contrast.seeds
        )
        start = replace(start, pairs=by_image)
    else:
        alone = [(row, other, Contrast(table, {row: 1.0, other: -1.0})) for row, other in pairs]
        each = tuple(
            (row, other, pair.interval()) for row, other, pair in alone if pair.is_decidable
        )
        start = replace(start, each=each)
    return _tested(replace(start, networks=pairs), contrast, null)


def _each(table: Table, pairs: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, str, Interval]]:
    for row, other in pairs:
        alone = Contrast(table, {row: 1.0, other: -1.0})
        if alone.is_decidable:
            yield row, other, alone.interval()


def _tested(start: Comparison, contrast: Contrast, null: float) -> Comparison:
    if not contrast.is_decidable:
        value = contrast.value
        return replace(start, interval=Interval(value, value, value), why=_why_not(contrast.table))
    return replace(
        start,
        interval=contrast.interval(),
        p=contrast.p(null, "two-sided"),
        points_to="supported" if contrast.value > null else "contradicted",
        paired=contrast.paired(null),
        bootstrap=contrast.bootstrap(),
        seeds_needed=contrast.seeds_needed(null),
    )


def _trend(start: Comparison, table: Table, rows: Sequence[str]) -> Comparison:
    if len(start.seeds) < 2:
        return replace(start, why=_ONE_SEED)
    return _either_way(start, *trend(table, rows, start.seeds))


def _steps(start: Comparison, table: Table, rows: Sequence[str]) -> Comparison:
    steps = [Contrast(table, {after: 1.0, before: -1.0}) for before, after in _steps_of(rows)]
    if not all(step.is_decidable for step in steps):
        return replace(start, why=_why_not(table))
    up = [step.p(0, "greater") for step in steps]
    down = [step.p(0, "less") for step in steps]
    # All steps must rise, so the worst speaks for all; one that falls is enough, of several.
    worst = max(range(len(steps)), key=lambda place: up[place])
    before, after = _steps_of(rows)[worst]
    why = f"the least certain step is from {before} to {after}"
    found = replace(start, interval=steps[worst].interval(), why=why)
    return _either_way(found, max(up), min(1.0, len(steps) * min(down)))


def _either_way(start: Comparison, p_for: float, p_against: float) -> Comparison:
    return replace(
        start,
        p=min(1.0, 2 * min(p_for, p_against)),
        points_to="supported" if p_for < p_against else "contradicted",
    )


def _steps_of(rows: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(rows))


def _why_not(table: Table) -> str:
    return _ONE_SEED if table.spread is None or table.spread.df > 0 else "too few networks"
