"""The initial weights by their distribution, with the limits worked out from the unit's numbers."""

import math

import keras
import numpy as np
import pytest
from scipy import stats

from kreproduce.network import operations as op
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe
from kreproduce.network.model import build

SMALL = {"input_size": 32, "skip_strides": 3}
NETWORKS = {
    "v2-32ch": Architecture("v2", 32, **SMALL),
    "v2-4ch": Architecture("v2", 4, **SMALL),
    "v1-16ch": Architecture("v1", 16, **SMALL),
    "baseline": Architecture("baseline", None, **SMALL),
}
# A normal distribution cut off at two standard deviations has a smaller one; Keras widens it first.
CUT = stats.truncnorm(-2, 2)


@pytest.fixture(scope="module", params=list(NETWORKS))
def built(request):
    architecture = NETWORKS[request.param]
    keras.utils.set_random_seed(3)
    model = build(architecture)
    nodes = describe(architecture).nodes
    weights = {
        node.name: {
            w.name: keras.ops.convert_to_numpy(w) for w in model.get_layer(node.name).weights
        }
        for node in nodes
    }
    return architecture, nodes, weights


def is_pointwise(node):
    return isinstance(node.operation, op.Pointwise | op.GroupedPointwise)


def groups_of(architecture, node, unit):
    """(groups, channels of each, filters of each, filters left over), from the protocol's rules.

    `unit` is the first layer of the unit, whose groups V1 takes for both.
    """
    channels, filters, ch = node.input_shape[-1], node.shape[-1], architecture.ch
    if architecture.variant == "v1":
        first, last = unit.input_shape[-1], unit.shape[-1]
        both = [n for n in range(1, first // ch + 1) if first % n == last % n == 0]
        return both[-1], channels // both[-1], filters // both[-1], 0
    wanted = math.ceil(channels / ch)
    groups = min(wanted, filters)
    each = math.ceil(channels / groups) if groups < wanted or groups == 1 else ch
    return groups, each, filters // groups, filters % groups


def glorot_kernels(built):
    """(kernel, limit) of every pointwise kernel of a k-network."""
    architecture, nodes, weights = built
    units = {node.layer: node for node in reversed(nodes) if is_pointwise(node)}
    for node in filter(is_pointwise, nodes):
        own = weights[node.name]
        if isinstance(node.operation, op.Pointwise):
            channels, filters = node.input_shape[-1], node.shape[-1]
            assert own["kernel"].shape == (1, 1, channels, filters)
            yield own["kernel"], math.sqrt(6 / (channels + filters))
            continue
        groups, each, filters, left = groups_of(architecture, node, units[node.layer])
        assert own["kernel"].shape == (groups, each, filters)
        yield own["kernel"], math.sqrt(6 / (each + groups * filters))
        assert ("kernel_remainder" in own) == (left > 0)
        if left:
            assert own["kernel_remainder"].shape == (left, each)
            yield own["kernel_remainder"], math.sqrt(6 / (each + left))


def normal_kernels(built):
    """(kernel, standard deviation) of every kernel drawn by fan out."""
    architecture, nodes, weights = built
    for node in nodes:
        kernel = weights[node.name].get("kernel")
        match node.operation:
            case op.Convolution(filters=filters):
                assert kernel.shape == (3, 3, 3, filters)
                yield kernel, math.sqrt(2 / (9 * filters))
            case op.DepthwiseConvolution(kernel=side):
                assert kernel.shape == (side, side, node.shape[-1], 1)
                yield kernel, math.sqrt(2 / side**2)
            case op.Pointwise(filters=filters) if architecture.variant == "baseline":
                yield kernel, math.sqrt(2 / filters)


def check(kernels, distribution, bound):
    """Each kernel's range and spread, and all together against the distribution."""
    scaled = [(kernel / scale).ravel() for kernel, scale in kernels]
    for values in scaled:
        assert np.abs(values).max() <= bound * (1 + 1e-6)
        # Five standard errors of a standard deviation; both distributions have thinner tails
        # than the normal one, whose error this is.
        assert abs(values.std() / distribution.std() - 1) < 5 / math.sqrt(2 * values.size)
        assert abs(values.mean()) < 5 * distribution.std() / math.sqrt(values.size)
    together = np.concatenate(scaled)
    assert np.abs(together).max() > 0.999 * bound
    some = together[:: together.size // 100_000 + 1]
    assert stats.kstest(some, distribution.cdf).pvalue > 0.01
    assert len({values[0] for values in scaled}) == len(scaled)  # no kernel is another's copy


@pytest.mark.parametrize("built", list(NETWORKS)[:3], indirect=True)
def test_the_pointwise_kernels_of_the_k_networks_are_glorot_uniform(built):
    """Fan in: the channels of a group. Fan out: all filters of the path, each drawn by itself."""
    architecture, nodes, _ = built
    kernels = list(glorot_kernels(built))
    layers = sum(map(is_pointwise, nodes))
    assert len(kernels) > layers if architecture.variant == "v2" else len(kernels) == layers
    check(kernels, stats.uniform(-1, 2), 1)


def test_stem_and_depthwise_and_the_baselines_pointwise_kernels_are_normal_by_fan_out(built):
    architecture, nodes, _ = built
    kernels = list(normal_kernels(built))
    pointwise = 0 if architecture.ch else sum(map(is_pointwise, nodes))
    assert len(kernels) == 1 + 16 + pointwise
    widened = stats.truncnorm(-2, 2, scale=1 / CUT.std())
    check(kernels, widened, 2 / CUT.std())


def test_the_classifier_is_uniform(built):
    _, _, weights = built
    kernel = weights["classifier_logits"]["kernel"]
    assert kernel.shape == (1280, 10)
    check([(kernel, math.sqrt(0.1))], stats.uniform(-1, 2), 1)  # √(3 · 1/3 / 10)


def test_biases_are_zero_and_batch_normalisation_changes_nothing_yet(built):
    _, nodes, weights = built
    biases = {name: own["bias"] for name, own in weights.items() if "bias" in own}
    gates = [n.name for n in nodes if "_se_" in n.name and n.name.endswith("conv")]
    assert set(biases) == {"classifier_logits", *gates}  # the others have batch normalisation
    assert not any(bias.any() for bias in biases.values())
    norms = [weights[n.name] for n in nodes if isinstance(n.operation, op.BatchNormalization)]
    assert len(norms) >= 49
    for own in norms:
        assert set(own) == {"gamma", "beta", "moving_mean", "moving_variance"}
        assert (own["gamma"] == 1).all()
        assert (own["moving_variance"] == 1).all()
        assert not own["beta"].any()
        assert not own["moving_mean"].any()


def test_half_precision_draws_the_same_weights_in_float32():
    drawn = []
    for policy in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(5)
        keras.config.set_dtype_policy(policy)
        try:
            drawn.append(build(NETWORKS["v2-32ch"]).get_weights())
        finally:
            keras.config.set_dtype_policy("float32")
    for one, other in zip(*drawn, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
