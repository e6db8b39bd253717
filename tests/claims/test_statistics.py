import warnings

import numpy as np
import pytest
from helpers.simulated import table
from scipy import stats

from kreproduce.claims.statistics import (
    Contrast,
    Pairs,
    compared,
    holm,
    scatters_by_chance,
    slope,
)
from kreproduce.claims.table import HFLIP, Table, spread


def test_the_pooled_variance_is_that_of_the_textbook():
    """Snedecor's formula of a two-way table without repeats, by hand."""
    random = np.random.default_rng(1)
    values = random.normal(size=(4, 3))
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    found = spread({(str(n), s): values[n, s] for n in range(4) for s in range(3)})
    assert found.df == 3 * 2
    assert found.variance == pytest.approx((residuals**2).sum() / 6)


def test_networks_without_a_seed_in_common_have_the_variance_within_each():
    """Of which network or seed does what cannot be told, what is left over can; and no warning."""
    random = np.random.default_rng(1)
    values = random.normal(size=(2, 3))
    found = spread({(str(n), 10 * n + s): values[n, s] for n in range(2) for s in range(3)})
    assert found is None  # each value has a seed of its own, and nothing is left over
    seeds = {"a": (1, 2, 3), "b": (1, 2, 3), "c": (7, 8, 9), "d": (7, 8, 9)}
    values = {(name, seed): random.normal() for name in seeds for seed in seeds[name]}
    parts = [{key: values[key] for key in values if key[0] in names} for names in ("ab", "cd")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # over statsmodels, which has its own always shown
        found = spread(values)
    alone = [spread(part) for part in parts]
    assert found.df == 2 + 2
    assert found.variance == pytest.approx(sum(2 * part.variance for part in alone) / 4)


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
    needed = contrast.seeds_needed(0.0, 0.05)
    assert 2 <= needed <= 100
    # The stricter the level, the more; as many as one has are enough where p is below it.
    assert contrast.seeds_needed(0.0, 0.005) > needed
    assert contrast.seeds_needed(0.0, contrast.p(0.0, "two-sided") * 1.001) == 2
    assert contrast.seeds_needed(0.0, contrast.p(0.0, "two-sided") * 0.999) > 2
    assert contrast.seeds_needed(contrast.value, 0.05) is None


def test_tails_far_out_are_no_zero():
    simulated = table(np.random.default_rng(8), 3, 0.3, {"V2 4ch": -20})
    contrast = Contrast(simulated, {"V2 4ch": 1.0, "baseline": -1.0})
    assert 0 < contrast.p(0.0, "less") < 1e-12
    assert contrast.p(0.0, "two-sided") == pytest.approx(2 * contrast.p(0.0, "less"))
    assert contrast.p(0.0, "greater") == pytest.approx(1)


def scattering(own, common, networks=40, seeds=3):
    """Accuracies of equal networks that scatter, for themselves and by what a seed does to all."""
    random = np.random.default_rng(9)
    shift = random.normal(0, common, seeds)
    images = 10_000
    correct = {}
    for network in range(networks):
        for seed in range(seeds):
            share = 0.6 + (shift[seed] + random.normal(0, own)) / 100
            correct.setdefault(f"n{network}", {})[seed] = np.arange(images) < share * images
    return Table(correct)


def test_what_a_seed_does_to_all_counts_for_an_accuracy_and_not_for_a_difference():
    shared = scattering(0.2, 3.0)
    difference = Contrast(shared, {"n0": 1.0, "n1": -1.0})
    accuracy = Contrast(shared, {"n0": 1.0})
    assert difference.spread.deviation == pytest.approx(0.002, rel=0.2)
    each = np.array([[shared.accuracy(f"n{n}", s) for s in range(3)] for n in range(40)])
    assert accuracy.spread.variance == pytest.approx(each.var(axis=1, ddof=1).mean())
    assert accuracy.spread.df == 40 * 2
    assert accuracy.spread.deviation > 5 * difference.spread.deviation


def test_a_slope_is_what_a_line_fitted_has():
    labels = [f"V2 {ch}ch" for ch in (2, 4, 8, 16, 32)]
    simulated = table(np.random.default_rng(10), 2, 0.3, dict(zip(labels, range(5), strict=True)))
    means = [np.mean([simulated.accuracy(label, seed) for seed in (1, 2)]) for label in labels]
    found = slope(simulated, labels)
    assert found.value == pytest.approx(np.polyfit(range(5), means, 1)[0])
    assert found.interval().low < 0.01 < found.interval().high


def test_a_scatter_beyond_chance_is_told_from_chance():
    """Networks that are right by image and chance alone, and such as differ in their whole."""
    random = np.random.default_rng(11)
    easy = random.uniform(0, 1, 10_000)
    alone = Table(
        {
            f"n{n}": {seed: random.uniform(size=10_000) < easy for seed in range(3)}
            for n in range(11)
        }
    )
    assert scatters_by_chance(alone) > 0.05
    assert scatters_by_chance(table(random, 3, 0.8)) < 0.001
    assert scatters_by_chance(table(random, 1, 0.8)) is None


def test_a_bootstrap_takes_five_seeds():
    simulated = table(np.random.default_rng(7), 5, 0.5, labels=("a", "b"), images=2_000)
    weights = {"a": 1.0, "b": -1.0}
    assert Contrast(simulated, weights).bootstrap() is not None
    few = Table({name: dict(list(runs.items())[:4]) for name, runs in simulated.correct.items()})
    assert Contrast(few, weights).bootstrap() is None
