"""Views in batches, as Keras reads them, and the seeds of dropout's masks."""

from typing import Any

import keras
import numpy as np

from kreproduce.data.views import Views
from kreproduce.experiment.randomness import Stream, generator
from kreproduce.experiment.settings import Experiment

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
    """Return the network's generators of dropout masks, each with a seed of its own.

    A generator counts its draws, one a step; set to (seed, step) it draws what it would have
    drawn had it run that far.
    """
    rng = generator(experiment, Stream.DROPOUT, 0)
    dropouts = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    return [(layer.seed_generator, int(rng.integers(2**31))) for layer in dropouts]
