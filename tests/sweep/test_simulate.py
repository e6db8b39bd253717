"""List scheduling against schedules worked out by hand, and against all there are."""

import itertools

import numpy as np
import pytest

from kreproduce.sweep.simulate import simulate


@pytest.mark.parametrize(
    ("lengths", "gpus", "makespan", "utilisation"),
    [
        ([3, 1, 2], 1, 6, 1.0),
        ([3, 1, 2], 2, 3, 1.0),
        ([3, 1, 2], 3, 3, 6 / 9),
        ([3, 1, 2], 64, 3, 6 / 192),
        ([5], 2, 5, 0.5),
        # The longest first is not always the best: 3 3 | 2 2 2 takes 6.
        ([3, 3, 2, 2, 2], 2, 7, 12 / 14),
        # In the order given: 1 4 | 1.
        ([1, 1, 4], 2, 5, 6 / 10),
        ([0.0], 4, 0, 0.0),
    ],
)
def test_by_hand(lengths, gpus, makespan, utilisation):
    schedule = simulate(lengths, gpus)
    assert (schedule.gpus, schedule.makespan) == (gpus, makespan)
    assert schedule.busy == sum(lengths)
    assert schedule.utilisation == pytest.approx(utilisation)


@pytest.mark.parametrize("seed", range(20))
def test_at_most_a_third_longer_than_the_best_of_all_schedules(seed):
    random = np.random.default_rng(seed)
    gpus, lengths = int(random.integers(2, 4)), random.integers(1, 20, 7).tolist()
    schedules = itertools.product(range(gpus), repeat=len(lengths))
    best = min(max(np.bincount(at, weights=lengths)) for at in schedules)
    found = simulate(sorted(lengths, reverse=True), gpus).makespan
    assert best <= found <= (4 / 3 - 1 / (3 * gpus)) * best + 1e-9


def test_a_million_gpus_take_no_longer_to_simulate():
    assert simulate([1.0, 2.0], 10**6).makespan == 2.0
