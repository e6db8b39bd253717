"""What is shown is a function of (seed, epoch), and nothing else."""

import numpy as np
import pytest

from kreproduce.data import augment
from kreproduce.data.dataset import Subset
from kreproduce.data.views import plain_views, training_views, validation_views
from kreproduce.experiment.settings import resolve
from kreproduce.network.architecture import Architecture
from kreproduce.network.model import build
from kreproduce.training.batches import Batches, dropout_seeds


def experiment(**settings):
    return resolve({"dataset": "digits"}, settings)


@pytest.fixture
def subset():
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3)).astype("uint8")
    return Subset(images, np.arange(50, dtype="int32") % 10)


def same(one, other):
    return np.array_equal(one.order, other.order) and np.array_equal(one.matrices, other.matrices)


def test_training_views_are_all_images_in_an_order_of_the_epochs_own(subset):
    e = experiment()
    views = training_views(e, subset, 3)
    assert sorted(views.order) == list(range(50))
    assert same(views, training_views(e, subset, 3))
    assert not same(views, training_views(e, subset, 4))
    assert not same(views, training_views(experiment(seed=2), subset, 3))
    np.testing.assert_array_equal(views.labels, subset.labels[views.order])
    assert len(np.unique(views.matrices, axis=0)) == 50


def test_augmented_validation_is_drawn_anew_each_epoch(subset):
    e = experiment(validation="augmented")
    views = validation_views(e, subset, 0)
    np.testing.assert_array_equal(views.order, np.arange(50))
    assert same(views, validation_views(e, subset, 0))
    assert not same(views, validation_views(e, subset, 1))
    assert not np.array_equal(views.matrices, training_views(e, subset, 0).matrices)


def test_fourfold_validation_shows_every_flip(subset):
    views = validation_views(experiment(validation="fourfold"), subset, 5)
    assert np.bincount(views.order).tolist() == [4] * 50
    of_one = views.matrices[views.order == 7]
    expected = [
        augment.flips(1, 16, horizontal=h, vertical=v)[0]
        for v in (False, True)
        for h in (False, True)
    ]
    np.testing.assert_array_equal(of_one, expected)


def test_plain_validation_changes_nothing(subset):
    e = experiment()
    assert same(validation_views(e, subset, 2), plain_views(e, subset))
    np.testing.assert_array_equal(
        plain_views(e, subset).matrices, np.tile(np.eye(2, 3), (50, 1, 1))
    )


def test_batches_hold_every_view_once_and_keep_bytes(subset):
    batches = Batches(training_views(experiment(), subset, 0), 16)
    parts = [batches[i] for i in range(len(batches))]
    assert [len(labels) for _, labels in parts] == [16, 16, 16, 2]
    assert parts[0][0]["source"].dtype == np.uint8
    shown = np.concatenate([inputs["source"] for inputs, _ in parts])
    np.testing.assert_array_equal(shown, subset.images[batches.views.order])


def test_a_last_batch_is_filled_up_with_what_does_not_count(subset):
    views = training_views(experiment(), subset, 0)
    plain, filled = Batches(views, 16, first=2), Batches(views, 16, first=2, fill_up=True)
    assert len(filled) == len(plain) == 2
    for index, count in enumerate((16, 2)):
        (inputs, labels), (others, their_labels, weights) = plain[index], filled[index]
        assert {name: array.shape[0] for name, array in others.items()} == {
            "source": 16,
            "warp": 16,
            "counts": 16,
        }
        assert weights.tolist() == others["counts"].tolist() == [1.0] * count + [0.0] * (16 - count)
        np.testing.assert_array_equal(their_labels[:count], labels)
        for name, array in inputs.items():
            np.testing.assert_array_equal(others[name][:count], array)


def test_dropout_continues_from_any_step():
    network = build(Architecture(input_size=16, skip_strides=5, ch=16))
    name = "block6d_drop"
    ones = np.ones((32, 1, 1, 1), "float32")

    def masks(first, count):
        for generator, seed in dropout_seeds(experiment(), network):
            generator.state.assign([seed, first])
        layer = network.get_layer(name)
        return [np.asarray(layer(ones, training=True)).ravel().tolist() for _ in range(count)]

    whole = masks(0, 6)
    assert masks(3, 3) == whole[3:]
    assert len({tuple(mask) for mask in whole}) == 6
    seeds = [seed for _, seed in dropout_seeds(experiment(), network)]
    assert len(set(seeds)) == len(seeds) == 10


def test_no_two_draws_share_their_random_numbers(subset):
    """Of other seeds, epochs and purposes: a sum of the three would repeat itself."""
    experiments = [experiment(seed=seed, validation="augmented") for seed in (1, 2, 3)]
    drawn = {
        views(e, subset, epoch).matrices.tobytes()
        for e in experiments
        for epoch in range(4)
        for views in (training_views, validation_views)
    }
    orders = {training_views(e, subset, n).order.tobytes() for e in experiments for n in range(4)}
    assert (len(drawn), len(orders)) == (24, 12)


def test_warps_are_drawn_for_the_networks_input(subset):
    """Of 16 x 16 pixels, where the images have 8 x 8."""
    none = {"rotation": 0.0, "shift": 0.5, "shear": 0.0, "zoom": 0.0}
    matrices = training_views(experiment(augmentation=none), subset, 0).matrices
    assert 6 < np.abs(matrices[:, :, 2]).max() <= 8


def test_the_dropout_masks_follow_from_the_seed():
    network = build(Architecture(input_size=16, skip_strides=5, ch=16))

    def seeds(seed):
        return {value for _, value in dropout_seeds(experiment(seed=seed), network)}

    assert seeds(1) == seeds(1)
    assert not seeds(1) & seeds(2)
