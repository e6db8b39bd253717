"""What is wrong in the paper or needs a word more: findings, and the cells among them."""

from dataclasses import dataclass
from typing import Literal

from kreproduce.paper.files import load

FindingKind = Literal["misprint", "wrong statement", "needs a qualification"]


@dataclass(frozen=True)
class Finding:
    """A place of the paper that does not hold as it stands.

    Attributes:
        code: "A01" and so on; it never changes, and none is used twice.
        name: a few words for it, joined by hyphens.
        kind: "misprint", where a figure or a name is set wrong and the paper itself, its counts
            or its raw runs have it right; "wrong statement", where what is said does not hold;
            "needs a qualification", where it holds of a part or on a condition that is not named.
        where: its tables and sections.
        printed: what the paper says, in short.
        right: what holds.
        why: the reason.
    """

    code: str
    name: str
    kind: FindingKind
    where: str
    printed: str
    right: str
    why: str


@dataclass(frozen=True)
class Erratum:
    """A wrong cell of Tables 1 to 8.

    Attributes:
        table: the table's number.
        label: the first cell of its row.
        column: the field of the table's row.
        printed: what it prints.
        right: what it should.
        finding: the code of the finding that it belongs to.
    """

    table: int
    label: str
    column: str
    printed: str
    right: str
    finding: str


def findings() -> tuple[Finding, ...]:
    """All findings, by their codes: those of the tables, then those of abstract and text."""
    return load(Finding, "findings.csv")


def finding(code: str) -> Finding:
    """Return the finding of a code.

    Raises:
        KeyError: there is none.
    """
    return {found.code: found for found in findings()}[code]


def errata() -> tuple[Erratum, ...]:
    """Return the wrong cells of Tables 1 to 8, a wrong count and its percentage each for itself."""
    return load(Erratum, "errata.csv")


def erratum(table: int, label: str, column: str) -> Erratum | None:
    """Return the known erratum of a cell; None for every other cell.

    Args:
        table: the table's number.
        label: the row's first cell as printed, such as "kEffNet-B0 V2 2ch" or "B1".
        column: the name of the field of the table's row.
    """
    cell = (table, label, column)
    return next((e for e in errata() if (e.table, e.label, e.column) == cell), None)


def right(table: int, label: str, column: str) -> str | None:
    """Return what a cell should print; None where there is no known `erratum`."""
    found = erratum(table, label, column)
    return found.right if found else None
