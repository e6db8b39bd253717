"""What a network is shown, batch by batch: which images, in which order, each through which warp.

All of it is drawn on the host from (seed, epoch), so that it depends neither on the backend nor
on how training got to that epoch.
"""

from dataclasses import dataclass

import keras
import numpy as np

from kreproduce.data import augment
from kreproduce.data.dataset import Subset
from kreproduce.experiment import Experiment

# Independent streams of random numbers.
_SHUFFLE, _TRAINING_WARP, _VALIDATION_WARP, _DROPOUT = range(4)


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
    order = _rng(experiment, _SHUFFLE, epoch).permutation(len(subset.labels))
    warps = _drawn(experiment, _rng(experiment, _TRAINING_WARP, epoch), len(order))
    return Views(subset, order, warps)


def validation_views(experiment: Experiment, subset: Subset, epoch: int) -> Views:
    """All validation images as the experiment shows them (sections 3.1 and 3.2)."""
    if experiment.validation == "augmented":
        order = np.arange(len(subset.labels))
        warps = _drawn(experiment, _rng(experiment, _VALIDATION_WARP, epoch), len(order))
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


class Batches(keras.utils.PyDataset):
    """Views in batches, as Keras reads them; the last batch may be smaller.

    Args:
        views: What to show.
        batch_size: Images a batch.
        first: How many batches to leave out, because they were shown before.
    """

    def __init__(self, views: Views, batch_size: int, first: int = 0):
        super().__init__()
        self.views = views
        self.batch_size = batch_size
        self.first = first

    def __len__(self) -> int:
        return -(-len(self.views.order) // self.batch_size) - self.first

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        start = (self.first + index) * self.batch_size
        batch = slice(start, start + self.batch_size)
        order = self.views.order[batch]
        inputs = {"source": self.views.subset.images[order], "warp": self.views.matrices[batch]}
        return inputs, self.views.subset.labels[order]


def dropout_seeds(
    experiment: Experiment, network: keras.Model
) -> list[tuple[keras.random.SeedGenerator, int]]:
    """The network's generators of dropout masks, each with a seed of its own.

    A generator counts its draws, one a step; set to (seed, step) it draws what it would have
    drawn had it run that far.
    """
    rng = _rng(experiment, _DROPOUT, 0)
    dropouts = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    return [(layer.seed_generator, int(rng.integers(2**31))) for layer in dropouts]


def _rng(experiment: Experiment, stream: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([experiment.seed, stream, epoch])


def _drawn(experiment: Experiment, rng: np.random.Generator, count: int) -> np.ndarray:
    return augment.draw(rng, count, experiment.input_size, experiment.augmentation)
