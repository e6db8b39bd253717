"""The claims of the abstract and the text, each with its recomputation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kreproduce import paper
from kreproduce.audit import medical, method, printed, results
from kreproduce.audit.check import Check, check
from kreproduce.audit.finding import Finding, Recomputed

RECOMPUTED: Mapping[str, Recomputed] = (
    method.RECOMPUTED | results.RECOMPUTED | medical.RECOMPUTED | printed.RECOMPUTED
)


def checks() -> Iterator[Check]:
    """A check a claim, in the paper's order."""
    for claim in paper.claims():
        found = _checked(claim, RECOMPUTED[claim.key]())
        yield replace(found, as_printed=claim.key in printed.RECOMPUTED)


def _checked(claim: paper.Claim, finding: Finding) -> Check:
    section = claim.section if claim.section == "Abstract" else f"Section {claim.section}"
    why = {erratum.name: erratum.why for erratum in paper.text_errata()}
    return check(
        section,
        claim.claim,
        claim.printed,
        finding.value,
        holds=finding.value == claim.printed if finding.holds is None else finding.holds,
        right=claim.right,
        why=why.get(claim.erratum, ""),
    )
