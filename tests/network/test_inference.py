"""The inference form: equal outputs, and nothing left that could have been folded."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from kreproduce.network.architecture import Architecture
from kreproduce.network.inference import fold
from kreproduce.network.layers import GroupedPointwise, Interleave
from kreproduce.network.model import build

SMALL = {"input_size": 32, "skip_strides": 3}
numpy = keras.ops.convert_to_numpy


def trained(architecture):
    """A network in which nothing is 0, 1 or the same for all images, as after training."""
    keras.utils.set_random_seed(0)
    network = build(replace(architecture, bn_momentum=0.0))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            gamma, beta = rng.uniform(0.7, 1.3, gamma.shape), rng.normal(0, 0.1, beta.shape)
            layer.set_weights([gamma, beta, mean, variance])
        elif getattr(layer, "bias", None) is not None:
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, rng.normal(0, 0.1, bias.shape)])
    x = images(architecture, 8)
    network(x, training=True)  # with this momentum, the moving averages are now the batch's
    classifier = network.get_layer("classifier_logits")
    logits = numpy(keras.Model(network.input, classifier.output)(x))
    kernel, bias = classifier.get_weights()
    scale = logits.std(axis=0).mean()
    classifier.set_weights([kernel / scale, bias - logits.mean(axis=0) / scale])
    return network


def images(architecture, number):
    size = architecture.input_size
    return np.random.default_rng(number).random((number, size, size, 3), "float32")


def check(architecture, **settings):
    network = trained(architecture)
    folded = fold(network, architecture, **settings)
    x = images(architecture, 4)
    expected = numpy(network(x))
    assert expected.std(axis=0).max() > 0.05  # the images are told apart
    np.testing.assert_allclose(numpy(folded(x)), expected, rtol=0, atol=1e-4)
    folded_away = layers.BatchNormalization, layers.Dropout, Interleave
    assert not [layer for layer in folded.layers if isinstance(layer, folded_away)]
    return folded


def name(architecture):
    parts = (architecture.variant, architecture.ch, architecture.activation, architecture.layer_l)
    return f"{'-'.join(map(str, parts))}-{architecture.input_size}"


# A small input without skipped strides is the fastest to compute.
@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("v2", 32, input_size=64),
        Architecture("v1", 16, input_size=64),
        Architecture("baseline", None, input_size=64),
    ],
    ids=name,
)
def test_outputs_are_equal(architecture):
    check(architecture)


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    [
        *(Architecture("v2", ch, **SMALL) for ch in (2, 4, 16, 32)),
        Architecture("v2", 16, layer_l=False, **SMALL),
        Architecture("v2", 16, activation="relu", **SMALL),
        Architecture("v2", 16, interleaving="paper", padding="counted", **SMALL),
        Architecture("baseline", None, **SMALL),
        Architecture("v2", 16, input_size=224),
        Architecture("baseline", None, input_size=224),
    ],
    ids=name,
)
def test_outputs_of_the_papers_networks_are_equal(architecture):
    check(architecture)


@pytest.mark.slow
@pytest.mark.parametrize("lowering", ["dense", "per_group", "native"])
def test_outputs_are_equal_in_every_way(lowering):
    folded = check(Architecture("v2", 16, input_size=64), lowering=lowering)
    left = [layer for layer in folded.layers if isinstance(layer, GroupedPointwise)]
    assert {layer.lowering for layer in left} == ({lowering} if lowering != "dense" else set())


@pytest.fixture(scope="module")
def v2():
    architecture = Architecture("v2", 16, input_size=64)
    return architecture, trained(architecture)


def test_what_is_linear_is_one_matrix(v2):
    """K + L of a projection; the top with the classifier, behind the average."""
    architecture, network = v2
    folded = fold(network, architecture)
    projections = [layer for layer in folded.layers if "_project_" in layer.name]
    assert len(projections) == 16
    assert {type(layer) for layer in projections} == {layers.Conv2D}
    logits = folded.layers[-2]
    assert isinstance(logits, layers.Dense)
    assert logits.kernel.shape == (320, 10)
    pooled = folded.layers[-3]
    assert isinstance(pooled, layers.GlobalAveragePooling2D)


def test_the_network_stays_as_it_is(v2):
    architecture, network = v2
    before = network.get_weights()
    fold(network, architecture)
    for now, earlier in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, earlier)


def test_it_is_saved_and_loaded_like_any_model(v2, tmp_path):
    architecture, network = v2
    folded = fold(network, architecture, lowering="native")
    folded.save(tmp_path / "folded.keras")
    again = keras.saving.load_model(tmp_path / "folded.keras")
    x = images(architecture, 2)
    np.testing.assert_array_equal(numpy(again(x)), numpy(folded(x)))
