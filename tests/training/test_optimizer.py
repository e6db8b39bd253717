"""The optimiser and the loss that the trainer compiles, against their formulas in NumPy."""

import keras
import numpy as np
import pytest

from kreproduce.experiment import resolve
from kreproduce.training.assembly import assemble
from kreproduce.training.devices import Devices
from kreproduce.training.schedule import learning_rate

CPU = Devices(gpu=False, names=("CPU",))
SMALL = {"classes": 3, "ch": 16, "input_size": 16, "skip_strides": 2}


def assembled(**settings):
    return assemble(resolve({"dataset": "colours"}, SMALL, settings), (16, 16, 3), CPU)


@pytest.fixture(scope="module")
def model():
    return assembled().model


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def gradients(rng, weights):
    """Of every size from 1e-9 to 10, so that epsilon and rho matter, and exact zeros."""
    found = [
        rng.normal(size=w.shape)
        * 10.0 ** rng.integers(-9, 2, w.shape)
        * rng.integers(0, 4, w.shape)
        for w in weights
    ]
    return [gradient.astype("float32") for gradient in found]


def rmsprop(weights, squares, gradients, rate):
    """v := 0.9 v + 0.1 g², w := w - rate · g / √(v + 1e-7); no momentum, nothing centred."""
    gradients = [gradient.astype("float64") for gradient in gradients]
    squares = [0.9 * v + 0.1 * g**2 for v, g in zip(squares, gradients, strict=True)]
    steps = [rate * g / np.sqrt(v + 1e-7) for v, g in zip(squares, gradients, strict=True)]
    return [w - step for w, step in zip(weights, steps, strict=True)], squares


def test_the_updates_are_rmsprops(model):
    """Five steps over three epochs, on every weight of a network."""
    optimizer = model.optimizer
    rng = np.random.default_rng(0)
    weights = [numpy(w).astype("float64") for w in model.trainable_variables]
    squares = [np.zeros(w.shape) for w in weights]
    for step in range(5):
        rate = learning_rate(step // 2, 25)
        optimizer.learning_rate = rate
        given = gradients(rng, weights)
        optimizer.apply(given, model.trainable_variables)
        weights, squares = rmsprop(weights, squares, given, rate)
        for variable, expected in zip(model.trainable_variables, weights, strict=True):
            np.testing.assert_allclose(numpy(variable), expected, rtol=2e-5, atol=2e-7)


@pytest.mark.slow
def test_one_step_moves_every_weight():
    """By the optimiser that is compiled into the model, from the gradient of the loss."""
    model = assembled().model
    before = [numpy(w) for w in model.trainable_variables]
    model.optimizer.learning_rate = 0.001
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 16, 16, 3)).astype("uint8")
    warps = np.tile(np.eye(2, 3, dtype="float32"), (6, 1, 1))
    model.train_on_batch({"source": images, "warp": warps}, np.arange(6) % 3)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        moved = np.abs(numpy(variable) - old)
        # The first step is rate · g / √(0.1 g² + 1e-7), at most rate · √10.
        assert 0 < moved.max() <= 0.001 * np.sqrt(10) * 1.001, variable.path


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_the_loss_is_the_cross_entropy_of_float32_logits(precision):
    """Of logits that half precision could not hold: 70,000 is infinite, 1e-4 beside 30 is lost."""
    assembly = assembled(precision=precision)
    assert assembly.precision == precision
    assert assembly.network.get_layer("stem_conv").dtype_policy.name == precision
    model = assembly.model
    assert model.output.dtype == "float32"
    logits = np.array([[7e4, 7e4 - 3, 0], [30, 30.0001, -30], [-5, 0, 1]], "float32")
    labels = np.array([1, 0, 2])
    wide = logits.astype("float64")
    shifted = wide - wide.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    expected = -log_probabilities[np.arange(3), labels].mean()
    found = model.compute_loss(x=None, y=labels, y_pred=keras.ops.convert_to_tensor(logits))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_nothing_is_added_to_the_loss(model):
    """No weight decay, no regularisation, no label smoothing."""
    assert model.losses == []
    certain = keras.ops.convert_to_tensor(np.array([[100.0, 0, 0]], "float32"))
    assert float(model.compute_loss(x=None, y=np.array([0]), y_pred=certain)) == 0


def test_the_rate_reaches_the_optimiser_behind_the_scaling_of_the_loss():
    """Which Keras adds for float16, as the authors' Keras did."""
    optimizer = assembled(precision="mixed_float16").model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(optimizer.inner_optimizer, keras.optimizers.RMSprop)
    optimizer.learning_rate = 0.0025
    assert float(optimizer.inner_optimizer.learning_rate) == pytest.approx(0.0025)
