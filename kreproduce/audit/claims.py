"""The claims of the abstract and the text, each with its recomputation."""

from collections.abc import Iterator, Mapping

from kreproduce import paper
from kreproduce.audit.check import Check, check
from kreproduce.audit.finding import Finding, Recomputed
from kreproduce.audit.method import RECOMPUTED as METHOD
from kreproduce.audit.results import RECOMPUTED as RESULTS

RECOMPUTED: Mapping[str, Recomputed] = METHOD | RESULTS


def checks() -> Iterator[Check]:
    """A check a claim, in the paper's order."""
    for claim in paper.claims():
        yield _checked(claim, RECOMPUTED[claim.key]())


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
