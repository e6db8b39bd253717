"""What the audit does not compute, and why."""

from dataclasses import dataclass

from kreproduce import paper
from kreproduce.audit.printed import RECOMPUTED as AS_PRINTED
from kreproduce.audit.rows import raw_accuracy


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
    unpublished = [f"{row.table} {row.label}" for row in rows if raw_accuracy(row) is None]
    errata = [erratum.name for erratum in paper.text_errata()]
    decided = {claim.erratum for claim in paper.claims()}
    left = [name for name in errata if name not in decided]
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
            f"known errata of the text ({', '.join(left)})",
            tuple(left),
            len(errata),
            "they follow from reading the paper and the authors' code, not from a number",
        ),
    ]
