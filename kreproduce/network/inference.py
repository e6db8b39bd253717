"""The inference form of a trained network: the same outputs with less to compute.

The third reader of the description. Batch normalisation, interleaving and replicated channels go
into kernels and biases, and what is linear from end to end into one matrix: K + L of a projection,
which has no activation between them; and, in the k-networks, the top unit, which has none either,
with the classifier, after the average.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers

from kreproduce.network import operations as op
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import describe
from kreproduce.network.grouping import Grouping, interleaved
from kreproduce.network.layers import GroupedPointwise, Interleave
from kreproduce.network.lowering import Lowering, fastest, places

_LAST = {"data_format": "channels_last"}


def fold(
    network: keras.Model,
    architecture: Architecture,
    name: str = "inference",
    lowering: Lowering = "auto",
    *,
    smallest: bool = False,
) -> keras.Model:
    """Build the inference form of a network, under the current dtype policy.

    Args:
        network: built by `build(architecture)`, with the weights to be used; it is left as it is.
        architecture: what it was built from.
        name: of the new model.
        lowering: how the layers K and L that remain are computed, see `lowering`.
        smallest: merge layers only where that leaves no more weights, so that K and L stay grouped;
            by default where it leaves no more to compute with dense matrices.

    Returns:
        a model from images of shape (batch, size, size, 3) in [0, 1] to class probabilities of
        shape (batch, classes), within 1e-4 of the network's. It cannot be trained any further.
    """
    folding = _Folding(network, lowering, smallest)
    for node in describe(architecture).nodes:
        folding.add(node)
    return keras.Model(folding.image, folding.tensor(node.name), name=name)


@dataclass(frozen=True)
class _Linear:
    """A linear layer not yet made, so that what follows can be folded into it.

    Attributes:
        node: the operation that it began with.
        source: the tensor it reads.
        kernel: of a convolution (height, width, channels, filters), of a depthwise one (height,
            width, channels), else the matrix (channels, filters); the last axis is the output's.
        bias: shape (filters,).
        grouping: where the matrix is zero outside these groups.
        function: the activation after it; nothing but a permutation is folded in any more.
    """

    node: op.Node
    source: Any
    kernel: np.ndarray
    bias: np.ndarray
    grouping: Grouping | None = None
    function: op.Function | None = None

    @property
    def is_matrix(self) -> bool:
        return self.kernel.ndim == 2 and self.function is None

    @property
    def weights(self) -> int:
        return self.grouping.weights if self.grouping else self.kernel.size

    def scaled(self, scale: np.ndarray, shift: np.ndarray) -> "_Linear":
        return replace(self, kernel=self.kernel * scale, bias=self.bias * scale + shift)

    def permuted(self, order: list[int]) -> "_Linear":
        kernel, bias = self.kernel[..., order], self.bias[order]
        return replace(self, kernel=kernel, bias=bias, grouping=None)

    def times(self, matrix: np.ndarray, bias: np.ndarray) -> "_Linear":
        kernel, bias = self.kernel @ matrix, self.bias @ matrix + bias
        return replace(self, kernel=kernel, bias=bias, grouping=None)

    def plus(self, other: "_Linear") -> "_Linear":
        kernel, bias = self.kernel + other.kernel, self.bias + other.bias
        return replace(self, kernel=kernel, bias=bias, grouping=None)


class _Folding:
    """Takes one node after another; `values` has each one's output, made or yet to be made."""

    def __init__(self, network: keras.Model, lowering: Lowering, smallest: bool) -> None:
        self.network = network
        self.lowering = lowering
        self.smallest = smallest
        self.image = keras.Input(network.input_shape[1:], name=op.INPUT)
        self.values: dict[str, Any] = {op.INPUT: self.image}

    def tensor(self, name: str) -> Any:
        """Return the output of a node as a tensor, its layer made if need be."""
        if isinstance(self.values[name], _Linear):
            self.values[name] = self._made(self.values[name])
        return self.values[name]

    def add(self, node: op.Node) -> None:
        """Fold a node into what it reads, or begin another."""
        values = [self.values[name] for name in node.inputs]
        match node.operation, *values:
            case op.Convolution() | op.DepthwiseConvolution() | op.Pointwise(), _:
                value = self._convolution(node)
            case op.GroupedPointwise(grouping=grouping), _:
                value = self._product(node, *self._dense(node, grouping), grouping)
            case op.Dense(), _:
                matrix, bias = self._weights(node)
                value = self._product(node, matrix, bias)
            case op.BatchNormalization(), _Linear() as before:
                value = before.scaled(*self._scale_and_shift(node))
            case op.Activation(function=function), _Linear() as before:
                value = replace(before, function=function)
            case op.Interleave(step=step), _Linear() as before if not (
                self.smallest and before.grouping
            ):
                value = before.permuted(interleaved(node.shape[-1], step))
            case op.Dropout(), before:
                value = before
            case op.GlobalAverage(flat=flat), _Linear(is_matrix=True) as before:
                value = replace(before, source=_average(flat)(before.source))
            case op.Add(), _Linear(is_matrix=True) as k, _Linear(is_matrix=True) as l_of_k if (
                k.source is l_of_k.source
            ):
                value = k.plus(l_of_k)
            case _:
                value = self._layer(node)
        self.values[node.name] = value

    def _layer(self, node: op.Node) -> Any:
        """Make a layer of its own of what is not linear in one input."""
        inputs = [self.tensor(name) for name in node.inputs]
        match node.operation:
            case op.Pad(before=before, after=after):
                layer = layers.ZeroPadding2D(((before, after), (before, after)), **_LAST)
            case op.GlobalAverage(flat=flat):
                layer = _average(flat)
            case op.Interleave(step=step):
                layer = Interleave(step)
            case op.Scale():
                layer = layers.Multiply()
            case op.Add():
                layer = layers.Add()
            case op.Softmax():
                layer = layers.Activation("softmax", dtype="float32")
            case _:
                raise TypeError(f"nothing to fold {node.operation} into")
        return layer(inputs if len(inputs) > 1 else inputs[0])

    def _weights(self, node: op.Node) -> list[np.ndarray]:
        weights = self.network.get_layer(node.name).get_weights()
        return [np.asarray(weight, "float64") for weight in weights]

    def _convolution(self, node: op.Node) -> _Linear:
        kernel, *bias = self._weights(node)
        shift = bias[0] if bias else np.zeros(node.shape[-1])
        if isinstance(node.operation, op.Pointwise):
            return self._product(node, kernel[0, 0], shift)
        if isinstance(node.operation, op.DepthwiseConvolution):
            kernel = kernel[..., 0]
        return _Linear(node, self.tensor(node.inputs[0]), kernel, shift)

    def _product(
        self, node: op.Node, matrix: np.ndarray, bias: np.ndarray, grouping: Grouping | None = None
    ) -> _Linear:
        """Multiply by a matrix; with what is before it as one, where that is not more."""
        before = self.values[node.inputs[0]]
        channels, filters = matrix.shape
        if isinstance(before, _Linear) and before.is_matrix:
            first = len(before.kernel)
            apart = channels * (first + filters)
            if self.smallest:
                apart = before.weights + (grouping.weights if grouping else matrix.size)
            if first * filters <= apart:
                return before.times(matrix, bias)
        return _Linear(node, self.tensor(node.inputs[0]), matrix, bias, grouping)

    def _dense(self, node: op.Node, grouping: Grouping) -> tuple[np.ndarray, np.ndarray]:
        weights, bias = self._weights(node), np.zeros(grouping.filters)
        if self.network.get_layer(node.name).use_bias:
            *weights, bias = weights
        matrix = np.zeros((grouping.channels, grouping.filters))
        matrix.flat[places(grouping)] = np.concatenate([kernel.ravel() for kernel in weights])
        return matrix, bias

    def _scale_and_shift(self, node: op.Node) -> tuple[np.ndarray, np.ndarray]:
        gamma, beta, mean, variance = self._weights(node)
        scale = gamma / np.sqrt(variance + self.network.get_layer(node.name).epsilon)
        return scale, beta - mean * scale

    def _made(self, linear: _Linear) -> Any:
        """Return a layer with the folded weights and the activation."""
        grouping, way = linear.grouping, self.lowering
        if grouping is not None:
            if way in ("auto", "plain"):
                way = fastest(grouping, linear.source.shape, linear.source.dtype)
            if way != "dense":
                return _grouped(linear, grouping, way)
        return _plain(linear)


