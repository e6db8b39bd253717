"""Networks compared over the seeds and the test images that their runs share."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kreproduce.claims.table import HFLIP, Correct, Spread, Table

CONFIDENCE = 0.95
_FROM_SEEDS_ON = 5  # a bootstrap over fewer is wrong far more often than it says
MOST_SEEDS = 100
"""As many as are looked at for how many would decide."""
_NONE = 1e-9


@dataclass(frozen=True)
class Interval:
    """A value and its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Pairs:
    """Two networks compared image by image: what is said of these two, and of no method.

    Attributes:
        won: images that only the first got right.
        lost: images that only the second got right.
        images: all there are.
    """

    won: int
    lost: int
    images: int

    @cached_property
    def p(self) -> float:
        """Of McNemar's exact test, two-sided, that won and lost differ by chance alone."""
        from statsmodels.stats.contingency_tables import mcnemar

        # The images that both got right or wrong take no part.
        return float(mcnemar([[0, self.won], [self.lost, 0]], exact=True).pvalue)

    @cached_property
    def difference(self) -> Interval:
        """Of the accuracies; the interval is exact given how many images divide the two."""
        from scipy.stats import binomtest

        apart = self.won + self.lost
        if not apart:
            return Interval(0.0, 0.0, 0.0)
        share = binomtest(self.won, apart).proportion_ci(CONFIDENCE)
        low, high = ((2 * bound - 1) * apart / self.images for bound in share)
        return Interval((self.won - self.lost) / self.images, float(low), float(high))


def compared(first: Correct, second: Correct) -> Pairs:
    """Which of the same images two networks got right, beside each other."""
    return Pairs(int((first & ~second).sum()), int((second & ~first).sum()), len(first))


@dataclass(frozen=True, eq=False)
class Contrast:
    """A weighted sum of accuracies, over the seeds that all its networks have.

    Attributes:
        table: the networks.
        weights: by label; they add up to 0, or it is one network's accuracy by itself.
    """

    table: Table
    weights: Mapping[str, float]

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that all its networks were trained with."""
        return self.table.seeds(*self.weights)

    @cached_property
    def by_seed(self) -> NDArray[np.float64]:
        """The sum for each of `seeds`."""
        return np.array(
            [
                sum(
                    weight * self.table.accuracy(label, seed)
                    for label, weight in self.weights.items()
                )
                for seed in self.seeds
            ]
        )

    @cached_property
    def _is_constant(self) -> bool:
        """Whether all seeds give the same, of which no test says anything."""
        return bool(np.allclose(self.by_seed, self.by_seed[0], rtol=0, atol=1e-9))

    @cached_property
    def value(self) -> float:
        """The mean over the seeds."""
        return float(self.by_seed.mean())

    @cached_property
    def spread(self) -> Spread | None:
        """What the seeds' variance is taken from.

        Where the same networks are asked with and without the mirror image, they are no trainings
        apart, and what differs between seeds is what the mirror image adds. What a seed does to
        all networks falls out of a difference, but not of an accuracy.
        """
        if abs(sum(self.weights.values())) > _NONE:
            return self.table.spread_of_one
        return self.table.spread_of_hflip if self._is_same_networks else self.table.spread

    @property
    def _is_same_networks(self) -> bool:
        by_network: dict[str, float] = {}
        for label, weight in self.weights.items():
            name = label.removesuffix(HFLIP)
            by_network[name] = by_network.get(name, 0) + weight
        return all(abs(weight) < _NONE for weight in by_network.values())

    @cached_property
    def _squares(self) -> float:
        """Variances of single runs in the sum of a seed."""
        squares = sum(weight**2 for weight in self.weights.values())
        return squares / 2 if self._is_same_networks else squares

    @cached_property
    def _image_variance(self) -> float:
        """Of the mean, because the test images are some of all that there could be.

        The part of the variance over images that the networks' own scatter makes is taken out: it
        is in the seeds' term.
        """
        each = np.stack(
            [
                sum(w * self.table.correct[label][seed] for label, w in self.weights.items())
                for seed in self.seeds
            ]
        )
        seeds, images = each.shape
        between = each.mean(axis=0).var(ddof=1)
        within = each.var(axis=0, ddof=1).mean() / seeds if seeds > 1 else 0.0
        return float(max(between - within, 0.0) / images)

    @cached_property
    def error(self) -> float:
        """The standard error of `value`."""
        return float(self._errors(np.array(len(self.seeds))))

    def _errors(self, seeds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what it would be with so many seeds."""
        assert self.spread is not None
        of_seeds = self._squares * self.spread.variance / seeds
        return np.sqrt(of_seeds + self._image_variance)

    @property
    def is_decidable(self) -> bool:
        """Whether there are seeds enough to say anything of a method."""
        return len(self.seeds) > 1 and self.spread is not None

    def interval(self) -> Interval:
        """Return the t interval by the pooled variance of the seeds and that of the images."""
        from scipy.stats import t

        assert self.spread is not None
        half = float(t.ppf((1 + CONFIDENCE) / 2, self.spread.df)) * self.error
        return Interval(self.value, self.value - half, self.value + half)

    def p(self, null: float, alternative: Literal["two-sided", "greater", "less"]) -> float:
        """How likely so distant a value is, if the true one is `null`."""
        from scipy.stats import t

        assert self.spread is not None
        distance = self.value - null
        if self.error == 0:  # all runs alike on all images
            statistic = float(np.sign(distance)) * np.inf if distance else 0.0
        else:
            statistic = distance / self.error
        df = self.spread.df
        if alternative == "two-sided":
            return float(2 * t.sf(abs(statistic), df))
        return float(t.sf(statistic, df) if alternative == "greater" else t.cdf(statistic, df))

    def seeds_needed(self, null: float, level: float) -> int | None:
        """With how many seeds this value would have a two-sided p below `level`.

        None if `MOST_SEEDS` are not enough: more seeds do not make up for few test images.
        """
        from scipy.stats import t

        assert self.spread is not None
        seeds = np.arange(2, MOST_SEEDS + 1)
        quantiles = t.isf(level / 2, (self.spread.networks - 1) * (seeds - 1))
        enough = abs(self.value - null) > quantiles * self._errors(seeds)
        return int(seeds[enough.argmax()]) if enough.any() else None

    def paired(self, null: float) -> tuple[float, Interval] | None:
        """Return p and the interval of the paired t test of these networks; None for one seed."""
        from scipy.stats import ttest_1samp

        if len(self.seeds) < 2 or self._is_constant:
            return None
        found = ttest_1samp(self.by_seed, null)
        low, high = found.confidence_interval(CONFIDENCE)
        return float(found.pvalue), Interval(self.value, float(low), float(high))

    def bootstrap(self) -> Interval | None:
        """Return the bootstrap's interval over seeds; None for fewer than five."""
        from scipy.stats import bootstrap

        if len(self.seeds) < _FROM_SEEDS_ON or self._is_constant:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of degenerate resamples
            found = bootstrap((self.by_seed,), np.mean, rng=np.random.default_rng(0))
        low, high = found.confidence_interval
        return Interval(self.value, float(low), float(high))


