"""What a recomputation finds, and the words that the paper has for it."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from kreproduce.tables.recomputed import rounded


class Finding(NamedTuple):
    """A value as text; `holds` says whether the claim does, None where it must be printed so."""

    value: str
    holds: bool | None = None


Recomputed = Callable[[], Finding]


def number(value: int) -> Finding:
    """A count, with thousands apart."""
    return Finding(f"{value:,}")


def share(part: float, whole: float, decimals: int = 0) -> Finding:
    """`part` of `whole` in percent."""
    return Finding(percentage(part, whole, decimals))


def percentage(part: float, whole: float, decimals: int = 1) -> str:
    """`part` of `whole` in percent, as text."""
    return f"{rounded(100 * Decimal(part) / Decimal(whole), decimals)}%"


def times(part: float, whole: float) -> Finding:
    """`part` by `whole`, to the nearest whole number."""
    return Finding(f"{rounded(Decimal(part) / Decimal(whole), 0)} times")


def truth(holds: bool) -> Finding:
    """Yes or no."""
    return Finding("yes" if holds else "no")


def always(cases: list[bool]) -> Finding:
    """Whether all of at least one case hold; if not, in how many it does."""
    return Finding("always" if cases and all(cases) else f"{sum(cases)} of {len(cases)} times")
