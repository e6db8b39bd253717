"""Every way to compute layers K and L, against sums written out, forward and gradients."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kreproduce.network import tensorflow_kernels
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe_pointwise
from kreproduce.network.grouping import Grouping, group
from kreproduce.network.layers import GroupedPointwise
from kreproduce.network.lowering import LOWERINGS, fastest
from kreproduce.network.model import build, realize
from kreproduce.system import scheduling

numpy = ops.convert_to_numpy
WAYS = [lowering for lowering in LOWERINGS if lowering != "auto"]
on_tensorflow_cpu = pytest.mark.skipif(
    not tensorflow_kernels.on_cpu_with_onednn(),
    reason="speaks of TensorFlow with oneDNN on a CPU",
)

GROUPINGS = {
    "divisible": group(32, 16, 4),
    "Figure 1: replicated channels, path 2": group(14, 10, 4),
    "interleaved": group(12, 12, 4, interleave=3),
    "interleaved unevenly, replicated, path 2": group(14, 11, 4, interleave=3),
    "F caps the groups": group(96, 4, 16),
    "F caps the groups, replicated": group(97, 6, 4),
    "a single group": group(6, 9, 8),
    "a single filter": group(40, 1, 8),
    "one channel a group": group(9, 7, 1),
    "more replicated than there are channels": Grouping(5, 9, 4, 4),
    "large enough for the native one": group(576, 100, 32),
}


def gradients(function, *arrays):
    """Of the sum of `function`'s output, with regard to each array; in the backend's own way."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            tensors = [tf.constant(array) for array in arrays]
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                total = ops.sum(function(*tensors))
            return [numpy(ops.convert_to_tensor(g)) for g in tape.gradient(total, tensors)]
        case "jax":
            import jax

            found = jax.grad(lambda *a: ops.sum(function(*a)), tuple(range(len(arrays))))(*arrays)
            return [numpy(g) for g in found]
        case _:
            import torch

            tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
            return [numpy(g) for g in torch.autograd.grad(function(*tensors).sum(), tensors)]


def dense_matrix(grouping, kernel, remainder):
    """Weight by weight; which channels a group reads is tested in test_grouping."""
    matrix = np.zeros((grouping.channels, grouping.filters))
    for number, channels in enumerate(grouping.inputs()):
        for i, channel in enumerate(channels):
            for j in range(grouping.filters_per_group):
                matrix[channel, number * grouping.filters_per_group + j] = kernel[number, i, j]
            if number < grouping.remainder:
                place = grouping.groups * grouping.filters_per_group + number
                matrix[channel, place] = remainder[number, i]
    return matrix


def layer_for(grouping, lowering, dtype="float32"):
    layer = GroupedPointwise(
        grouping.filters,
        grouping.groups,
        grouping.group_channels,
        grouping.interleave,
        use_bias=True,
        lowering=lowering,
        dtype=dtype,
    )
    layer.build((None, 3, 2, grouping.channels))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("grouping", GROUPINGS.values(), ids=list(GROUPINGS))
