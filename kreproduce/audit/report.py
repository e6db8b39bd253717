"""The audit in lines: what is not equal first, what is equal counted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from kreproduce import paper
from kreproduce.audit.check import VERDICTS, Check, Verdict
from kreproduce.audit.limits import Limit

_PLURALS: dict[paper.FindingKind, str] = {
    "misprint": "misprints",
    "wrong statement": "wrong statements",
    "needs a qualification": "that need a qualification",
}


def checks_by_verdict(checks: Sequence[Check]) -> dict[Verdict, int]:
    """How many checks have each verdict."""
    counts = Counter(check.verdict for check in checks)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def findings_by_kind() -> dict[paper.FindingKind, int]:
    """How many findings are of each kind."""
    counts = Counter(finding.kind for finding in paper.findings())
    return {kind: counts[kind] for kind in get_args(paper.FindingKind)}


def lines(checks: Sequence[Check], limits: Sequence[Limit], *, equal: bool) -> Iterator[str]:
    """Differences, the findings with their checks below each, and the counts.

    Args:
        checks: those of the audit.
        limits: what it does not compute.
        equal: whether to list the checks that are equal, too.
    """
    yield from (f"different  {_check(check)}" for check in checks if check.verdict == "different")
    for finding in paper.findings():
        yield _finding(finding)
        yield from (f"     {_check(check)}" for check in checks if check.code == finding.code)
    if equal:
        yield from (f"equal  {_check(check)}" for check in checks if check.verdict == "equal")
    yield _findings_counted()
    counts = checks_by_verdict(checks)
    confirmed = sum(counts[kind] for kind in get_args(paper.FindingKind))
    rest = "" if equal else " (--all lists them)"
    yield (
        f"{len(checks)} checks: {counts['different']} different, "
        f"{confirmed} confirm findings, {counts['equal']} equal{rest}"
    )
    yield f"not computed: {'; '.join(map(str, limits))}"


def _finding(finding: paper.Finding) -> str:
    """Return a finding on one line."""
    return (
        f"{finding.code}  {finding.kind}: {finding.where}: {finding.printed}; "
        f"right: {finding.right}; {finding.why}"
    )


def _check(check: Check) -> str:
    """Return a check on one line: what is printed, and what holds where that is something else."""
    recomputed = "" if check.printed == check.recomputed else f", recomputed {check.recomputed}"
    mark = " (from accuracies as printed)" if check.as_printed else ""
    why = f"; {check.why}" if check.why else ""
    return f"{check.where}: {check.claim}: {check.printed}{recomputed}{mark}{why}"


def _findings_counted() -> str:
    counts = findings_by_kind()
    kinds = ", ".join(f"{n} {_PLURALS[kind]}" for kind, n in counts.items())
    return f"{sum(counts.values())} findings: {kinds}"
