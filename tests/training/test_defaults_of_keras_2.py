"""What else Keras 2 did otherwise, or might have: the figures of docs/fidelity.md.

The one step and the epoch's means are in test_one_step_as_keras_2.py, RMSprop in
test_optimizer.py, batch normalisation in tests/network/test_layers.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits

from kreproduce.experiment.settings import resolve
from kreproduce.network import operations as op
from kreproduce.network.description import describe
from kreproduce.network.layers import BatchNormalization
from kreproduce.training.devices import Devices
from kreproduce.training.model import compile_model
from kreproduce.training.optimizer import Keras2RMSprop


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def scales(optimizer, scale_of, model, x, y, steps):
    """Loss scales before the first of so many steps and after each."""
    model.compile(optimizer, "categorical_crossentropy")
    found = [scale_of()]
    for _ in range(steps):
        model.train_on_batch(x, y)
        found.append(scale_of())
    return found


def labelled(number=8):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(number, 4)).astype("float32")
    return x, np.eye(3, dtype="float32")[rng.integers(0, 3, number)]


# The check of the machine is of no consequence here.
@pytest.mark.filterwarnings("ignore")
def test_their_loss_scale_falls_back_and_ours_grows():
    """Theirs multiplied a loss in float16, to which 2^16 is infinite: the next step is left out."""
    policy = tf_keras.mixed_precision.Policy("mixed_float16")
    theirs = tf_keras.Sequential([tf_keras.layers.Dense(3, "softmax", dtype=policy)])
    optimizer = tf_keras.mixed_precision.LossScaleOptimizer(
        tf_keras.optimizers.legacy.RMSprop(), dynamic_growth_steps=2
    )
    found = scales(optimizer, lambda: float(optimizer.loss_scale), theirs, *labelled(), 6)
    assert found == [2**15, 2**15, 2**16, 2**15, 2**15, 2**16, 2**15]

    ours = keras.Sequential(
        [keras.layers.Dense(3, dtype="float32"), keras.layers.Softmax(dtype="float32")]
    )
    optimizer = keras.optimizers.LossScaleOptimizer(Keras2RMSprop(), dynamic_growth_steps=2)
    x, y = labelled()
    ours.build(x.shape)
    optimizer.build(ours.trainable_variables)
    found = scales(optimizer, lambda: float(optimizer.dynamic_scale), ours, x, y, 6)
    assert found == [2**15, 2**15, 2**16, 2**16, 2**17, 2**17, 2**18]


def test_the_loss_scale_begins_and_grows_as_theirs():
    theirs = tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.legacy.RMSprop())
    ours = keras.optimizers.LossScaleOptimizer(Keras2RMSprop())
    assert ours.initial_scale == theirs.initial_scale == 2**15
    assert ours.dynamic_growth_steps == theirs.dynamic_growth_steps == 2000
    assert theirs.dynamic


@pytest.mark.filterwarnings("ignore")
def test_a_classifier_in_float16_decides_as_in_float32():
    """But for ties: of 10,000 images with small margins, about ten."""
    rng = np.random.default_rng(0)
    features = np.maximum(rng.normal(size=(10_000, 1280)), 0).astype("float32")
    kernel = 0.03 * rng.normal(size=(1280, 10)).astype("float32")
    layer = tf_keras.layers.Dense(
        10, "softmax", dtype=tf_keras.mixed_precision.Policy("mixed_float16")
    )
    layer.build(features.shape)
    layer.set_weights([kernel, np.zeros(10)])
    theirs = layer(features).numpy()
    assert theirs.dtype == "float16"
    exponentials = np.exp(features.astype("float64") @ kernel)
    exact = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert np.abs(theirs - exact).max() < 1e-3
    assert 0 < (theirs.argmax(axis=1) != exact.argmax(axis=1)).sum() < 20


def test_their_probabilities_were_not_clipped_in_training():
    """In a graph the loss is of the logits before the softmax; clipped, 100 would be 16.1."""
    model = tf_keras.Sequential([tf_keras.layers.Dense(3, "softmax")])
    model.build((None, 3))
    model.set_weights([np.eye(3), np.zeros(3)])
    model.compile("sgd", "categorical_crossentropy")
    x, y = np.array([[100.0, 0, 0]], "float32"), np.array([[0, 1.0, 0]], "float32")
    ours = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(np.array([1]), x)
    assert model.test_on_batch(x, y) == pytest.approx(100) == float(ours)
    clipped = tf_keras.losses.CategoricalCrossentropy()(y, np.array([[1.0, 0, 0]], "float32"))
    assert float(clipped) == pytest.approx(16.118, abs=1e-3)


INITIALIZERS = {
    "stem": ({"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}, (3, 3, 3, 320)),
    "classifier": ({"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"}, (1280, 10)),
    "pointwise": ({"scale": 1.0, "mode": "fan_avg", "distribution": "uniform"}, (1, 1, 96, 160)),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_are_drawn_from_the_same_distribution(name):
    """Of equal spread and equally cut off: the normal at two of its own deviations."""
    settings, shape = INITIALIZERS[name]
    theirs = tf_keras.initializers.VarianceScaling(**settings, seed=1)(shape).numpy()
    ours = keras.ops.convert_to_numpy(keras.initializers.VarianceScaling(**settings, seed=1)(shape))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)
    quantiles = np.linspace(0.05, 0.95, 19)
    spread = theirs.std()
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.05 * spread
    )


@pytest.mark.parametrize("rate", [0.0125, 0.1875, 0.2])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("noise_shape", [None, (None, 1, 1, 1)], ids=str)
def test_as_much_is_dropped_and_the_rest_scaled_alike(rate, dtype, noise_shape):
    x = tf.ones((200_000, 1, 1, 1) if noise_shape else (1000, 2, 2, 50), dtype)
    theirs = tf_keras.layers.Dropout(rate, noise_shape, dtype=dtype)(x, training=True).numpy()
    ours = keras.layers.Dropout(rate, noise_shape, seed=1, dtype=dtype)(x, training=True).numpy()
    np.testing.assert_array_equal(np.unique(ours), np.unique(theirs))
    deviation = np.sqrt(rate * (1 - rate) / theirs.size)
    for found in (ours, theirs):
        assert abs((found == 0).mean() - rate) < 5 * deviation + 2**-10 * (dtype == "float16")


def test_batch_normalisation_has_their_settings():
    ours, theirs = (
        BatchNormalization().get_config(),
        tf_keras.layers.BatchNormalization().get_config(),
    )
    for name in ("momentum", "epsilon", "center", "scale"):
        assert ours[name] == theirs[name]
    theirs = tf_keras.layers.BatchNormalization()
    theirs.build((None, 4, 4, 3))
    assert theirs.fused  # and so moves by the unbiased variance


def test_their_rate_is_set_before_an_epochs_first_step():
    """As a run sets it; see tests/training/test_run_experiment.py."""
    seen = []
    model = tf_keras.Sequential([tf_keras.layers.Dense(3, "softmax")])
    model.compile(tf_keras.optimizers.legacy.RMSprop(), "categorical_crossentropy")

    class Seen(tf_keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(float(model.optimizer.lr))

    schedule = tf_keras.callbacks.LearningRateScheduler(lambda epoch: 0.001 * (1 + epoch))
    model.fit(*labelled(), 4, epochs=2, verbose=0, callbacks=[schedule, Seen()])
    assert seen == pytest.approx([0.001, 0.001, 0.002, 0.002])


def test_their_batches_came_in_any_order():
    """Of a sequence `fit` shuffles the batches, so the smaller last one came anywhere."""

    class Numbered(tf_keras.utils.Sequence):
        def __len__(self):
            return 20

        def __getitem__(self, index):
            return np.full((1, 1), index, "float32"), np.zeros((1, 1), "float32")

    class Kept(tf_keras.layers.Layer):
        def call(self, x):
            tf.py_function(lambda x: seen.append(int(x[0, 0])), [x], [])
            return x

    seen = []
    model = tf_keras.Sequential([Kept(), tf_keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(Numbered(), epochs=1, verbose=0)
    seen = seen[-20:]
    assert sorted(seen) == list(range(20)) != seen


@pytest.mark.slow
def test_what_it_was_to_the_papers_network():
    """The two that are now theirs, in V2 32ch as it trains on CIFAR-10, after a step on digits."""
    experiment = resolve({"dataset": "cifar10"}, {"ch": 32, "bn_momentum": 0.01})
    compiled = compile_model(experiment, (8, 8, 3), Devices(gpu=False, names=("CPU",)))
    digits = load_digits()
    images = (15.9 * digits.images[:64, ..., None]).astype("uint8").repeat(3, axis=3)
    warps = np.tile(np.eye(2, 3, dtype="float32"), (64, 1, 1))
    model, network = compiled.model, compiled.network
    model.train_on_batch({"source": images, "warp": warps}, digits.target[:64])

    v = np.concatenate([values.numpy().ravel() for values in model.optimizer._velocities])
    keras_3s = (np.sqrt(v) + 1e-7) / np.sqrt(v + 1e-7)  # its step as a share of theirs
    assert 0.15 < (keras_3s < 0.5).mean() < 0.3
    assert 0.95 < np.median(keras_3s) < 1

    shown = images.repeat(4, axis=1).repeat(4, axis=2) / np.float32(255)
    theirs = network.predict(shown, verbose=0)
    for node in describe(experiment.architecture).nodes:
        if isinstance(node.operation, op.BatchNormalization):
            n = 64 * node.shape[0] * node.shape[1]
            assert n >= 64 * 7 * 7
            variance = network.get_layer(node.name).moving_variance
            variance.assign(variance * ((n - 1) / n))
    keras_3s = network.predict(shown, verbose=0)
    assert 0 < np.abs(keras_3s - theirs).max() < 1e-3
