"""What dropout drops, how often, and what it makes of the rest."""

import math

import keras
import numpy as np
import pytest

from kreproduce.network.architecture import Architecture
from kreproduce.network.model import build

# 0.2 b / 16 for block b of 16, counted from 0, where input and output can be added.
RATES = {
    "block2b_drop": 0.025,
    "block3b_drop": 0.05,
    "block4b_drop": 0.075,
    "block4c_drop": 0.0875,
    "block5b_drop": 0.1125,
    "block5c_drop": 0.125,
    "block6b_drop": 0.15,
    "block6c_drop": 0.1625,
    "block6d_drop": 0.175,
}


@pytest.fixture(scope="module", params=["v2", "baseline"])
def model(request):
    keras.utils.set_random_seed(2)
    ch = 16 if request.param == "v2" else None
    return build(Architecture(request.param, ch, input_size=32, skip_strides=3))


def dropped(layer, shape):
    """What becomes of ones in training."""
    return keras.ops.convert_to_numpy(layer(np.ones(shape, "float32"), training=True))


def is_near(count, n, rate):
    """Within four standard errors."""
    return abs(count - n * rate) < 4 * math.sqrt(n * rate * (1 - rate))


def test_blocks_drop_whole_samples_at_their_rates(model):
    names = {layer.name for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    assert names == {*RATES, "dropout"}
    n = 20_000
    for name, rate in RATES.items():
        values = dropped(model.get_layer(name), (n, 2, 1, 3)).reshape(n, -1)
        assert (values == values[:, :1]).all()
        zeros = values[:, 0] == 0
        assert is_near(zeros.sum(), n, rate), name
        np.testing.assert_allclose(values[~zeros], 1 / (1 - rate), rtol=1e-6)


def test_features_are_dropped_one_by_one_before_the_classifier(model):
    layer = model.get_layer("dropout")
    assert layer.input.shape == (None, 1280)
    values = dropped(layer, (100, 1280))
    zeros = values == 0
    assert is_near(zeros.sum(), zeros.size, 0.2)
    share = zeros.mean(axis=1)
    assert 0.1 < share.min() <= share.max() < 0.3  # of every sample
    np.testing.assert_allclose(values[~zeros], 1.25, rtol=1e-6)


def test_samples_masks_and_layers_are_independent(model):
    """Of 20,000 samples, two layers drop as many both as independent draws would."""
    n = 20_000
    layer, other = (model.get_layer(name) for name in ("block6d_drop", "block6c_drop"))
    first, again = (dropped(layer, (n, 1, 1, 1)).ravel() == 0 for _ in range(2))
    beside = dropped(other, (n, 1, 1, 1)).ravel() == 0
    assert is_near((first & again).sum(), n, 0.175**2)
    assert is_near((first & beside).sum(), n, 0.175 * 0.1625)


def test_nothing_is_dropped_outside_training(model):
    ones = np.ones((8, 1, 1, 4), "float32")
    for name in RATES:
        np.testing.assert_array_equal(model.get_layer(name)(ones, training=False), ones)


def test_the_dropped_branch_is_the_blocks_own(model):
    """The sum adds the block's input as it is, so that a dropped block passes it on."""
    for name in RATES:
        block = name.removesuffix("_drop")
        added = model.get_layer(f"{block}_add").input
        sources = [tensor._keras_history.operation.name for tensor in added]
        assert sources[1] == name
        assert not sources[0].startswith(block)
