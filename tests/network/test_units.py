"""Layers K and L against the paper's equations, written out slowly in NumPy.

`reference_unit` shares no code with the package: channels and filters are counted from 1 as in
the paper, and every output channel is a sum over the channels of its group.
"""

import math

import keras
import numpy as np
import pytest

from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe_pointwise
from kreproduce.network.model import realize

EPSILON = 1e-3  # Keras' batch normalisation


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {
    None: lambda x: x,
    "swish": lambda x: x * sigmoid(x),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
}


def reference_layer_v2(x, filters, ch, path1, path2):
    """Equations 7 to 15; path1[m][i][j] is weight i of filter j of group m, path2[m][i] too."""
    channels = x.shape[-1]
    groups = min(math.ceil(channels / ch), filters)
    if groups < math.ceil(channels / ch) or groups == 1:
        ch = math.ceil(channels / groups)
    subsets = []
    for m in range(1, groups + 1):
        a = (m - 1) * ch
        subset = [c if c <= channels else c - channels for c in range(a + 1, a + ch + 1)]
        subsets.append([x[..., c - 1] for c in subset])
    per_group = filters // groups
    outputs = [
        sum(path1[m][i][j] * subsets[m][i] for i in range(ch))
        for m in range(groups)
        for j in range(per_group)
    ]
    outputs += [
        sum(path2[m][i] * subsets[m][i] for i in range(ch))
        for m in range(filters - per_group * groups)
    ]
    return np.stack(outputs, axis=-1)


def reference_interleave(x, step):
    columns = [[] for _ in range(step)]
    for c in range(x.shape[-1]):
        columns[c % step].append(x[..., c])
    return np.stack([column for some in columns for column in some], axis=-1)


def reference_unit_v2(x, filters, ch, weights, activation, interleave, layer_l=True):
    """Equation 26, K + L, or K alone; `weights` gives paths and what follows of each layer."""
    k = weights("k", activation, lambda *paths: reference_layer_v2(x, filters, ch, *paths))
    groups = min(math.ceil(x.shape[-1] / ch), filters)
    if not layer_l or x.shape[-1] < filters or groups == 1:
        return k
    step = 2 if interleave == "paper" else filters // ch
    mixed = reference_interleave(k, step) if step > 1 else k
    return k + weights(
        "l", activation, lambda *paths: reference_layer_v2(mixed, filters, ch, *paths)
    )


def reference_unit_v1(x, filters, ch, weights, activation):
    channels = x.shape[-1]
    groups = 1
    for n in range(1, channels // ch + 1):
        if channels % n == 0 and filters % n == 0:
            groups = n
    assert groups > 1

    def grouped(y, path1, path2):
        assert path2 is None
        width = y.shape[-1] // groups
        return np.stack(
            [
                sum(path1[m][i][j] * y[..., m * width + i] for i in range(width))
                for m in range(groups)
                for j in range(filters // groups)
            ],
            axis=-1,
        )

    k = weights("k", activation, lambda *paths: grouped(x, *paths))
    mixed = reference_interleave(k, max(1, filters // groups))
    if channels < filters:
        return mixed
    return k + weights("l", activation, lambda *paths: grouped(mixed, *paths))


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor).astype("float64")


def weights_of(model, bias):
    """How the reference gets a built unit's kernels, and what follows them."""

    def apply(path, activation, layer):
        convolution = model.get_layer(f"pointwise_{path}_conv")
        values = {w.name: numpy(w) for w in convolution.weights}
        y = layer(values["kernel"], values.get("kernel_remainder"))
        if bias:
            y = y + values["bias"]
        else:
            norm = model.get_layer(f"pointwise_{path}_bn")
            gamma, beta, mean, variance = (numpy(w) for w in norm.weights)
            y = gamma * (y - mean) / np.sqrt(variance + EPSILON) + beta
        return FUNCTIONS[activation](y)

    return apply


def built_unit(architecture, channels, filters, activation, bias, seed=0):
    """A unit with random weights, batch normalisation's moving averages among them."""
    unit = describe_pointwise(architecture, (2, 3, channels), filters, activation, bias=bias)
    model = realize(unit)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.5, w.shape) - (w.ndim > 1) for w in model.get_weights()])
    return model, rng.normal(size=(2, 2, 3, channels)).astype("float32")


