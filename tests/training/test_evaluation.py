"""Accuracies and flip sums against NumPy: on made-up outputs, and on a network's of real images."""

import keras
import numpy as np
import pytest
from helpers.numpy_network import drawn_weights, forward, give

from kreproduce.data import dataset, sources
from kreproduce.data.views import plain_views
from kreproduce.experiment.settings import resolve
from kreproduce.network.description import describe
from kreproduce.runs.logits import SHOWN, cross_entropy, predict, softmax
from kreproduce.training.batches import Batches
from kreproduce.training.devices import Devices
from kreproduce.training.model import compile_model


def random_logits(seed=0, images=200):
    rng = np.random.default_rng(seed)
    logits = {shown: rng.normal(size=(images, 3)).astype("float32") for shown in SHOWN}
    return logits, rng.integers(0, 3, images)


def test_the_sums_over_flips_against_plain_numpy():
    logits, labels = random_logits()
    p = {}
    for shown, values in logits.items():
        p[shown] = np.array([np.exp(row) / sum(np.exp(row)) for row in values.astype("float64")])
    expected = {
        "plain": p["plain"],
        "hflip": p["plain"] + p["horizontal"],
        "vflip": p["plain"] + p["vertical"],
        "hflip_vflip": p["plain"] + p["horizontal"] + p["vertical"],
    }
    predicted = predict(logits)
    assert predicted.keys() == expected.keys()
    for name, total in expected.items():
        assert predicted[name].tolist() == [int(row.argmax()) for row in total]
    assert len({tuple(classes) for classes in predicted.values()}) == 4
    losses = [-np.log(p["plain"][i, label]) for i, label in enumerate(labels)]
    assert cross_entropy(logits["plain"], labels) == pytest.approx(np.mean(losses))


def test_large_logits_do_not_overflow():
    logits = np.array([[1000.0, 0.0], [-1000.0, 1000.0]])
    np.testing.assert_allclose(softmax(logits), [[1, 0], [0, 1]])
    assert cross_entropy(logits, np.array([0, 0])) == 1000


def test_probabilities_are_added_not_logits():
    """One very sure output does not outvote two that are fairly sure."""
    logits = {"plain": [[0.0, 20.0]], "horizontal": [[2.0, 0.0]], "vertical": [[2.0, 0.0]]}
    predicted = predict({shown: np.array(values) for shown, values in logits.items()})
    assert predicted == {"plain": [1], "hflip": [1], "vflip": [1], "hflip_vflip": [0]}


def test_the_first_of_equal_classes_is_chosen():
    """As by any argmax; of a sum, too, whose terms favour one class each by as much."""
    plain, mirrored = np.array([[1.0, 1, 0], [0, 3, 1]]), np.array([[1.0, 1, 0], [0, 1, 3]])
    logits = {"plain": plain, "horizontal": mirrored, "vertical": plain}
    predicted = predict(logits)
    assert predicted["plain"].tolist() == predicted["hflip"].tolist() == [0, 1]
    assert cross_entropy(plain, np.array([0, 1])) == pytest.approx(
        (np.log(2 + np.exp(-1)) + np.log(1 + np.exp(-3) + np.exp(-2))) / 2
    )


@pytest.fixture(scope="module")
def shown_digits():
    """What a network makes of real images shown by the product, and of the same ones by NumPy."""
    experiment = resolve({"dataset": "digits", "limit": 400})
    images = dataset.load(experiment, sources.locate("digits", None)).test
    compiled = compile_model(experiment, images.images.shape[1:], Devices(False, ("CPU",)))
    network = describe(experiment.architecture)
    # Nearest neighbour from 8 to 16 pixels shows each pixel twice.
    large = images.images.repeat(2, axis=1).repeat(2, axis=2) / 255
    weights = drawn_weights(network, compiled.network, large)
    give(compiled.network, weights)
    logits = {}
    for shown in SHOWN:
        flips = {flip: shown == flip for flip in ("horizontal", "vertical")}
        views = Batches(plain_views(experiment, images, **flips), 32)
        batches = [compiled.model(views[i][0]) for i in range(len(views))]
        logits[shown] = np.concatenate([keras.ops.convert_to_numpy(batch) for batch in batches])
    flipped = {"plain": large, "horizontal": large[:, :, ::-1], "vertical": large[:, ::-1]}
    expected = {
        shown: forward(network, weights, pixels)["classifier_softmax"]
        for shown, pixels in flipped.items()
    }
    return logits, expected, images.labels


def test_the_sums_on_real_flipped_images(shown_digits):
    """From the pixels on, in NumPy: images flipped, the network, the softmax, sums and counts."""
    logits, expected, labels = shown_digits
    assert len(labels) >= 50
    predicted = predict(logits)
    terms = {
        "plain": ["plain"],
        "hflip": ["plain", "horizontal"],
        "vflip": ["plain", "vertical"],
        "hflip_vflip": ["plain", "horizontal", "vertical"],
    }
    seen = set()
    for name, shown in terms.items():
        total = sum(expected[which] for which in shown)
        best = np.sort(total, axis=1)
        assert (best[:, -1] - best[:, -2]).min() > 1e-5  # nothing is close enough to tip over
        chosen = [int(row.argmax()) for row in total]
        assert predicted[name].tolist() == chosen
        seen.add(tuple(chosen))
    assert len(seen) == 4  # no sum is another's
    own = expected["plain"][np.arange(len(labels)), labels]
    assert cross_entropy(logits["plain"], labels) == pytest.approx(-np.log(own).mean(), rel=1e-4)
