"""The layers that stand for Keras' own: the same numbers, weights and names."""

import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import ops

from kreproduce.network import tensorflow_kernels
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe_pointwise
from kreproduce.network.layers import BatchNormalization, Conv2D
from kreproduce.network.model import realize

numpy = ops.convert_to_numpy
on_tensorflow_cpu = pytest.mark.skipif(
    not tensorflow_kernels.on_cpu(), reason="elsewhere Keras' own is what computes"
)


def images(*shape):
    """Far from zero mean and unit variance, and different in each channel."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) * np.linspace(0.5, 3, shape[-1]) + np.linspace(-2, 5, shape[-1])
    return x.astype("float32")


def trained(layer, x, dtype_of_loss="float32"):
    """Outputs, gradients and weights of a step on a sum that treats elements differently."""
    slope = np.random.default_rng(1).normal(size=x.shape).astype(dtype_of_loss)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
        loss = ops.sum(ops.cast(outputs, dtype_of_loss) ** 2 * slope)
    sources = [x, *(weight.value for weight in layer.trainable_weights)]
    return [outputs, *tape.gradient(loss, sources), *layer.weights]


def pair(shape, **settings):
    """Keras' layer and ours, with equal weights."""
    both = keras.layers.BatchNormalization(**settings), BatchNormalization(**settings)
    rng = np.random.default_rng(2)
    weights = [rng.uniform(0.5, 2, shape[-1]) for _ in range(4)]
    for layer in both:
        layer.build(shape)
        layer.set_weights(weights)
    return both


@on_tensorflow_cpu
@pytest.mark.parametrize("shape", [(5, 4, 3, 7), (1, 1, 2, 7), (1, 1, 1, 3)], ids=str)
@pytest.mark.parametrize(("momentum", "epsilon"), [(0.99, 1e-3), (0.4, 0.1)])
def test_batch_normalization_trains_as_keras_does(shape, momentum, epsilon):
    """But for the moving variance, the last of the weights."""
    layers = pair(shape, momentum=momentum, epsilon=epsilon)
    theirs, ours = (trained(layer, images(*shape)) for layer in layers)
    for expected, found in zip(theirs[:-1], ours[:-1], strict=True):
        np.testing.assert_allclose(numpy(found), numpy(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 4, 3, 7), (1, 1, 2, 7), (1, 1, 1, 3)], ids=str)
@pytest.mark.parametrize(
    "way", ["float32", "float64", "elsewhere", "synchronized", "unknown batch"]
)
def test_the_moving_variance_is_that_of_keras_2(shape, way, monkeypatch):
    """Whichever way it is computed."""
    theirs, ours = (
        tf_keras.layers.BatchNormalization(momentum=0.6),
        BatchNormalization(momentum=0.6),
    )
    if way == "float64":
        ours = BatchNormalization(momentum=0.6, dtype="float64")
    if way == "elsewhere":
        monkeypatch.setattr(tensorflow_kernels, "on_cpu", lambda: False)
    ours.synchronized = way == "synchronized"
    weights = [np.random.default_rng(2).uniform(0.5, 2, shape[-1]) for _ in range(4)]
    for layer in (theirs, ours):
        layer.build(shape)
        layer.set_weights(weights)
    x = tf.constant(images(*shape), ours.compute_dtype)
    signature = [tf.TensorSpec([None] * 3 + [shape[-1]], x.dtype)]
    call = tf.function(
        lambda x: ours(x, training=True), signature if way == "unknown batch" else None
    )
    for _ in range(2):
        theirs(tf.cast(x, "float32"), training=True)
        call(x)
    np.testing.assert_allclose(ours.get_weights()[3], theirs.get_weights()[3], rtol=1e-5)


@on_tensorflow_cpu
def test_batch_normalization_in_mixed_precision_computes_in_float32():
    shape = (5, 4, 3, 7)
    layers = pair(shape, dtype="mixed_float16")
    theirs, ours = (trained(layer, images(*shape)) for layer in layers)
    assert ours[0].dtype == "float16"
    for expected, found in zip(theirs[:-1], ours[:-1], strict=True):
        expected, found = (numpy(ops.cast(value, "float32")) for value in (expected, found))
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


@on_tensorflow_cpu
def test_batch_normalization_keeps_double_precision():
    layers = pair((5, 4, 3, 7), dtype="float64")
    theirs, ours = (trained(layer, images(5, 4, 3, 7), "float64")[0] for layer in layers)
    np.testing.assert_array_equal(numpy(ours), numpy(theirs))


REPLICAS = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kreproduce.network.layers import BatchNormalization
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.random.default_rng(0).normal(size=(4, 2, 1, 3)).astype("float32")
with strategy.scope():
    layer = BatchNormalization(momentum=0.0)
    layer.build(x.shape)
    layer.synchronized = True
shares = tf.data.Dataset.from_tensor_slices(x).batch(4)
for share in strategy.experimental_distribute_dataset(shares):
    tf.function(lambda x: strategy.run(lambda x: layer(x, training=True), [x]))(share)
np.testing.assert_allclose(layer.get_weights()[3], x.var(axis=(0, 1, 2), ddof=1), rtol=1e-5)
"""


@pytest.mark.slow
def test_synchronized_the_moving_variance_is_of_the_whole_batch():
    """Over two devices: of 8 values, divided by 7, not by 3."""
    command = [sys.executable, "-c", REPLICAS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["in use", "frozen in training"])
def test_batch_normalization_with_the_moving_averages(way):
    shape = (5, 4, 3, 7)
    outputs = []
    for layer in pair(shape):
        before = layer.get_weights()
        layer.trainable = way == "in use"
        outputs.append(numpy(layer(images(*shape), training=way != "in use")))
        for now, earlier in zip(layer.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, earlier)
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-4)


@on_tensorflow_cpu
def test_batch_normalization_is_one_kernel():
    def kernels(layer):
        call = tf.function(lambda x: layer(x, training=True), autograph=False)
        graph = call.get_concrete_function(tf.TensorSpec((None, 4, 3, 7))).graph
        return [node.type for node in graph.get_operations() if "FusedBatchNorm" in node.type]

    theirs, ours = pair((None, 4, 3, 7))
    assert kernels(ours) == ["FusedBatchNormV3"]
    assert not kernels(theirs)
    ours.synchronized = True  # over replicas, which the kernel cannot do
    assert not kernels(ours)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_product_of_matrices_is_a_1x1_convolution(use_bias):
    theirs, ours = (
        layer(11, 1, use_bias=use_bias, data_format="channels_last")
        for layer in (keras.layers.Conv2D, Conv2D)
    )
    x = images(5, 4, 3, 7)
    expected = theirs(x)
    ours.build(x.shape)
    rng = np.random.default_rng(0)
    for layer in (theirs, ours):
        layer.set_weights([rng.normal(size=w.shape) for w in theirs.weights])
        rng = np.random.default_rng(0)
    expected = numpy(theirs(x))
    assert ours.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(numpy(ours(x)), expected, rtol=1e-4, atol=1e-4)


def test_files_of_weights_have_the_names_that_keras_own_layers_give_them(tmp_path):
    """A file names a layer's class; those of earlier runs must be found again."""
    kept = realize(describe_pointwise(Architecture(ch=16), (2, 2, 8), 8, "swish"))
    kept.save_weights(tmp_path / "kept.weights.h5")
    with h5py.File(tmp_path / "kept.weights.h5") as file:
        assert set(file["layers"]) == {
            "input_layer", "conv2d", "batch_normalization", "activation"
        }  # fmt: skip
