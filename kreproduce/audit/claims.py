"""The claims of the abstract and the text, each with its recomputation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kreproduce import paper
from kreproduce.audit import medical, method, printed, results
from kreproduce.audit.check import Check, check
from kreproduce.audit.numbers import Recomputed, Value

RECOMPUTED: Mapping[str, Recomputed] = (
    method.RECOMPUTED | results.RECOMPUTED | medical.RECOMPUTED | printed.RECOMPUTED
)


def checks() -> Iterator[Check]:
    """Yield one check per claim, in the paper's order."""
    for claim in paper.claims():
        found = _checked(claim, RECOMPUTED[claim.key]())
        yield replace(found, as_printed=claim.key in printed.RECOMPUTED)


def _checked(claim: paper.Claim, found: Value) -> Check:
    section = claim.section if claim.section == "Abstract" else f"Section {claim.section}"
    return check(
        section,
        claim.claim,
        claim.printed,
        found.value,
        holds=found.value == claim.printed if found.holds is None else found.holds,
        right=claim.right,
        code=claim.finding,
    )
