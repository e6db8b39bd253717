"""The optimiser's steps under the active Keras backend, against its formula in NumPy.

`KERAS_BACKEND` chooses which; tests/training/test_optimizer.py has the formula against the authors'
Keras.
"""

import keras
import numpy as np
import pytest

from kreproduce.training.optimizer import FORMULA, Keras2RMSprop

SHAPES = {"kernel": (5, 40), "bias": (40,)}


def gradients(rng):
    """Of every size from 1e-8 to 1e2, either sign, and exact zeros."""
    signs = {
        name: rng.choice([-1, 0, 1], shape, p=[0.45, 0.1, 0.45]) for name, shape in SHAPES.items()
    }
    return [
        (sign * 10 ** rng.uniform(-8, 2, sign.shape)).astype("float32") for sign in signs.values()
    ]


def stepped(w, v, g, lr):
    """Weights and v after one step, by the formula that records hold, in float64."""
    names = {"w": np.float64(w), "v": np.float64(v), "g": np.float64(g), "lr": lr, "sqrt": np.sqrt}
    exec(FORMULA, names)
    return names["w"], names["v"]


def check(before, after, gradients, lr):
    """After one step weights and v are the formula's, but for the rounding of float32."""
    for w, v, new_w, new_v, g in zip(*before, *after, gradients, strict=True):
        expected_w, expected_v = stepped(w, v, g, lr)
        np.testing.assert_allclose(new_v, expected_v, rtol=1e-6, atol=1e-30)
        rounding = np.spacing(np.abs(w)) + 2e-6 * np.abs(expected_w - w)
        assert (np.abs(new_w - expected_w) <= rounding).all()


def values(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def built(rng):
    """Small random variables, and an optimizer of them."""
    variables = [
        keras.Variable(rng.normal(size=shape) * 0.1, dtype="float32", name=name)
        for name, shape in SHAPES.items()
    ]
    optimizer = Keras2RMSprop(0.0025)
    optimizer.build(variables)
    return variables, optimizer


def test_the_steps_are_the_formulas():
    rng = np.random.default_rng(0)
    variables, optimizer = built(rng)
    velocities = optimizer.variables[2:]
    for _ in range(20):
        before = values(variables), values(velocities)
        given = gradients(rng)
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in given], variables)
        check(before, (values(variables), values(velocities)), given, 0.0025)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="which has no such steps")
def test_the_steps_without_state_are_the_formulas():
    """As JAX takes them: state goes in and comes out."""
    rng = np.random.default_rng(0)
    variables, optimizer = built(rng)
    weights = [variable.value for variable in variables]
    state = [variable.value for variable in optimizer.variables]
    for _ in range(5):
        before = values(weights), values(state[2:])
        given = gradients(rng)
        weights, state = optimizer.stateless_apply(
            state, [keras.ops.convert_to_tensor(g) for g in given], weights
        )
        check(before, (values(weights), values(state[2:])), given, 0.0025)
    assert keras.ops.convert_to_numpy(state[0]) == 5


def test_the_steps_of_a_compiled_model_are_the_formulas():
    """Of a sum of weighted inputs above its target, whose gradients are the inputs."""
    rng = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(Keras2RMSprop(0.0025), "mean_absolute_error")
    model.optimizer.build(model.trainable_variables)
    for _ in range(5):
        before = values(model.trainable_variables), values(model.optimizer.variables[2:])
        given, _ = gradients(rng)
        model.train_on_batch(given.reshape(1, 200), np.full((1, 1), -1e4))
        after = values(model.trainable_variables), values(model.optimizer.variables[2:])
        check(before, after, [given.reshape(200, 1)], 0.0025)


def test_keras_own_rmsprop_is_another():
    """What the tests above would not let pass."""
    variable = keras.Variable(np.zeros(3), dtype="float32")
    optimizer = keras.optimizers.RMSprop(0.001)
    optimizer.build([variable])
    given = np.array([1e-6, 1e-4, 1e-2], "float32")
    optimizer.apply([keras.ops.convert_to_tensor(given)], [variable])
    expected, _ = stepped(np.zeros(3), np.zeros(3), given, 0.001)
    share = values([variable])[0] / expected
    assert share == pytest.approx([0.0013, 0.100, 0.995], rel=0.05)


def test_it_is_saved_and_loaded():
    config = keras.saving.serialize_keras_object(Keras2RMSprop(0.0025))
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded) is Keras2RMSprop
    assert loaded.get_config() == Keras2RMSprop(0.0025).get_config()


@pytest.mark.parametrize("settings", [{"momentum": 0.9}, {"centered": True}], ids=str)
def test_what_the_authors_did_without_is_refused(settings):
    with pytest.raises(ValueError, match="neither momentum nor centering"):
        Keras2RMSprop(**settings)
