"""Images and draws that stay on the device, so that a step takes only numbers from the host.

Not run on a GPU: the tests have it on a CPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from kreproduce.data.dataset import Dataset, Subset
from kreproduce.data.views import Views
from kreproduce.training.batches import Batches
from kreproduce.training.devices import Devices


@dataclass(frozen=True)
class Kept:
    """What to keep on the device.

    Attributes:
        subsets: whose images, all of one shape; each view is of one of them.
        views: the most views that are shown at once.
    """

    subsets: Sequence[Subset]
    views: int


def kept_of(dataset: Dataset, devices: Devices) -> Kept | None:
    """Return the images with room for every view; None if they are not to stay on the devices."""
    subsets = (dataset.train, dataset.validation, dataset.test)
    if not devices.keep(sum(subset.images.nbytes for subset in subsets)):
        return None
    # Four views of an image where all its flips validate.
    return Kept(subsets, 4 * max(len(subset.labels) for subset in subsets))


class Store(keras.layers.Layer):
    """From places (batch,) in the views that it holds to [source, warp], same as for `Batches`.

    Args:
        kept: what to hold.

    Attributes:
        views: those that are held now.
    """

    def __init__(self, kept: Kept):
        super().__init__(name="store", dtype="float32", autocast=False)
        images = [subset.images for subset in kept.subsets]
        starts = np.cumsum([0, *map(len, images[:-1])])
        self._start_of = {
            id(s.images): start for s, start in zip(kept.subsets, starts, strict=True)
        }
        self.views: Views | None = None
        # TensorFlow has no variables of int32 on a GPU.
        self.order = self._held("order", np.zeros(kept.views, "uint32"))
        self.matrices = self._held("matrices", np.zeros((kept.views, 2, 3), "float32"))
        self.images = self._held("images", np.concatenate(images))
        self.built = True

    def show(self, views: Views) -> None:
        """Hold these views in place of the last ones."""
        order, matrices = np.zeros(self.order.shape, "uint32"), np.zeros(self.matrices.shape, "f4")
        order[: len(views.order)] = views.order + self._start_of[id(views.subset.images)]
        matrices[: len(views.order)] = views.matrices
        self.order.assign(order)
        self.matrices.assign(matrices)
        self.views = views

    def call(self, places: Any) -> tuple[Any, Any]:
        order = ops.cast(ops.take(self.order, places, axis=0), "int32")
        return ops.take(self.images, order, axis=0), ops.take(self.matrices, places, axis=0)

    def _held(self, name: str, values: np.ndarray) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=values.shape,
            dtype=values.dtype.name,
            initializer=lambda shape, dtype: values,  # noqa: ARG005
            trainable=False,
        )


class StoredBatches(Batches):
    """The batches of views that a store holds from now on, by their places.

    Args:
        store: what holds them.
        views: same as for `Batches`, like all that follow.
        batch_size: likewise.
        first: likewise.
    """

    def __init__(self, store: Store, views: Views, batch_size: int, first: int = 0):
        super().__init__(views, batch_size, first, fill_up=True)
        self._store = store
        store.show(views)

    def on_epoch_begin(self) -> None:
        if self._store.views is not self.views:
            raise RuntimeError("the device has been given other views meanwhile")

    def _shown(self, places: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        labels = self.views.subset.labels[self.views.order[places]]
        return {"places": places.astype("int32")}, labels