def slope(table: Table, labels: Sequence[str]) -> Contrast:
    """By how much the accuracy rises from one of `labels` to the next: the fitted line's slope."""
    places = np.arange(len(labels)) - (len(labels) - 1) / 2
    return Contrast(table, dict(zip(labels, (places / (places**2).sum()).tolist(), strict=True)))


def trend(
    table: Table, labels: Sequence[str], seeds: Sequence[int], *, times: int = 1
) -> tuple[float, float]:
    """Page's test with the seeds as rows. It takes the test images as they are.

    Args:
        table: the networks.
        labels: them in order.
        seeds: of the rows.
        times: how often each row is taken, to see what more seeds like these would give.

    Returns:
        p where a rise of the accuracy along `labels` is suspected, and where a fall is.
    """
    from scipy.stats import page_trend_test

    ranked = np.array([[table.accuracy(label, seed) for label in labels] for seed in seeds])
    ranked = np.tile(ranked, (times, 1))
    return (
        float(page_trend_test(ranked).pvalue),
        float(page_trend_test(ranked[:, ::-1]).pvalue),
    )


def scatters_by_chance(table: Table) -> float | None:
    """How likely equal networks scatter as much over seeds if every image is judged by itself.

    Returns:
        p of the chi-squared test of the seeds' variance against the one that independent errors
        give; None where either is unknown.
    """
    from scipy.stats import chi2

    spread, independent = table.spread, table.independent_spread
    if spread is None or not independent:
        return None
    return float(chi2.sf(spread.df * spread.variance / independent**2, spread.df))


def holm(values: Sequence[float]) -> list[float]:
    """Return the p values of one family, adjusted by Holm's procedure, in their order."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(values, method="holm")[1]] if values else []