def _grouped(linear: _Linear, grouping: Grouping, lowering: Lowering) -> Any:
    layer = GroupedPointwise(
        grouping.filters,
        grouping.groups,
        grouping.group_channels,
        grouping.interleave,
        use_bias=True,
        lowering=lowering,
        name=linear.node.name,
    )
    outputs = layer(linear.source)
    layer.set_weights([*_stored(grouping, linear.kernel), linear.bias])
    return layers.Activation(linear.function)(outputs) if linear.function else outputs


def _plain(linear: _Linear) -> Any:
    filters, kernel = len(linear.bias), linear.kernel
    settings = {"activation": linear.function, "name": linear.node.name}
    match linear.node.operation:
        case op.Convolution(kernel=size, stride=stride):
            layer = layers.Conv2D(filters, size, stride, **settings, **_LAST)
        case op.DepthwiseConvolution(kernel=size, stride=stride):
            padding = "same" if stride == 1 else "valid"
            layer = layers.DepthwiseConv2D(size, stride, padding, **settings, **_LAST)
            kernel = kernel[..., None]
        case _ if len(linear.source.shape) == 2:
            layer = layers.Dense(filters, dtype="float32", **settings)
        case _:
            layer = layers.Conv2D(filters, 1, **settings, **_LAST)
            kernel = kernel[None, None]
    outputs = layer(linear.source)
    layer.set_weights([kernel, linear.bias])
    return outputs


def _average(flat: bool) -> keras.layers.Layer:
    return layers.GlobalAveragePooling2D(keepdims=not flat, **_LAST)


def _stored(grouping: Grouping, matrix: np.ndarray) -> list[np.ndarray]:
    """Return the kernels of path 1 and path 2 out of the dense matrix."""
    weights = matrix.ravel()[places(grouping)]
    shape = (grouping.groups, grouping.group_channels, grouping.filters_per_group)
    first = math.prod(shape)
    kernels = [weights[:first].reshape(shape)]
    if grouping.remainder:
        kernels.append(weights[first:].reshape(grouping.remainder, grouping.group_channels))
    return kernels
