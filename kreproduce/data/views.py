"""What a network is shown: which images, in which order, each through which warp.

All of it is drawn on the host from (seed, epoch), so that it depends neither on the backend nor
on how training got to that epoch.
"""

from dataclasses import dataclass

import numpy as np

from kreproduce.data import augment
from kreproduce.data.dataset import Subset
from kreproduce.experiment.randomness import Stream, generator
from kreproduce.experiment.settings import Experiment


@dataclass(frozen=True)
class Views:
    """Views of images: the i-th is image `order[i]` of `subset` through warp `matrices[i]`.

    `matrices` has shape (n, 2, 3), see `augment`.
    """

    subset: Subset
    order: np.ndarray
    matrices: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """The class of each view, shape (n,)."""
        return self.subset.labels[self.order]


def training_views(experiment: Experiment, subset: Subset, epoch: int) -> Views:
    """All training images in an order and through warps of this epoch's own."""
    order = generator(experiment, Stream.SHUFFLE, epoch).permutation(len(subset.labels))
    warps = _drawn(experiment, generator(experiment, Stream.TRAINING_WARP, epoch), len(order))
    return Views(subset, order, warps)


def validation_views(experiment: Experiment, subset: Subset, epoch: int) -> Views:
    """All validation images as the experiment shows them (sections 3.1 and 3.2)."""
    if experiment.validation == "augmented":
        order = np.arange(len(subset.labels))
        warps = _drawn(experiment, generator(experiment, Stream.VALIDATION_WARP, epoch), len(order))
        return Views(subset, order, warps)
    if experiment.validation == "plain":
        return plain_views(experiment, subset)
    views = [
        plain_views(experiment, subset, horizontal=horizontal, vertical=vertical)
        for vertical in (False, True)
        for horizontal in (False, True)
    ]
    return Views(
        subset,
        np.concatenate([view.order for view in views]),
        np.concatenate([view.matrices for view in views]),
    )


def plain_views(
    experiment: Experiment, subset: Subset, *, horizontal: bool = False, vertical: bool = False
) -> Views:
    """All images in order, as they are or flipped."""
    count = len(subset.labels)
    matrices = augment.flips(count, experiment.input_size, horizontal=horizontal, vertical=vertical)
    return Views(subset, np.arange(count), matrices)


def _drawn(experiment: Experiment, rng: np.random.Generator, count: int) -> np.ndarray:
    return augment.draw(rng, count, experiment.input_size, experiment.augmentation)
