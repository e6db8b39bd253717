import numpy as np
import pytest
from claims.simulated import table
from scipy import stats

from kreproduce.claims.statistics import Contrast, Pairs, compared, holm
from kreproduce.claims.table import HFLIP, Table, spread


def test_the_pooled_variance_is_that_of_the_textbook():
    """Snedecor's formula of a two-way table without repeats, by hand."""
    random = np.random.default_rng(1)
    values = random.normal(size=(4, 3))
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    found = spread({(str(n), s): values[n, s] for n in range(4) for s in range(3)})
    assert found.df == 3 * 2
    assert found.variance == pytest.approx((residuals**2).sum() / 6)


def test_two_networks_alone_give_the_paired_t_test():
    simulated = table(np.random.default_rng(2), 4, 0.5, labels=("a", "b"))
    contrast = Contrast(simulated, {"a": 1.0, "b": -1.0})
    p, interval = contrast.paired(0.0)
    first, second = ([simulated.accuracy(name, seed) for seed in range(1, 5)] for name in "ab")
    theirs = stats.ttest_rel(first, second)
    assert p == pytest.approx(theirs.pvalue)
    assert interval.low == pytest.approx(theirs.confidence_interval().low)
    # The pooled interval has the same variance over seeds, and that of the images on top.
    assert contrast.spread.variance * 2 == pytest.approx(np.var(contrast.by_seed, ddof=1))
    assert contrast.interval().high > interval.high


def test_the_images_term_is_zero_for_networks_that_differ_by_chance_alone():
    """Two networks whose answers are drawn apart from each other, image by image, each seed."""
    random = np.random.default_rng(3)
    easy = random.uniform(0, 1, 20_000)
    correct = {
        name: {seed: random.uniform(size=20_000) < easy for seed in range(8)} for name in "ab"
    }
    contrast = Contrast(Table(correct), {"a": 1.0, "b": -1.0})
    of_seeds = 2 * contrast.spread.variance / 8
    assert contrast.error**2 == pytest.approx(of_seeds, rel=0.25)


def test_the_images_term_is_that_of_the_binomial_where_seeds_agree():
    random = np.random.default_rng(4)
    answers = {name: random.uniform(size=10_000) < 0.6 for name in "ab"}
    nudge = {seed: np.arange(10_000) == seed for seed in range(3)}  # so that seeds differ at all
    correct = {
        name: {seed: answers[name] ^ (nudge[seed] & (name == "a")) for seed in range(3)}
        for name in "ab"
    }
    contrast = Contrast(Table(correct), {"a": 1.0, "b": -1.0})
    expected = np.sqrt(2 * 0.6 * 0.4 / 10_000)
    assert contrast.error == pytest.approx(expected, rel=0.05)


def test_the_mirror_image_is_measured_by_what_it_adds():
    simulated = table(np.random.default_rng(5), 2, 2.0, hflip=1.0)
    added = Contrast(simulated, {"V2 32ch" + HFLIP: 1.0, "V2 32ch": -1.0})
    assert added.spread is simulated.spread_of_hflip
    assert added.error < Contrast(simulated, {"V2 32ch": 1.0, "baseline": -1.0}).error / 2


def test_mcnemar_is_exact():
    first = np.array([True] * 15 + [False] * 5 + [True] * 80)
    second = np.array([False] * 15 + [True] * 5 + [True] * 80)
    found = compared(first, second)
    assert (found.won, found.lost, found.images) == (15, 5, 100)
    assert found.p == pytest.approx(stats.binomtest(5, 20).pvalue)
    assert found.difference.value == pytest.approx(0.10)
    assert 0 < found.difference.low < 0.10 < found.difference.high < 0.2
    assert Pairs(0, 0, 100).p == 1


def test_holm_keeps_the_order():
    assert holm([0.03, 0.001, 0.04]) == pytest.approx([0.06, 0.003, 0.06])
    assert holm([]) == []


def test_seeds_needed_are_enough():
    simulated = table(np.random.default_rng(6), 2, 0.5, {"V2 4ch": 1.2})
    contrast = Contrast(simulated, {"V2 4ch": 1.0, "baseline": -1.0})
    needed = contrast.seeds_needed(0.0)
    assert needed is None or 2 <= needed <= 100
    far = Contrast(simulated, {"V2 4ch": 1.0, "baseline": -1.0})
    assert far.seeds_needed(far.value) is None


def test_a_bootstrap_takes_five_seeds():
    simulated = table(np.random.default_rng(7), 5, 0.5, labels=("a", "b"), images=2_000)
    weights = {"a": 1.0, "b": -1.0}
    assert Contrast(simulated, weights).bootstrap() is not None
    few = Table({name: dict(list(runs.items())[:4]) for name, runs in simulated.correct.items()})
    assert Contrast(few, weights).bootstrap() is None