V2_CASES = {
    "Figure 1, Table 1: replicated channels, both paths": (14, 10, 4),
    "divisible": (32, 16, 4),
    "K only, more filters than channels": (24, 144, 16),
    "K only, with path 2 and replication": (10, 37, 4),
    "F caps the groups": (96, 4, 16),
    "F caps the groups, replicated": (97, 6, 4),
    "a single filter": (40, 1, 8),
    "L with a single group": (96, 8, 16),
    "one channel a group": (9, 7, 1),
    "EfficientNet's 1152 to 320": (1152, 320, 32),
}


@pytest.mark.parametrize("interleaving", ["authors", "paper"])
@pytest.mark.parametrize(("channels", "filters", "ch"), V2_CASES.values(), ids=list(V2_CASES))
@pytest.mark.parametrize(
    ("activation", "bias"), [("swish", False), (None, False), ("sigmoid", True)]
)
def test_v2_unit_equals_the_equations(channels, filters, ch, activation, bias, interleaving):
    architecture = Architecture(ch=ch, interleaving=interleaving)
    model, x = built_unit(architecture, channels, filters, activation, bias)
    expected = reference_unit_v2(
        x.astype("float64"), filters, ch, weights_of(model, bias), activation, interleaving
    )
    np.testing.assert_allclose(numpy(model(x)), expected, rtol=2e-4, atol=2e-4)


def test_v2_unit_without_l_is_k():
    model, x = built_unit(Architecture(ch=4, layer_l=False), 14, 10, "relu", bias=False)
    weights = weights_of(model, bias=False)
    expected = reference_unit_v2(x, 10, 4, weights, "relu", "authors", layer_l=False)
    np.testing.assert_allclose(numpy(model(x)), expected, rtol=1e-4, atol=1e-4)
    assert not [layer for layer in model.layers if "_l_" in layer.name]


@pytest.mark.parametrize(
    ("channels", "filters", "ch"),
    [(96, 24, 16), (24, 144, 8), (48, 16, 16), (1152, 320, 32), (144, 6, 16)],
    ids=["with L", "without L: K interleaved", "with L, 3 groups wanted", "large", "few filters"],
)
@pytest.mark.parametrize(("activation", "bias"), [("swish", False), ("relu", True)])
def test_v1_unit_equals_its_definition(channels, filters, ch, activation, bias):
    model, x = built_unit(Architecture("v1", ch), channels, filters, activation, bias)
    expected = reference_unit_v1(x, filters, ch, weights_of(model, bias), activation)
    np.testing.assert_allclose(numpy(model(x)), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    ("architecture", "channels", "filters"),
    [
        (Architecture("baseline", None), 96, 24),
        (Architecture("v2", 16), 32, 16),  # not more than twice Ch, and no more filters
        (Architecture("v2", 16), 16, 96),  # no more channels than Ch
        (Architecture("v1", 16), 97, 24),  # no common divisor
    ],
)
def test_a_unit_that_is_kept_is_a_plain_convolution(architecture, channels, filters):
    model, x = built_unit(architecture, channels, filters, None, bias=True)
    kernel, bias = model.get_layer("pointwise_conv").get_weights()
    np.testing.assert_allclose(numpy(model(x)), x @ kernel[0, 0] + bias, rtol=1e-4, atol=1e-4)


def test_the_interleavings_of_paper_and_authors_differ():
    outputs = []
    for interleaving in ("authors", "paper"):
        architecture = Architecture(ch=4, interleaving=interleaving)
        model, x = built_unit(architecture, 64, 32, None, bias=True)
        outputs.append(numpy(model(x)))
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1
