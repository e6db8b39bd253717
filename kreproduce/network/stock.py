"""A trained network in layers of Keras alone, which plain Keras loads without this package.

Another reader of the description. Layers K and L become an `EinsumDense` a path, which holds the
stored kernel as it is, between a reordering of the channels and two reshapings.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kreproduce.network import operations as op
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe
from kreproduce.network.grouping import Grouping, interleaved
from kreproduce.network.model import layer_of

_LAST = {"data_format": "channels_last"}


def stock(architecture: Architecture, image: Any, network: keras.Model | None = None) -> Any:
    """Build a network of stock layers on a tensor, under the current dtype policy.

    Args:
        architecture: of the network.
        image: symbolic, of shape (batch, size, size, 3), in [0, 1].
        network: built by `build(architecture)`; its weights are copied. None leaves new ones.

    Returns:
        class probabilities, symbolic, of shape (batch, classes). The layers carry the names of the
        description's nodes, and path 2 of a grouped one that name and "_remainder".
    """
    tensors = {op.INPUT: image}
    for node in describe(architecture).nodes:
        inputs = [tensors[name] for name in node.inputs]
        weights = network.get_layer(node.name).get_weights() if network is not None else None
        tensors[node.name] = _applied(node, inputs, weights)
    return tensors[node.name]


def _applied(node: op.Node, inputs: list[Any], weights: list[np.ndarray] | None) -> Any:
    match node.operation:
        case op.GroupedPointwise(grouping=grouping, bias=bias):
            return _grouped(node, grouping, bias, inputs[0], weights)
        case op.Interleave(step=step):
            return ops.take(inputs[0], interleaved(node.shape[-1], step), axis=-1)
        case op.Convolution(kernel=kernel, stride=stride, filters=filters):
            layer = layers.Conv2D(
                filters, kernel, stride, use_bias=False, **_drawn(node, "kernel"), **_LAST
            )
        case op.DepthwiseConvolution(kernel=kernel, stride=stride):
            padding = "same" if stride == 1 else "valid"
            layer = layers.DepthwiseConv2D(
                kernel, stride, padding, use_bias=False, **_drawn(node, "depthwise"), **_LAST
            )
        case op.Pointwise(filters=filters, bias=bias):
            layer = layers.Conv2D(filters, 1, use_bias=bias, **_drawn(node, "kernel"), **_LAST)
        case op.Dense(units=units):
            layer = layers.Dense(units, **_drawn(node, "kernel"))
        case op.BatchNormalization(momentum=momentum):
            layer = layers.BatchNormalization(momentum=momentum, name=node.name)
        case _:
            layer = layer_of(node, "plain")
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    if weights:
        layer.set_weights(weights)
    return outputs


def _grouped(
    node: op.Node, grouping: Grouping, bias: bool, inputs: Any, weights: list[np.ndarray] | None
) -> Any:
    """Return the output of layer K or L."""
    order = np.ravel(grouping.inputs()).tolist()
    if order != list(range(grouping.channels)):
        inputs = ops.take(inputs, order, axis=-1)
    first = grouping.groups * grouping.filters_per_group
    if weights is not None and bias:
        *kernels, biases = weights
        by_path = [biases[:first].reshape(grouping.groups, -1), biases[first:]]
        stored: list[list[np.ndarray]] = [
            list(pair) for pair in zip(kernels, by_path, strict=False)
        ]
    else:
        stored = [[kernel] for kernel in weights or ()]
    *image, _ = node.shape
    groups, width = grouping.groups, grouping.group_channels
    path_1 = layers.EinsumDense(
        "bhwgc,gcf->bhwgf",
        (*image, groups, grouping.filters_per_group),
        bias_axes="gf" if bias else None,
        **_drawn(node, "kernel"),
    )
    outputs = path_1(_reshaped(node, "groups", (*image, groups, width))(inputs))
    outputs = _reshaped(node, "filters", (*image, first))(outputs)
    if stored:
        path_1.set_weights(stored[0])
    if not grouping.remainder:
        return outputs
    path_2 = layers.EinsumDense(
        "bhwgc,gc->bhwg",
        (*image, grouping.remainder),
        bias_axes="g" if bias else None,
        **_drawn(node, "kernel", "_remainder"),
    )
    read = inputs[..., : grouping.remainder * width]
    rest = path_2(_reshaped(node, "first_groups", (*image, grouping.remainder, width))(read))
    if stored:
        path_2.set_weights(stored[1])
    return layers.Concatenate(name=f"{node.name}_both_paths")([outputs, rest])


def _reshaped(node: op.Node, what: str, shape: op.Shape) -> keras.layers.Layer:
    return layers.Reshape(shape, name=f"{node.name}_{what}")


def _drawn(node: op.Node, kernel: str, suffix: str = "") -> dict[str, str]:
    """Return a layer's name, and an initialiser that Keras 3.14 reads as 3.15 stores it.

    Those that scale by fans, as ours do, got arguments with 3.15.
    """
    return {"name": f"{node.name}{suffix}", f"{kernel}_initializer": "truncated_normal"}
