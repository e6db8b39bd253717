"""Timing of several things in turn, so that what slows the machine down slows all of them."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kreproduce.system.interpreter import python

FEWEST = 5  # repeats of what is slow
PATIENCE = 60.0  # seconds after which it is slow
SAMPLE = 1.0  # seconds; so many steps are timed together that it takes about as long
MOST = 500  # steps


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


def steps_of_a_sample(seconds: float) -> int:
    """Return how many steps are timed together, where one takes so many seconds."""
    return max(1, min(MOST, round(SAMPLE / seconds)))


def warmed_up(take: Callable[[int], float]) -> tuple[float, int]:
    """Take the first steps; return the seconds of the very first, and how many make a sample.

    Args:
        take: takes so many steps and returns the seconds that all took.
    """
    first = take(1)
    few = steps_of_a_sample(take(1))
    return first, steps_of_a_sample(take(few) / few)


def once_each(measures: Sequence[Callable[[], float]]) -> None:
    """Measure each for nothing, once all are ready.

    To make one ready sets Keras' random seed, with which TensorFlow forgets the functions that it
    had prepared of those before: their next step takes three to seventeen times as long.
    """
    for measure in measures:
        measure()


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


def starting(arguments: Sequence[str], folder: Path) -> Callable[[], float]:
    """Return what starts Python with these arguments in a folder, and measures until its end.

    Where there is a GPU it is hidden. What is returned raises a RuntimeError if the command fails.
    """

    def start() -> float:
        started = time.perf_counter()
        done = subprocess.run(
            python(*arguments),
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{arguments} failed: {done.stderr.strip().splitlines()[-1:]}")
        return seconds

    return start
