"""Gradients computed in another way than TensorFlow's own: the same, and the outputs bit by bit."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from kreproduce.network import layers, tensorflow_kernels
from kreproduce.network.architecture import Architecture
from kreproduce.network.layers import Activation, DepthwiseConv2D
from kreproduce.network.model import build

pytestmark = pytest.mark.skipif(
    not tensorflow_kernels.on_cpu(), reason="elsewhere Keras' own is what computes"
)
on_cpu_with_xla = pytest.mark.skipif(
    not tensorflow_kernels.on_cpu_with_xla(), reason="without XLA Keras' own is what computes"
)
on_cpu_with_onednn = pytest.mark.skipif(
    not tensorflow_kernels.on_cpu_with_onednn(), reason="without oneDNN Keras' own is what computes"
)


def normal(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def outputs_and_gradients(function, *arrays, compiled=True):
    """Of a sum that treats elements differently, with regard to each array."""
    import tensorflow as tf

    def both(slope, *tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = function(*tensors)
            total = tf.reduce_sum(outputs * slope)
        return outputs, *tape.gradient(total, tensors)

    # An argument: with a constant a graph is optimised as no network's ever is.
    shape = function(*arrays).shape
    slope = normal(*shape[1:], seed=1, dtype=arrays[0].dtype)
    if compiled:
        both = tf.function(both, autograph=False)
    values = both(tf.constant(slope), *(tf.constant(array) for array in arrays))
    return [np.array(value) for value in values]


def check_close(found, expected):
    """To 1e-5 of the largest: those that cancel out are as exact as the sums they came from."""
    np.testing.assert_array_less(np.abs(found - expected).max(), 1e-5 * np.abs(expected).max())


def use_onednn(monkeypatch):
    """Compute as where oneDNN is on: elsewhere it is only slower."""
    monkeypatch.setattr(tensorflow_kernels, "on_cpu_with_onednn", lambda: True)


def calls_of(monkeypatch, name):
    """The arguments of each call of one of the kernels."""
    calls, kernel = [], getattr(tensorflow_kernels, name)
    monkeypatch.setattr(
        tensorflow_kernels, name, lambda *arguments: calls.append(arguments) or kernel(*arguments)
    )
    return calls


@on_cpu_with_xla
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    "shape", [(2, 31, 31, 240), (3, 8, 7, 5), (1, 1, 1, 10), (1, 2, 2, 1)], ids=str
)
def test_swish(shape, compiled):
    x = 10 * normal(*shape)
    expected, found = (
        outputs_and_gradients(layer("swish"), x, compiled=compiled)
        for layer in (keras.layers.Activation, Activation)
    )
    np.testing.assert_array_equal(found[0], expected[0])
    check_close(found[1], expected[1])


@on_cpu_with_xla
def test_swish_of_extremes_and_of_nothing():
    x = np.array([[-3e38, -1e4, -90, -1e-30, 0, 1e-30, 90, 1e4, 3e38]], "float32")
    expected, found = (
        outputs_and_gradients(layer("swish"), x) for layer in (keras.layers.Activation, Activation)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-30)
    empty = outputs_and_gradients(Activation("swish"), normal(0, 3))
    assert [value.shape for value in empty] == [(0, 3), (0, 3)]
    x[0, 3] = np.nan  # a loss that diverged must stay visible
    assert np.isnan(outputs_and_gradients(Activation("swish"), x)[1][0, 3])


@pytest.mark.parametrize(
    ("function", "dtype"),
    [
        *(("swish", dtype) for dtype in ("float64", "mixed_float16", "mixed_bfloat16")),
        *((function, "float32") for function in ("relu", "sigmoid", "softmax")),
    ],
)
def test_other_functions_and_types_are_keras_own(function, dtype, monkeypatch):
    calls = calls_of(monkeypatch, "swish")
    x = normal(2, 3, 3, 5, dtype=np.dtype("float64" if dtype == "float64" else "float32"))
    expected, found = (
        keras.ops.convert_to_numpy(keras.ops.cast(layer(function, dtype=dtype)(x), "float64"))
        for layer in (keras.layers.Activation, Activation)
    )
    np.testing.assert_array_equal(found, expected)
    assert not calls


def test_without_xla_swish_is_keras_own(monkeypatch):
    import tensorflow as tf

    def missing():
        def compile(*_):
            raise tf.errors.UnimplementedError(None, None, "no XLA here")

        return compile

    calls = calls_of(monkeypatch, "swish")
    decide = tensorflow_kernels.on_cpu_with_xla.__wrapped__
    monkeypatch.setattr(tensorflow_kernels, "on_cpu_with_xla", decide)
    Activation("swish")(normal(2, 3))
    assert len(calls) == tensorflow_kernels.on_cpu_with_xla()
    monkeypatch.setattr(tensorflow_kernels, "_swish_gradient", missing)
    assert not tensorflow_kernels.on_cpu_with_xla()
    calls.clear()
    Activation("swish")(normal(2, 3))
    assert not calls


def convolution(layer, kernel, stride, dtype="float32"):
    """A depthwise layer as a function of images and kernel."""
    padding = "same" if stride == 1 else "valid"
    made = layer(kernel, stride, padding, use_bias=False, dtype=dtype, data_format="channels_last")

    def call(images, weights):
        if not made.built:
            made.build(images.shape)
        return made.stateless_call([weights], [], images)[0]

    return call


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [
        ((2, 31, 31, 240), 5, 1),
        ((2, 8, 8, 12), 5, 1),
        ((3, 7, 16, 5), 5, 1),
        ((1, 3, 3, 4), 5, 1),
        ((1, 1, 1, 4), 5, 1),
        ((2, 2, 2, 4), 5, 1),
        ((2, 35, 35, 144), 5, 2),
        ((2, 10, 12, 4), 5, 2),
        ((3, 5, 6, 3), 5, 2),
        ((2, 2, 2, 1152), 3, 1),
        ((2, 1, 2, 4), 3, 1),
    ],
    ids=str,
)
def test_the_gradient_of_a_depthwise_kernel(shape, kernel, stride, compiled, monkeypatch):
    use_onednn(monkeypatch)
    calls = calls_of(monkeypatch, "depthwise_convolution")
    arrays = normal(*shape), normal(kernel, kernel, shape[-1], 1)
    expected, found = (
        outputs_and_gradients(convolution(layer, kernel, stride), *arrays, compiled=compiled)
        for layer in (keras.layers.DepthwiseConv2D, DepthwiseConv2D)
    )
    assert calls
    for ours, theirs in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    check_close(found[2], expected[2])


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "dtype"),
    [
        pytest.param((2, 9, 9, 4), 3, 1, "float32", id="3x3"),
        pytest.param((2, 2, 3, 4), 3, 1, "float32", id="3x3, one side as wide"),
        pytest.param((2, 3, 3, 4), 3, 2, "float32", id="3x3, stride 2"),
        pytest.param((2, 9, 9, 4), 5, 3, "float32", id="stride 3"),
        pytest.param((2, 9, 9, 4), 5, 1, "float64", id="float64"),
    ],
)
def test_other_depthwise_layers_are_keras_own(shape, kernel, stride, dtype, monkeypatch):
    use_onednn(monkeypatch)
    calls = calls_of(monkeypatch, "depthwise_convolution")
    arrays = normal(*shape, dtype=dtype), normal(kernel, kernel, shape[-1], 1, dtype=dtype)
    expected, found = (
        outputs_and_gradients(convolution(layer, kernel, stride, dtype), *arrays)
        for layer in (keras.layers.DepthwiseConv2D, DepthwiseConv2D)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not calls


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_depthwise_layers_in_mixed_precision_are_keras_own(dtype, monkeypatch):
    use_onednn(monkeypatch)
    calls = calls_of(monkeypatch, "depthwise_convolution")
    DepthwiseConv2D(5, padding="same", use_bias=False, dtype=dtype)(normal(2, 6, 6, 3))
    assert not calls


@pytest.mark.parametrize("settings", [{"use_bias": True}, {"activation": "relu"}], ids=str)
def test_a_bias_and_an_activation_are_not_left_out(settings, monkeypatch):
    use_onednn(monkeypatch)
    layer = DepthwiseConv2D(5, padding="same", **({"use_bias": False} | settings))
    x = normal(2, 6, 6, 3)
    layer.build(x.shape)
    layer.set_weights([normal(*weight.shape) for weight in layer.weights])
    expected = keras.layers.DepthwiseConv2D.call(layer, x)
    np.testing.assert_array_equal(layer(x).numpy(), expected.numpy())


ARCHITECTURES = {
    "baseline": Architecture("baseline", None, input_size=32, skip_strides=1),
    "v1": Architecture("v1", 16, input_size=32, skip_strides=1),
    "v2": Architecture("v2", 32, input_size=32, skip_strides=1),
    "v2 with relu": Architecture("v2", 32, input_size=32, skip_strides=1, activation="relu"),
}


def gradients_of_a_step(architecture, lowering):
    """Of every weight, for a batch of four."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = build(architecture, lowering=lowering)
    images, classes = normal(4, 32, 32, 3), np.arange(4)

    def step():
        with tf.GradientTape() as tape:
            probabilities = model(images, training=True)
            losses = keras.losses.sparse_categorical_crossentropy(classes, probabilities)
            loss = tf.reduce_mean(losses)
        return tape.gradient(loss, [weight.value for weight in model.trainable_weights])

    found = tf.function(step, autograph=False)()
    return {
        weight.path: np.array(gradient)
        for weight, gradient in zip(model.trainable_weights, found, strict=True)
    }


