"""What a network is shown, batch by batch: which images, in which order, each through which warp.

All of it is drawn on the host from (seed, epoch), so that it depends neither on the backend nor
on how training got to that epoch.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kreproduce.data import augment
from kreproduce.data.dataset import Subset
from kreproduce.experiment.settings import Experiment

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


Batch = tuple[dict[str, np.ndarray], np.ndarray] | tuple[dict[str, np.ndarray], np.ndarray, Any]


class Batches(keras.utils.PyDataset):
    """Views in batches, as Keras reads them; the last batch may be smaller, or be filled up.

    Where batches are filled up, each says which of its images count: 1.0 for one that does and 0.0
    for filling, float32 (batch_size,), as the input "counts" and as Keras' weights of the samples.
    The filling is the last view again and again.

    Args:
        views: What to show.
        batch_size: Images a batch.
        first: How many batches to leave out, because they were shown before.
        fill_up: Whether all batches have one size, see `Devices.fills_up`.
    """

    def __init__(self, views: Views, batch_size: int, first: int = 0, *, fill_up: bool = False):
        super().__init__()
        self.views = views
        self.batch_size = batch_size
        self.first = first
        self.fill_up = fill_up

    def __len__(self) -> int:
        return -(-len(self.views.order) // self.batch_size) - self.first

    def __getitem__(self, index: int) -> Batch:
        start, count = (self.first + index) * self.batch_size, len(self.views.order)
        if not self.fill_up:
            return self._shown(np.arange(start, min(start + self.batch_size, count)))
        places = np.arange(start, start + self.batch_size)
        inputs, labels = self._shown(np.minimum(places, count - 1))
        counts = (places < count).astype("float32")
        return inputs | {"counts": counts}, labels, counts

    def _shown(self, places: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        order = self.views.order[places]
        inputs = {"source": self.views.subset.images[order], "warp": self.views.matrices[places]}
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