def test_every_way_is_the_sum_over_the_groups(grouping, lowering):
    layer = layer_for(grouping, lowering)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 3, 2, grouping.channels)).astype("float32")
    weights = [numpy(weight) for weight in layer.weights]
    kernel, remainder, bias = weights[0], (*weights[1:-1], None)[0], weights[-1]
    matrix = dense_matrix(grouping, kernel, remainder)
    np.testing.assert_allclose(numpy(layer(x)), x @ matrix + bias, rtol=1e-4, atol=1e-4)

    slope = rng.normal(size=(2, 3, 2, grouping.filters)).astype("float32")

    def sloped(x, *weights):
        return layer.stateless_call(list(weights), [], x)[0] * slope

    of_x, *of_weights = gradients(sloped, x, *weights)
    np.testing.assert_allclose(of_x, slope @ matrix.T, rtol=1e-4, atol=1e-4)
    of_matrix = np.einsum("bhwc,bhwf->cf", x, slope)
    of_kernel = [
        [
            [of_matrix[c, g * grouping.filters_per_group + j] for j in range(kernel.shape[-1])]
            for c in channels
        ]
        for g, channels in enumerate(grouping.inputs())
    ]
    np.testing.assert_allclose(of_weights[0], of_kernel, rtol=1e-3, atol=1e-4)
    if remainder is not None:
        of_remainder = [
            [of_matrix[c, grouping.filters - grouping.remainder + g] for c in channels]
            for g, channels in enumerate(grouping.inputs()[: grouping.remainder])
        ]
        np.testing.assert_allclose(of_weights[1], of_remainder, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(of_weights[-1], slope.sum(axis=(0, 1, 2)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_every_way_in_mixed_precision(lowering, dtype):
    """The same outputs to the precision of the type, float32 gradients for float32 weights."""
    narrow = not any(name.startswith("avx512") for name in scheduling.instructions())
    if (lowering, dtype) == ("native", "mixed_bfloat16") and tensorflow_kernels.on_cpu() and narrow:
        pytest.skip("oneDNN has no bfloat16 without AVX-512; 'auto' is native in float32 alone")
    grouping = GROUPINGS["interleaved unevenly, replicated, path 2"]
    layer, exact = layer_for(grouping, lowering, dtype), layer_for(grouping, "dense")
    x = np.random.default_rng(1).normal(size=(2, 3, 2, grouping.channels)).astype("float32")
    outputs = layer(x)
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype.removeprefix("mixed_")
    tolerance = 0.01 if dtype == "mixed_float16" else 0.1
    np.testing.assert_allclose(
        numpy(ops.cast(outputs, "float32")), numpy(exact(x)), rtol=tolerance, atol=tolerance
    )
    of_x, of_exact = (
        gradients(lambda x, by=by: ops.cast(by(x), "float32"), x)[0] for by in (layer, exact)
    )
    np.testing.assert_allclose(of_x, of_exact, rtol=tolerance, atol=tolerance)


def test_an_unknown_way_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="'fast', not one of auto, dense, per_group, native, naiv"):
        GroupedPointwise(8, 2, 4, lowering="fast")


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_model_is_built_in_the_way_asked_for(lowering):
    unit = describe_pointwise(Architecture(ch=4), (2, 2, 14), 10)
    layers = [
        layer
        for layer in realize(unit, lowering=lowering).layers
        if isinstance(layer, GroupedPointwise)
    ]
    assert [layer.lowering for layer in layers] == [lowering, lowering]


WIDE = group(672, 112, 32)


@on_tensorflow_cpu
@pytest.mark.parametrize(
    ("grouping", "shape", "dtype", "expected"),
    [
        pytest.param(WIDE, (None, 7, 7, 672), "float32", "native", id="wide"),
        pytest.param(WIDE, (None, None, None, 672), "float32", "native", id="unknown size"),
        pytest.param(WIDE, (None, 1, 1, 672), "float32", "dense", id="squeezed"),
        pytest.param(WIDE, (None, 7, 7, 672), "bfloat16", "dense", id="16 bits"),
        pytest.param(group(96, 24, 32), (None, 7, 7, 96), "float32", "dense", id="narrow"),
        pytest.param(group(320, 320, 32, 10), (None, 7, 7, 320), "float32", "dense", id="mixed"),
        pytest.param(group(112, 672, 32), (None, 7, 7, 112), "float32", "dense", id="replicated"),
        pytest.param(
            group(640, 640, 32, 20), (None, 7, 7, 640), "float32", "native", id="wide and mixed"
        ),
    ],
)
def test_what_is_fastest_on_a_cpu(grouping, shape, dtype, expected):
    assert fastest(grouping, shape, dtype) == expected


@pytest.mark.slow
@on_tensorflow_cpu
def test_without_onednn_no_grouped_convolution_is_chosen():
    script = (
        "from kreproduce.network.tensorflow_kernels import *;print(on_cpu(), on_cpu_with_onednn())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["v2", "v1"])
def test_a_training_step_of_a_whole_network_is_the_same_in_every_way(variant):
    """Loss and statistics in training mode; the naive way takes a minute to compile."""
    architecture = Architecture(variant, 16, input_size=32)
    images = np.random.default_rng(0).random((8, 32, 32, 3), "float32")
    found = {}
    for lowering in [way for way in WAYS if way != "naive" or variant == "v2"]:
        keras.utils.set_random_seed(0)
        model = build(architecture, lowering=lowering)
        model.compile(
            keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", jit_compile=False
        )
        loss = model.train_on_batch(images, np.arange(8))
        found[lowering] = loss, [numpy(weight) for weight in model.weights]
    loss, weights = found.pop("dense")
    for other_loss, other_weights in found.values():
        assert other_loss == pytest.approx(loss, rel=1e-4)
        for weight, other in zip(weights, other_weights, strict=True):
            np.testing.assert_allclose(other, weight, rtol=1e-2, atol=1e-3)
