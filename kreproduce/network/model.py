"""A description built: a Keras model."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import layers

from kreproduce.network import operations as op
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import Network, describe
from kreproduce.network.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    GroupedPointwise,
    Interleave,
)
from kreproduce.network.lowering import Lowering

# Whatever this machine's Keras is configured to: the channels are the last axis here.
_LAST = {"data_format": "channels_last"}


def build(
    architecture: Architecture, name: str = "network", lowering: Lowering = "auto"
) -> keras.Model:
    """Build the Keras model of a network, under the current dtype policy.

    The model maps images of shape (batch, size, size, 3) in [0, 1] to class probabilities of
    shape (batch, classes), in float32 whatever the policy. Its layers carry the names of the
    description's nodes; "classifier_logits" is what a loss should be computed from.
    How it is computed, `lowering`, changes nothing but the speed.
    """
    return realize(describe(architecture), name, lowering)


def realize(network: Network, name: str = "network", lowering: Lowering = "auto") -> keras.Model:
    """Build the Keras model of a description, be it a whole network or a part of one."""
    tensors = {op.INPUT: keras.Input(network.input_shape, name=op.INPUT)}
    for node in network.nodes:
        inputs = [tensors[name] for name in node.inputs]
        layer = layer_of(node, lowering)
        tensors[node.name] = layer(inputs if len(inputs) > 1 else inputs[0])
    return keras.Model(tensors[op.INPUT], tensors[network.nodes[-1].name], name=name)


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Have layers that are made meanwhile compute under a dtype policy, say "mixed_float16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def layer_of(node: op.Node, lowering: Lowering) -> keras.layers.Layer:
    """Return the layer that computes a node, not yet called; see `build` for `lowering`."""
    name, plain = node.name, lowering == "plain"
    match node.operation:
        case op.Pad(before=before, after=after):
            return layers.ZeroPadding2D(((before, after), (before, after)), name=name, **_LAST)
        case op.Convolution(kernel=kernel, stride=stride, filters=filters):
            return layers.Conv2D(
                filters,
                kernel,
                stride,
                use_bias=False,
                kernel_initializer=_fan_out(),
                name=name,
                **_LAST,
            )
        case op.DepthwiseConvolution(kernel=kernel, stride=stride):
            kind = layers.DepthwiseConv2D if plain else DepthwiseConv2D
            return kind(
                kernel,
                stride,
                padding="same" if stride == 1 else "valid",
                use_bias=False,
                depthwise_initializer=_fan_out(),
                name=name,
                **_LAST,
            )
        case op.Pointwise(filters=filters, bias=bias, initializer=initializer):
            weights = _fan_out() if initializer == "fan_out_normal" else "glorot_uniform"
            return Conv2D(filters, 1, use_bias=bias, kernel_initializer=weights, name=name, **_LAST)
        case op.GroupedPointwise(grouping=grouping, bias=bias):
            return GroupedPointwise(
                grouping.filters,
                grouping.groups,
                grouping.group_channels,
                grouping.interleave,
                use_bias=bias,
                lowering=lowering,
                name=name,
            )
        case op.Interleave(step=step):
            return Interleave(step, name=name)
        case op.BatchNormalization(momentum=momentum):
            return BatchNormalization(momentum=momentum, name=name)
        case op.Activation(function=function):
            return (layers.Activation if plain else Activation)(function, name=name)
        case op.GlobalAverage(flat=flat):
            return layers.GlobalAveragePooling2D(keepdims=not flat, name=name, **_LAST)
        case op.Scale():
            return layers.Multiply(name=name)
        case op.Add():
            return layers.Add(name=name)
        case op.Dropout(rate=rate, whole_samples=whole_samples):
            noise_shape = (None, 1, 1, 1) if whole_samples else None
            return layers.Dropout(rate, noise_shape=noise_shape, name=name)
        case op.Dense(units=units):
            classifier = keras.initializers.VarianceScaling(1 / 3, "fan_out", "uniform")
            return layers.Dense(units, kernel_initializer=classifier, dtype="float32", name=name)
        case op.Softmax():
            return layers.Activation("softmax", dtype="float32", name=name)
    raise TypeError(f"no layer for {node.operation}")


def _fan_out() -> keras.initializers.Initializer:
    """He's initialisation by fan out, of stem, depthwise and the baseline's pointwise layers."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")
