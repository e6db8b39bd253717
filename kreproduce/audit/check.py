"""One statement of the paper beside what it comes out as."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["equal", "erratum", "different"]


@dataclass(frozen=True)
class Check:
    """A statement checked.

    Attributes:
        where: table or section.
        claim: what is stated.
        printed: the paper's number or word.
        recomputed: ours.
        verdict: "equal"; "erratum", where it is not but the known erratum is confirmed; or
            "different".
        why: the erratum's reason, else empty.
        as_printed: whether it holds the text against accuracies that the tables print, and
            recomputes none, for no raw run of theirs is published.
    """

    where: str
    claim: str
    printed: str
    recomputed: str
    verdict: Verdict
    why: str = ""
    as_printed: bool = False


def check(
    where: str, claim: str, printed: str, recomputed: str, *, holds: bool, right: str, why: str
) -> Check:
    """Compare: `holds` says whether the statement does, `right` what a known erratum expects."""
    if holds:
        return Check(where, claim, printed, recomputed, "equal")
    if right and recomputed == right:
        return Check(where, claim, printed, recomputed, "erratum", why)
    return Check(where, claim, printed, recomputed, "different")
