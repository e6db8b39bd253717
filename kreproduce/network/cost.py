"""A description counted: trainable parameters and computations, as the paper counts them.

*Parameters* are the trainable ones. *Computations* are at batch 1 what TensorFlow 2.7's profiler
counted, halved and rounded down: so an operation here is half a computation, and

- 2 a multiply-accumulate of every convolution (grouped ones with the channels that a filter
  reads) and of the dense layer,
- 1 an element of an elementwise product (swish is x * sigmoid(x); the scaling of
  squeeze-and-excitation),
- 1 an input element of a global average, 1 an output element of a bias, 5 of the softmax,
- 0 for additions of tensors, batch normalisation, sigmoid, ReLU, padding and interleaving.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Self

from kreproduce.network import operations as op
from kreproduce.network.architecture import Architecture
from kreproduce.network.description import Network, describe


@dataclass(frozen=True)
class Cost:
    """What a part of a network costs.

    Attributes:
        parameters: trainable parameters.
        operations: floating-point operations at batch 1, two a multiply-accumulate.
        untrainable: parameters that no gradient changes, the moving averages.
    """

    parameters: int = 0
    operations: int = 0
    untrainable: int = 0

    @property
    def computations(self) -> int:
        """The paper's "Computations": half the operations, rounded down."""
        return self.operations // 2

    def __add__(self, other: Self) -> "Cost":
        return Cost(
            self.parameters + other.parameters,
            self.operations + other.operations,
            self.untrainable + other.untrainable,
        )


@dataclass(frozen=True)
class LayerCost:
    """One layer of the architecture, say "block2a_expand", with all that it is made of."""

    layer: str
    nodes: tuple[op.Node, ...]
    cost: Cost


def layer_costs(network: Network) -> list[LayerCost]:
    """Return the cost of each layer in the network's order; they sum to `total_cost`."""
    layers: dict[str, list[op.Node]] = {}
    for node in network.nodes:
        layers.setdefault(node.layer, []).append(node)
    return [
        LayerCost(layer, tuple(nodes), _sum(node_cost(node) for node in nodes))
        for layer, nodes in layers.items()
    ]


def total_cost(network: Network) -> Cost:
    """Return the cost of a whole network."""
    return _sum(node_cost(node) for node in network.nodes)


@cache
def count(architecture: Architecture) -> Cost:
    """Return the cost of the network that `architecture` describes."""
    return total_cost(describe(architecture))


def node_cost(node: op.Node) -> Cost:
    """Return the cost of one operation in its place."""
    elements = math.prod(node.shape)
    match node.operation:
        case op.Convolution(kernel=kernel):
            return _convolution(kernel**2 * node.input_shape[-1], node.shape)
        case op.DepthwiseConvolution(kernel=kernel):
            return _convolution(kernel**2, node.shape)
        case op.Pointwise(bias=bias):
            return _convolution(node.input_shape[-1], node.shape, bias)
        case op.GroupedPointwise(grouping=grouping, bias=bias):
            return _convolution(grouping.group_channels, node.shape, bias)
        case op.Dense():
            return _convolution(node.input_shape[-1], node.shape, bias=True)
        case op.BatchNormalization():
            return Cost(parameters=2 * node.shape[-1], untrainable=2 * node.shape[-1])
        case op.Activation(function="swish") | op.Scale():
            return Cost(operations=elements)
        case op.GlobalAverage():
            return Cost(operations=math.prod(node.input_shape))
        case op.Softmax():
            return Cost(operations=5 * elements)
    return Cost()


def _convolution(weights_per_filter: int, shape: op.Shape, bias: bool = False) -> Cost:
    filters, elements = shape[-1], math.prod(shape)
    return Cost(
        parameters=(weights_per_filter + bias) * filters,
        operations=(2 * weights_per_filter + bias) * elements,
    )


def _sum(costs: Iterable[Cost]) -> Cost:
    return sum(costs, start=Cost())
