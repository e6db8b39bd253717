"""One statement of the paper beside what it comes out as."""

from dataclasses import dataclass
from typing import Literal, get_args

from kreproduce import paper

Verdict = Literal["equal", "different"] | paper.FindingKind
VERDICTS: tuple[Verdict, ...] = ("different", *get_args(paper.FindingKind), "equal")


@dataclass(frozen=True)
class Check:
    """A statement checked.

    Attributes:
        where: table or section.
        claim: what is stated.
        printed: the paper's number or word.
        recomputed: ours.
        verdict: "equal"; the kind of the finding, where it is not and a finding says so and what
            is right; or "different".
        code: the finding's code, else empty.
        why: why a cell of a table is printed as it is, computed; else empty.
        as_printed: whether it holds the text against accuracies that the tables print, and
            recomputes none, for no raw run of theirs is published.
    """

    where: str
    claim: str
    printed: str
    recomputed: str
    verdict: Verdict
    code: str = ""
    why: str = ""
    as_printed: bool = False


def check(
    where: str,
    claim: str,
    printed: str,
    recomputed: str,
    *,
    holds: bool,
    right: str = "",
    code: str = "",
    why: str = "",
) -> Check:
    """Compare: `holds` says whether the statement does, `right` what a finding expects.

    Raises:
        KeyError: there is no finding of that code.
    """
    if holds:
        return Check(where, claim, printed, recomputed, "equal")
    if right and recomputed == right:
        verdict = paper.finding(code).kind
        return Check(where, claim, printed, recomputed, verdict, code, why)
    return Check(where, claim, printed, recomputed, "different")
