"""What the active Keras backend computes, against NumPy: so all backends agree with each other.

`KERAS_BACKEND` chooses which; `.ci/backends` runs these with others than TensorFlow.
"""

import keras
import numpy as np
import pytest
from helpers.numpy_network import drawn_weights, forward, give, taken

from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe, describe_pointwise
from kreproduce.network.grouping import group
from kreproduce.network.lowering import product
from kreproduce.network.model import realize

# Half of what any two backends may differ by.
TOLERANCE = 5e-5

SMALL = {"input_size": 16, "skip_strides": 3}
NETWORKS = {
    "v2, 32ch on CIFAR-10": Architecture("v2", 32, input_size=32, skip_strides=3),
    "v2, 4ch without L": Architecture("v2", 4, layer_l=False, activation="relu", **SMALL),
    "v2 with the paper's interleaving": Architecture("v2", 16, interleaving="paper", **SMALL),
    "v1": Architecture("v1", 16, input_size=33, skip_strides=2, padding="counted"),
    "baseline": Architecture("baseline", None, input_size=33, skip_strides=2),
}
FAST = "v2 with the paper's interleaving"


def with_weights(network, images):
    """The Keras model of a description and its weights, the same under every backend."""
    model = realize(network)
    weights = drawn_weights(network, model, images)
    give(model, weights)
    return model, weights


def images_for(network):
    """More of small ones, whose last layers would else see too few pixels for a variance."""
    count = 24 if network.input_shape[0] < 20 else 8
    return np.random.default_rng(1).random((count, *network.input_shape), "float32")


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(architecture, id=name, marks=[] if name == FAST else [pytest.mark.slow])
        for name, architecture in NETWORKS.items()
    ],
)
def test_the_same_weights_give_the_same_outputs(architecture):
    network = describe(architecture)
    images = images_for(network)
    model, weights = with_weights(network, images)
    expected = forward(network, weights, images)["classifier_softmax"]
    assert expected.std(axis=0).min() > 0.005  # the outputs depend on the images
    np.testing.assert_allclose(predicted(model, images), expected, rtol=0, atol=TOLERANCE)


def predicted(model, images):
    compiled = keras.backend.backend() == "jax"  # where nothing else is quick
    model.compile(run_eagerly=not compiled, jit_compile=compiled)
    return model.predict(images, verbose=0)


def unit():
    """Layers K and L with replicated channels, both paths and the interleaving."""
    return describe_pointwise(Architecture("v2", 4), (3, 3, 30), 21, "swish")


def squared_error(outputs, targets):
    return np.mean((outputs - targets) ** 2)


def cross_entropy(probabilities, labels):
    return -np.mean(np.log(probabilities[np.arange(len(labels)), labels]))


def gradients(model, images, targets, loss):
    """By layer: what a step of plain gradient descent at rate 1 takes off the weights."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    before = taken(model)
    model.compile(keras.optimizers.SGD(1.0), loss, jit_compile=keras.backend.backend() == "jax")
    model.train_on_batch(images, targets)
    return {
        name: [old - new for old, new in zip(before[name], now, strict=True)]
        for name, now in taken(model).items()
    }


def check_gradients(network, images, targets, loss, numpy_loss):
    """Along random directions, layer kind by layer kind, the loss rises as the gradient says."""
    model, weights = with_weights(network, images)
    found = gradients(model, images, targets, loss)
    rng = np.random.default_rng(2)
    kinds = {type(node.operation).__name__ for node in network.nodes if node.name in weights}
    for kind in sorted(kinds):
        names = [n.name for n in network.nodes if type(n.operation).__name__ == kind]
        direction = {
            name: [rng.normal(size=w.shape) * np.abs(w).mean() for w in trained(weights[name])]
            for name in names
        }

        def loss_at(distance, direction=direction):
            moved = {name: [w.astype("float64") for w in some] for name, some in weights.items()}
            for name, steps in direction.items():
                for weight, step in zip(moved[name], steps, strict=False):
                    weight += distance * step
            outputs = forward(network, moved, images, training=True)[network.nodes[-1].name]
            return numpy_loss(outputs, targets)

        slope = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5
        along = sum(
            np.sum(gradient.astype("float64") * step)
            for name, steps in direction.items()
            for gradient, step in zip(found[name], steps, strict=False)
        )
        assert abs(slope) > 1e-4, kind
        assert along == pytest.approx(slope, rel=2e-3, abs=1e-5), kind


def trained(weights):
    """Without the moving averages, the third and fourth of a batch normalisation's."""
    return weights[:2]


def test_the_gradients_of_a_unit():
    network = unit()
    images = images_for(network)
    targets = np.random.default_rng(3).normal(size=(24, 3, 3, 21)).astype("float32")
    check_gradients(network, images, targets, "mse", squared_error)


@pytest.mark.slow
def test_the_gradients_of_a_network():
    network = describe(NETWORKS[FAST])
    labels = np.arange(24) % 10
    loss = "sparse_categorical_crossentropy"
    check_gradients(network, images_for(network), labels, loss, cross_entropy)


def test_a_dense_product_without_the_scatter_of_keras_under_pytorch(monkeypatch):
    """It goes through the weights one by one: a step of a whole network took 100 s."""
    if keras.backend.backend() == "torch":
        monkeypatch.delattr(keras.ops, "scatter")
    grouping = group(24, 10, 8, 3)
    assert grouping.remainder
    draw = np.random.default_rng(0).normal
    kernel = draw(size=(grouping.groups, grouping.group_channels, grouping.filters_per_group))
    arguments = (
        keras.ops.convert_to_tensor(array.astype("float32"))
        for array in (
            draw(size=(2, 3, 3, 24)),
            kernel,
            draw(size=(grouping.remainder, grouping.group_channels)),
        )
    )
    x, kernel, remainder = arguments
    dense, per_group = (
        keras.ops.convert_to_numpy(product(way, grouping, x, kernel, remainder))
        for way in ("dense", "per_group")
    )
    np.testing.assert_allclose(dense, per_group, rtol=0, atol=TOLERANCE)
