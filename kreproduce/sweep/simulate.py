"""How long many runs take on so many GPUs, one GPU per run: list scheduling."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """What came of it.

    Attributes:
        gpus: how many there were.
        makespan: seconds until the last run has ended.
        busy: seconds that the GPUs computed, summed over them.
    """

    gpus: int
    makespan: float
    busy: float

    @property
    def utilisation(self) -> float:
        """The share of the GPUs' time, until the last run has ended, in which they computed."""
        return self.busy / (self.gpus * self.makespan) if self.makespan else 0.0


def simulate(lengths: Iterable[float], gpus: int) -> Schedule:
    """Each run in turn goes to the GPU that is free first.

    If the longest is the first, that takes at most a third longer than the best of all schedules
    (Graham 1969).

    Args:
        lengths: seconds that each run takes, in the order in which they are started.
        gpus: at least one.
    """
    ordered = list(lengths)
    free = [0.0] * max(1, min(gpus, len(ordered)))  # a heap: when each GPU is free
    for length in ordered:
        heapq.heapreplace(free, free[0] + length)
    return Schedule(gpus, max(free), sum(ordered))
