"""What a recomputation finds, and the words that the paper has for it."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from kreproduce.tables.recomputed import rounded


class Value(NamedTuple):
    """A value as text; `holds` says whether the claim does, None where it must be printed so."""

    value: str
    holds: bool | None = None


Recomputed = Callable[[], Value]


def number(value: int) -> Value:
    """Return a count, with thousands apart."""
    return Value(f"{value:,}")


def share(part: float, whole: float, decimals: int = 0) -> Value:
    """`part` of `whole` in percent."""
    return Value(percentage(part, whole, decimals))


def percentage(part: float, whole: float, decimals: int = 1) -> str:
    """`part` of `whole` in percent, as text."""
    return f"{rounded(100 * Decimal(part) / Decimal(whole), decimals)}%"


def times(part: float, whole: float) -> Value:
    """`part` by `whole`, to the nearest whole number."""
    return Value(f"{rounded(Decimal(part) / Decimal(whole), 0)} times")


def truth(holds: bool) -> Value:
    """Yes or no."""
    return Value("yes" if holds else "no")


def always(cases: list[bool]) -> Value:
    """Whether all of at least one case hold; if not, in how many it does."""
    return Value("always" if cases and all(cases) else f"{sum(cases)} of {len(cases)} times")
