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


class StockGrouped:
    """Layer K or L of stock layers; where it is called again, with the same weights.

    Args:
        name: of path 1; what is beside it is named after it.
        grouping: its groups.
        bias: whether a bias is added to each filter.
        path_1: further arguments of path 1's `EinsumDense`.
        path_2: those of path 2's.
    """

    def __init__(
        self,
        name: str,
        grouping: Grouping,
        bias: bool,
        path_1: dict[str, Any],
        path_2: dict[str, Any],
    ) -> None:
        self.name = name
        self.grouping = grouping
        self.bias = bias
        self._settings = (path_1, path_2)
        self._dtype = path_1.get("dtype")
        self._layers: list[keras.layers.Layer] = []
        self._calls = 0

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """Those with weights, once it has been called: path 1, and path 2 where there is one."""
        return self._layers

    def __call__(self, inputs: Any) -> Any:
        """Apply it: (batch, …, channels) to (batch, …, filters)."""
        grouping = self.grouping
        groups, width = grouping.groups, grouping.group_channels
        if not self._layers:
            self._make(len(inputs.shape) - 2)
        self._calls += 1
        order = np.ravel(grouping.inputs()).tolist()
        if order != list(range(grouping.channels)):
            inputs = ops.take(inputs, order, axis=-1)
        outputs = self._layers[0](self._split(inputs, groups, "groups"))
        outputs = self._joined(outputs, inputs.shape, "filters")
        if not grouping.remainder:
            return outputs
        read = inputs[..., : grouping.remainder * width]
        rest = self._layers[1](self._split(read, grouping.remainder, "first_groups"))
        both = layers.Concatenate(name=self._named("both_paths"), dtype=self._dtype)
        return both([outputs, rest])

    def get_weights(self) -> list[np.ndarray]:
        """Return the weights in the order of `GroupedPointwise`: kernel, kernel_remainder, bias."""
        by_path = [layer.get_weights() for layer in self._layers]
        kernels = [kernel for kernel, *_ in by_path]
        if not self.bias:
            return kernels
        return [*kernels, np.concatenate([bias.ravel() for _, bias in by_path])]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Take the weights of a `GroupedPointwise`; it must have been called before."""
        stored = [[kernel] for kernel in weights]
        if self.bias:
            *kernels, biases = weights
            groups = self.grouping.groups
            first = groups * self.grouping.filters_per_group
            by_path = [biases[:first].reshape(groups, -1), biases[first:]]
            stored = [list(pair) for pair in zip(kernels, by_path, strict=False)]
        for layer, own in zip(self._layers, stored, strict=True):
            layer.set_weights(own)

    def _make(self, rank: int) -> None:
        grouping, image = self.grouping, "hwdijklmn"[:rank]
        none = (None,) * rank
        path_1, path_2 = self._settings
        self._layers = [
            layers.EinsumDense(
                f"b{image}gc,gcf->b{image}gf",
                (*none, grouping.groups, grouping.filters_per_group),
                bias_axes="gf" if self.bias else None,
                name=self.name,
                **path_1,
            )
        ]
        if grouping.remainder:
            self._layers += [
                layers.EinsumDense(
                    f"b{image}gc,gc->b{image}g",
                    (*none, grouping.remainder),
                    bias_axes="g" if self.bias else None,
                    name=f"{self.name}_remainder",
                    **path_2,
                )
            ]

    def _split(self, inputs: Any, groups: int, what: str) -> Any:
        """From (batch, …, channels) to (batch, …, groups, channels of a group)."""
        *image, channels = inputs.shape[1:]
        if None in image:  # a reshaping leaves one size open at most
            return ops.stack(ops.split(inputs, groups, axis=-1), axis=-2)
        shape = (*image, groups, channels // groups)
        return layers.Reshape(shape, name=self._named(what), dtype=self._dtype)(inputs)

    def _joined(self, outputs: Any, given: tuple[int | None, ...], what: str) -> Any:
        """From (batch, …, groups, filters of a group) to (batch, …, filters)."""
        image = given[1:-1]
        if None in image:
            return ops.concatenate(ops.unstack(outputs, self.grouping.groups, axis=-2), axis=-1)
        filters = self.grouping.groups * self.grouping.filters_per_group
        shape = (*image, filters)
        return layers.Reshape(shape, name=self._named(what), dtype=self._dtype)(outputs)

    def _named(self, what: str) -> str:
        again = f"_{self._calls}" if self._calls > 1 else ""
        return f"{self.name}_{what}{again}"


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
    layer: Any
    match node.operation:
        case op.GroupedPointwise(grouping=grouping, bias=bias):
            drawn = _drawn(node, "kernel")
            layer = StockGrouped(drawn.pop("name"), grouping, bias, drawn, drawn)
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


def _drawn(node: op.Node, kernel: str) -> dict[str, str]:
    """Return a layer's name, and an initialiser that Keras 3.14 reads as 3.15 stores it.

    Those that scale by fans, as ours do, got arguments with 3.15.
    """
    return {"name": node.name, f"{kernel}_initializer": "truncated_normal"}
