"""What validates: CIFAR-10's images warped again each epoch, the medical ones four-fold."""

import numpy as np
import pytest

from kreproduce.data.dataset import Subset
from kreproduce.data.layers import Warp
from kreproduce.data.views import training_views, validation_views
from kreproduce.experiment.settings import resolve
from kreproduce.paper import IMAGES
from kreproduce.training.batches import Batches

SIDE = 3


def validation_set(dataset):
    """As many small images as validate, each a random one."""
    count = IMAGES[dataset].sizes.validation
    images = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
    return Subset(images, np.arange(count, dtype=np.int32) % IMAGES[dataset].classes)


def shown(views):
    """The views through the layer that training uses, and their labels."""
    batches = Batches(views, 4096)
    images, labels = zip(*(batches[i] for i in range(len(batches))), strict=True)
    warp = Warp()
    pictures = [np.asarray(warp([batch["source"], batch["warp"]])) for batch in images]
    return np.concatenate(pictures), np.concatenate(labels)


@pytest.mark.parametrize(
    ("dataset", "ch", "count"), [("malaria", 8, 11_024), ("colorectal_histology", 4, 2_016)]
)
def test_medical_images_validate_four_fold(dataset, ch, count):
    subset = validation_set(dataset)
    e = resolve({"dataset": dataset, "ch": ch, "input_size": SIDE}, {"skip_strides": 5})
    views = validation_views(e, subset, 0)
    assert len(views.order) == len(views.matrices) == count
    images, labels = shown(views)
    assert images.shape == (count, SIDE, SIDE, 3)
    plain = subset.images / np.float32(255)
    fold = len(plain)
    for k, expected in enumerate((plain, plain[:, :, ::-1], plain[:, ::-1], plain[:, ::-1, ::-1])):
        part = slice(k * fold, (k + 1) * fold)
        np.testing.assert_allclose(images[part], expected, atol=1e-6)
        np.testing.assert_array_equal(labels[part], subset.labels)
    # Nothing is drawn: the next epoch shows the same.
    again = validation_views(e, subset, 1)
    np.testing.assert_array_equal(again.matrices, views.matrices)


def test_cifar10_validates_on_5000_images_augmented_like_the_training_images():
    subset = validation_set("cifar10")
    e = resolve({"dataset": "cifar10", "ch": 16})
    epochs = [validation_views(e, subset, epoch) for epoch in (0, 1, 2)]
    for views in epochs:
        np.testing.assert_array_equal(views.order, np.arange(5_000))
        # As spread as the training images' warps, entry by entry.
        training = training_views(e, subset, 0).matrices
        np.testing.assert_allclose(views.matrices.std(axis=0), training.std(axis=0), rtol=0.05)
        assert len(np.unique(views.matrices, axis=0)) == 5_000
    for one, other in ((0, 1), (0, 2), (1, 2)):
        alike = (epochs[one].matrices == epochs[other].matrices).all(axis=(1, 2))
        assert not alike.any()
    # The same epoch of the same seed again: exactly the same.
    np.testing.assert_array_equal(validation_views(e, subset, 1).matrices, epochs[1].matrices)