@pytest.mark.slow
@on_cpu_with_xla
@on_cpu_with_onednn
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=list(ARCHITECTURES))
def test_a_whole_networks_gradients(architecture, monkeypatch):
    """What little they differ by grows from layer to layer, as any rounding's does."""
    swishes = calls_of(monkeypatch, "swish")
    convolutions = calls_of(monkeypatch, "depthwise_convolution")
    expected = gradients_of_a_step(architecture, "plain")
    assert not swishes
    assert not convolutions
    found = gradients_of_a_step(architecture, "auto")
    assert bool(swishes) == (architecture.activation == "swish")
    assert convolutions
    assert found.keys() == expected.keys()
    norm = np.sqrt(sum((gradient**2).sum() for gradient in expected.values()))
    for path, gradient in expected.items():
        scale = max(np.linalg.norm(gradient), 1e-3 * norm)  # zero before a batch normalisation
        assert np.linalg.norm(found[path] - gradient) < 1e-4 * scale, path


@pytest.mark.slow
@on_cpu_with_xla
@on_cpu_with_onednn
def test_equal_steps_give_equal_bits():
    first, second = (gradients_of_a_step(ARCHITECTURES["v2"], "auto") for _ in range(2))
    for path, gradient in first.items():
        np.testing.assert_array_equal(second[path], gradient)


