"""The optimiser and the loss that the trainer compiles, against the authors' Keras and NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from kreproduce.errors import StateError
from kreproduce.experiment.settings import resolve
from kreproduce.training import state
from kreproduce.training.devices import Devices
from kreproduce.training.model import compile_model
from kreproduce.training.optimizer import FORMULA, Keras2RMSprop
from kreproduce.training.schedule import learning_rate

CPU = Devices(gpu=False, names=("CPU",))
SMALL = {"classes": 3, "ch": 16, "input_size": 16, "skip_strides": 2}


def compiled_model(**settings):
    return compile_model(resolve({"dataset": "colours"}, SMALL, settings), (16, 16, 3), CPU)


@pytest.fixture(scope="module")
def model():
    return compiled_model().model


def theirs():
    """RMSprop of the authors' Keras, in eager TensorFlow."""
    return tf_keras.optimizers.legacy.RMSprop()


def gradient(rng, number):
    """Of every size from 1e-8 to 1e2, either sign, and exact zeros."""
    sign = rng.choice([-1, 0, 1], number, p=[0.45, 0.1, 0.45])
    return (sign * 10 ** rng.uniform(-8, 2, number)).astype("float32")


def step(optimizer, start, velocity, given):
    """Weights and v after one step of ours from the same weights, v and gradient as theirs."""
    variable, (state,) = optimizer._trainable_variables[0], optimizer._velocities
    variable.assign(start)
    state.assign(velocity)
    optimizer.apply([tf.constant(given)])
    return numpy(variable), numpy(state)


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_each_step_is_the_authors():
    """From equal weights and v, at 50 points of a trajectory of theirs over two cycles.

    Not the whole trajectories: the first steps are of ±3.2 lr whatever the gradient's size, so
    the rounding of a gradient that is truly zero would grow to whole steps.
    """
    rng = np.random.default_rng(0)
    number = 2000
    reference, weights = theirs(), tf.Variable(rng.normal(size=number) * 0.1, dtype="float32")
    optimizer = Keras2RMSprop()
    optimizer.build([keras.Variable(np.zeros(number), dtype="float32")])
    velocity = np.zeros(number, "float32")
    size = 10 ** rng.uniform(-8, 2, number)  # most weights' gradients keep their size
    for epoch in range(50):
        rate = learning_rate(epoch, 25)
        reference.learning_rate = optimizer.learning_rate = rate
        given = gradient(rng, number)
        given[::2] = (rng.normal(size=number) * size).astype("float32")[::2]
        start = weights.numpy()
        new, new_velocity = step(optimizer, start, velocity, given)
        reference.apply_gradients([(tf.constant(given), weights)])
        velocity = reference.get_slot(weights, "rms").numpy()
        np.testing.assert_allclose(new_velocity, velocity, rtol=1e-6, atol=1e-30)
        moved = np.abs(weights.numpy() - start)
        # A unit in the last place of the weights, and a few of the step.
        assert (np.abs(new - weights.numpy()) <= np.spacing(np.abs(start)) + 2e-6 * moved).all()


def test_a_step_by_the_smallest_gradients_is_the_authors():
    """From weights of 0, where a step is seen to its last digit."""
    optimizer = Keras2RMSprop(0.001)
    given = np.array([1e-8, -1e-7, 1e-6, -1e-5, 1e-3, 1e2], "float32")
    optimizer.build([keras.Variable(np.zeros(6), dtype="float32")])
    for size in (0, 1e-8, 1e-6, 1e-3):
        velocity = np.full(6, size**2, "float32")
        reference, weights = theirs(), tf.Variable(np.zeros(6, "float32"))
        reference._create_all_weights([weights])
        reference.get_slot(weights, "rms").assign(velocity)
        reference.apply_gradients([(tf.constant(given), weights)])
        new, _ = step(optimizer, np.zeros(6), velocity, given)
        np.testing.assert_allclose(new, weights.numpy(), rtol=2e-6)


def test_the_defaults_are_the_authors():
    ours, reference = Keras2RMSprop().get_config(), theirs().get_config()
    for name in ("learning_rate", "rho", "momentum", "epsilon", "centered"):
        assert ours[name] == pytest.approx(reference[name])


def test_a_training_by_keras_own_is_not_taken_up():
    """Its variables have other names, so a checkpoint by the one is refused by the other."""
    own = keras.optimizers.RMSprop()
    own.build([keras.Variable(np.zeros(6), dtype="float32", name="kernel")])
    optimizer = Keras2RMSprop()
    optimizer.build([keras.Variable(np.zeros(6), dtype="float32", name="kernel")])
    with pytest.raises(StateError):
        state.assign(optimizer.variables, state.values(own.variables))


@pytest.mark.slow
def test_one_step_moves_every_weight():
    """By the optimiser that is compiled into the model, from the gradient of the loss."""
    model = compiled_model().model
    before = [numpy(w) for w in model.trainable_variables]
    model.optimizer.learning_rate = 0.001
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 16, 16, 3)).astype("uint8")
    warps = np.tile(np.eye(2, 3, dtype="float32"), (6, 1, 1))
    model.train_on_batch({"source": images, "warp": warps}, np.arange(6) % 3)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        moved = np.abs(numpy(variable) - old)
        # The first step is rate · g / (√(0.1 g²) + 1e-7), at most rate · √10.
        assert 0 < moved.max() <= 0.001 * np.sqrt(10) * 1.001, variable.path


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_the_loss_is_the_cross_entropy_of_float32_logits(precision):
    """Of logits that half precision could not hold: 70,000 is infinite, 1e-4 beside 30 is lost."""
    compiled = compiled_model(precision=precision)
    assert compiled.precision == precision
    assert compiled.network.get_layer("stem_conv").dtype_policy.name == precision
    model = compiled.model
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
    optimizer = compiled_model(precision="mixed_float16").model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(optimizer.inner_optimizer, Keras2RMSprop)
    optimizer.learning_rate = 0.0025
    assert float(optimizer.inner_optimizer.learning_rate) == pytest.approx(0.0025)


def test_what_a_record_says_of_it_is_read_from_it():
    assert Keras2RMSprop().formula == FORMULA
    other = Keras2RMSprop(rho=0.95, epsilon=1e-3)
    assert other.formula == "v = 0.95 * v + 0.05 * g**2; w = w - lr * g / (sqrt(v) + 0.001)"
