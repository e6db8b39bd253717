"""Timing of several things in turn, so that what slows the machine down slows all of them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FEWEST = 5  # repeats of what is slow
PATIENCE = 60.0  # seconds after which it is slow


@dataclass(frozen=True)
class Timing:
    """What repeats of one thing took.

    Attributes:
        seconds: each repeat, in order.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile, in seconds; the extremes of fewer than two repeats."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        first, _, third = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return first, third

    def ratio(self, other: "Timing") -> float:
        """How many times as long as `other`: the median over the rounds that have both."""
        pairs = zip(self.seconds, other.seconds, strict=False)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def in_turn(
    measures: Sequence[Callable[[], float]],
    repeats: int,
    after: Callable[[], None] = lambda: None,
    patience: float = PATIENCE,
) -> list[Timing]:
    """Measure all in rounds, every second one in reverse.

    What has taken more than `patience` seconds in all is left at `FEWEST` repeats.

    Args:
        measures: each does something once and returns the seconds that it took.
        repeats: of each.
        after: is called after each measurement.
        patience: in seconds.
    """
    found: list[list[float]] = [[] for _ in measures]
    for number in range(repeats):
        order = list(enumerate(measures))
        for place, measure in order if number % 2 == 0 else order[::-1]:
            if number < FEWEST or sum(found[place]) < patience:
                found[place].append(measure())
                after()
    return [Timing(tuple(seconds)) for seconds in found]