def test_the_plain_way_is_of_keras_own_layers():
    def classes(lowering):
        model = build(ARCHITECTURES["v2"], lowering=lowering)
        return {type(layer) for layer in model.layers if "softmax" not in layer.name}

    own = {layers.Activation, layers.DepthwiseConv2D}
    theirs = {keras.layers.Activation, keras.layers.DepthwiseConv2D}
    assert classes("auto") >= own
    assert not classes("auto") & theirs
    assert classes("plain") >= theirs
    assert not classes("plain") & own


@pytest.mark.parametrize("lowering", ["auto", "plain"])
def test_files_of_weights_are_the_same_in_both_ways(lowering, tmp_path):
    """Those of runs before there were layers of our own must be found."""
    keras.utils.set_random_seed(1)
    saved = build(ARCHITECTURES["v2"], lowering="plain" if lowering == "auto" else "auto")
    saved.save_weights(tmp_path / "network.weights.h5")
    loaded = build(ARCHITECTURES["v2"], lowering=lowering)
    loaded.load_weights(tmp_path / "network.weights.h5")
    for weight, other in zip(loaded.weights, saved.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), other.numpy())


REPLICAS = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.experimental.enable_op_determinism()
from kreproduce.network import layers, tensorflow_kernels
tensorflow_kernels.on_cpu_with_onednn = lambda: True
x = np.random.default_rng(0).normal(size=(8, 9, 9, 3)).astype("float32")

def trained(kinds, devices):
    keras.utils.set_random_seed(0)
    with tf.distribute.MirroredStrategy(devices).scope():
        rest = keras.layers.Flatten(), keras.layers.Dense(2)
        depthwise = kinds.DepthwiseConv2D(5, padding="same", use_bias=False)
        model = keras.Sequential([depthwise, kinds.Activation("swish"), *rest])
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        model.fit(x, x[:, 0, 0, :2], batch_size=6, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()

expected = trained(keras.layers, ["CPU:0", "CPU:1"])
for devices in (["CPU:0", "CPU:1"], ["CPU:0"]):
    for ours, theirs in zip(trained(layers, devices), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
"""


@pytest.mark.slow
@on_cpu_with_xla
def test_several_devices_train_as_with_keras_own_layers():
    """The last batch smaller, the order of the sums fixed."""
    command = [sys.executable, "-c", REPLICAS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
