"""What trained networks made of the same test images, and how equal networks scatter over seeds.

Accuracies are shares here; whoever prints them makes points of them.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

HFLIP = " + H Flip"
"""What the label of a network ends in if the mirror image's outputs are added."""

Correct = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Table:
    """Which test images each trained network got right.

    Attributes:
        correct: by label ("V2 32ch", or "V2 32ch + H Flip" for the same network asked with the
            mirror image) and by seed, bool (n,) over the same n test images in the same order.
    """

    correct: Mapping[str, Mapping[int, Correct]]

    def seeds(self, *labels: str) -> tuple[int, ...]:
        """Return the seeds that all of these networks were trained with."""
        sets = [set(self.correct.get(label, ())) for label in labels]
        return tuple(sorted(set.intersection(*sets))) if sets else ()

    @cached_property
    def images(self) -> int:
        """How many test images there are."""
        return len(next(iter(next(iter(self.correct.values())).values())))

    @cached_property
    def networks(self) -> tuple[str, ...]:
        """The labels of trained networks, each once."""
        return tuple(label for label in self.correct if not label.endswith(HFLIP))

    def accuracy(self, label: str, seed: int) -> float:
        """Share of the images that the network got right."""
        return float(self.correct[label][seed].mean())

    @cached_property
    def spread(self) -> "Spread | None":
        """How the plain accuracies of equal networks differ over seeds, None if that is unknown.

        What a seed does to all networks is left out: differences at the same seeds have none of it.
        """
        return spread(self._plain)

    @cached_property
    def spread_of_one(self) -> "Spread | None":
        """As `spread`, with what a seed does to all networks: of an accuracy by itself."""
        return spread(self._plain, seeds_alike=True)

    @cached_property
    def _plain(self) -> dict[tuple[str, int], float]:
        return {
            (label, seed): self.accuracy(label, seed)
            for label in self.networks
            for seed in self.correct[label]
        }

    @cached_property
    def spread_of_hflip(self) -> "Spread | None":
        """As `spread`, for what the mirror image adds to a network's accuracy."""
        return spread(
            {
                (label, seed): self.accuracy(label + HFLIP, seed) - self.accuracy(label, seed)
                for label in self.networks
                for seed in self.seeds(label, label + HFLIP)
            }
        )

    @cached_property
    def independent_spread(self) -> float | None:
        """The deviation over seeds if every image were got right or wrong by itself.

        With each image's own probability, as the runs of a network estimate it.
        """
        variances = [
            float(np.stack(list(runs.values())).var(axis=0, ddof=1).mean())
            for label, runs in self.correct.items()
            if label in self.networks and len(runs) > 1
        ]
        return float(np.sqrt(np.mean(variances) / self.images)) if variances else None


@dataclass(frozen=True)
class Spread:
    """The variance over seeds, pooled over networks.

    Attributes:
        variance: of one run.
        df: its degrees of freedom, (networks - 1) * (seeds - 1) where no run is missing.
        networks: how many there are.
    """

    variance: float
    df: int
    networks: int

    @property
    def deviation(self) -> float:
        """The standard deviation of one run."""
        return float(np.sqrt(self.variance))


def spread(values: Mapping[tuple[str, int], float], *, seeds_alike: bool = False) -> Spread | None:
    """Return what network and seed leave unexplained, by a two-way analysis of variance.

    Args:
        values: by network and seed.
        seeds_alike: whether all of them are taken to have the same mean: one-way, by network.
    """
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.tools.sm_exceptions import SingularMatrixWarning

    rows = [(network, seed, value) for (network, seed), value in values.items()]
    frame = pd.DataFrame(rows, columns=["network", "seed", "value"])
    networks, seeds = frame.network.nunique(), frame.seed.nunique()
    if networks < 2 or seeds < 2:
        return None
    explained = "C(network)" if seeds_alike else "C(network) + C(seed)"
    with warnings.catch_warnings():
        # Networks without a seed in common: what each explains is not unique, what is left is.
        warnings.simplefilter("ignore", SingularMatrixWarning)
        fitted = ols(f"value ~ {explained}", frame).fit()
    df = round(fitted.df_resid)
    return Spread(float(fitted.mse_resid), df, networks) if df > 0 else None
