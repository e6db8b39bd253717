"""What the audit does not compute, and why."""

from dataclasses import dataclass

from kreproduce import paper
from kreproduce.audit.printed import RECOMPUTED as AS_PRINTED


@dataclass(frozen=True)
class Limit:
    """Something that is not computed.

    Attributes:
        what: it, in a few words.
        names: which of them.
        of: how many such there are in all.
        why: the reason.
    """

    what: str
    names: tuple[str, ...]
    of: int
    why: str

    def __str__(self) -> str:
        """In a phrase."""
        return f"{len(self.names)} of {self.of} {self.what}, for {self.why}"


def not_computed() -> list[Limit]:
    """All of it; the claims among it are checked against the print, see `Check.as_printed`."""
    rows = [row for table in paper.TRAINED for row in paper.rows(table)]
    unpublished = [f"{row.table} {row.label}" for row in rows if paper.raw_accuracy(row) is None]
    codes = [finding.code for finding in paper.findings()]
    computed = {claim.finding for claim in paper.claims()}
    computed |= {erratum.finding for erratum in paper.errata()}
    left = [code for code in codes if code not in computed]
    return [
        Limit(
            "accuracy cells of the tables",
            tuple(unpublished),
            len(rows),
            "no raw run of theirs is published",
        ),
        Limit(
            "claims, held against accuracies as printed",
            tuple(claim.key for claim in paper.claims() if claim.key in AS_PRINTED),
            len(paper.claims()),
            "they rest on those cells",
        ),
        Limit(
            f"findings ({', '.join(left)})",
            tuple(left),
            len(codes),
            "they follow from reading the paper and the authors' code, not from a number",
        ),
    ]
