"""Repeats in turn, and what is made of them."""

import pytest

from kreproduce.bench.timing import FEWEST, Timing, in_turn


def test_everything_is_measured_in_every_round_and_the_order_turns():
    order = []

    def measure(name):
        return lambda: order.append(name) or 1.0

    calls = []
    timings = in_turn([measure("a"), measure("b")], 3, lambda: calls.append(None))
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert [len(timing.seconds) for timing in timings] == [3, 3]
    assert len(calls) == 6


def test_what_is_slow_is_repeated_less():
    slow, fast = in_turn([lambda: 100.0, lambda: 0.1], FEWEST + 4)
    assert len(slow.seconds) == FEWEST
    assert len(fast.seconds) == FEWEST + 4


def test_median_quartiles_and_ratio():
    timing = Timing((4.0, 1.0, 2.0, 3.0, 100.0))
    assert timing.median == 3.0
    assert timing.quartiles == (2.0, 4.0)
    assert Timing((7.0,)).quartiles == (7.0, 7.0)
    # By rounds: a round that was slow for both says nothing of how they compare.
    assert Timing((2.0, 20.0, 2.0)).ratio(Timing((1.0, 10.0, 1.0, 9.0))) == pytest.approx(2.0)
