"""Any Keras model counted by the paper's rules, as `network.cost` has them.

What the paper's network has not is counted as TensorFlow 2.7's profiler did, by which the paper
counts: a pooling with every value that it looks at, a division as a product. Normalisations of any
kind are without cost, as batch normalisation is there; activations cost an operation for a product
with their input, as swish does. What is not known is named, and not guessed.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from kreproduce.network.any_model.graph import Call, Graph, Shape, is_nested, is_stock
from kreproduce.network.layers import GroupedPointwise

# Functions of the form x * f(x).
_PRODUCTS = ("gelu", "hard_silu", "mish", "silu")
_FREE_LAYERS = """
    ActivityRegularization AlphaDropout BatchNormalization Concatenate Cropping1D Cropping2D
    Cropping3D Dropout ELU Embedding Flatten GaussianDropout GaussianNoise GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization Identity InputLayer Interleave
    LayerNormalization LeakyReLU PReLU Permute RandomBrightness RandomContrast RandomFlip
    RandomRotation RandomTranslation RandomZoom ReLU RepeatVector Reshape SpatialDropout1D
    SpatialDropout2D SpatialDropout3D StochasticDepth UnitNormalization UpSampling1D UpSampling2D
    UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
# Some have the names of layers that are as free.
_FREE_OPERATIONS = """
    Abs Absolute Add BroadcastTo Cast Clip Concatenate Elu ExpandDims GetItem HardSigmoid HardTanh
    LeakyRelu Maximum Minimum Moveaxis Negative Pad Relu Relu6 Selu Sigmoid Softplus Softsign Split
    Squeeze Stack Subtract Swapaxes Take Tanh Transpose Unstack
"""
_FREE = frozenset(f"{_FREE_LAYERS}{_FREE_OPERATIONS}".split())
_PRODUCT_OPERATIONS = (
    "Divide",
    "Gelu",
    "HardSilu",
    "Multiply",
    "Power",
    "Silu",
    "Square",
    "TrueDivide",
)
_FIXED = ("moving_mean", "moving_variance", "mean", "variance", "count")
_SCALES = ("LayerScale", "CustomScaleLayer", "Rescaling", "Normalization")
_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_POOLING = (
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
)
_GLOBAL = (
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
)


@dataclass(frozen=True)
class ModelCost:
    """What a model costs.

    Attributes:
        parameters: those that a gradient would change, were all layers trainable.
        untrainable: moving averages and the like.
        operations: floating-point operations at batch 1, two a multiply-accumulate.
        size: bytes of all weights.
        uncounted: paths of the layers and operations whose operations nobody can count.
    """

    parameters: int = 0
    untrainable: int = 0
    operations: int = 0
    size: int = 0
    uncounted: tuple[str, ...] = ()

    @property
    def computations(self) -> int:
        """The paper's "Computations": half the operations, rounded down."""
        return self.operations // 2


def model_cost(graph: Graph, graphs: dict[int, Graph]) -> ModelCost:
    """Count a model that `units.find` has read."""
    operations, uncounted = _operations(graph, graphs, "")
    parameters, untrainable, size = weights_of(graph.model)
    return ModelCost(parameters, untrainable, operations, size, tuple(uncounted))


def weights_of(owner: Any) -> tuple[int, int, int]:
    """Return how many weights can be trained, how many cannot, and the bytes of all.

    A frozen layer can be trained all the same; what no gradient changes are moving averages and
    what else its class excludes.
    """
    if isinstance(owner, keras.Model) and is_nested(owner):
        counts = [weights_of(layer) for layer in _each_once(owner)]
        return tuple(map(sum, zip(*counts, strict=True))) if counts else (0, 0, 0)  # type: ignore[return-value]
    parameters = untrainable = size = 0
    for weight in getattr(owner, "weights", ()):
        count = math.prod(weight.shape)
        size += count * itemsize(weight.dtype)
        if not weight.trainable and (owner.trainable or weight.name in _FIXED):
            untrainable += count
        else:
            parameters += count
    return parameters, untrainable, size


def _each_once(model: keras.Model) -> list[Any]:
    """Return the layers of a model, those of nested models in their place."""
    found: dict[int, Any] = {}
    for layer in model.layers:
        for one in _each_once(layer) if is_nested(layer) else [layer]:
            found[id(one)] = one
    return list(found.values())


def call_operations(call: Call, output: Shape | None) -> int | None:
    """Return the operations of one call at batch 1; None if they cannot be counted.

    Args:
        call: of a layer or an operation, nested models excepted.
        output: shape of its output without the batch.
    """
    layer, shapes = call.operation, [tensor.shape for tensor in call.inputs]
    kind = type(layer).__name__
    if not is_stock(layer) and not type(layer).__module__.startswith("kreproduce."):
        return None
    if kind in _FREE:
        return 0
    if isinstance(layer, layers.EinsumDense):  # which says nothing of the size of its output
        return _einsum(layer, shapes[0])
    if output is None or None in output or any(None in shape for shape in shapes):
        return None
    elements, entered = size(output), size(shapes[0]) if shapes else 0
    if isinstance(layer, _SEPARABLE):
        middle = layer.pointwise_kernel.shape[-2]
        image = size(output[:-1])
        depthwise = 2 * math.prod(layer.kernel_size) * middle * image
        return depthwise + _weighted(layer, elements, middle)
    if isinstance(layer, _CONVOLUTIONS):
        return _weighted(layer, elements, math.prod(layer.kernel.shape[:-1]))
    if isinstance(layer, _DEPTHWISE):
        return _weighted(layer, elements, math.prod(layer.kernel_size))
    if isinstance(layer, _TRANSPOSED):
        return 2 * math.prod(layer.kernel_size) * layer.filters * entered + _weighted(
            layer, elements, 0
        )
    if isinstance(layer, GroupedPointwise):
        return (2 * layer.group_channels + layer.use_bias) * elements
    if isinstance(layer, layers.Dense):
        return _weighted(layer, elements, layer.kernel.shape[0])
    if isinstance(layer, _POOLING):
        window = math.prod(_pool(layer))
        return window * elements if window > 1 else 0
    if isinstance(layer, _GLOBAL) or kind == "Mean":
        return entered
    if isinstance(layer, layers.Activation):
        return function_operations(layer.activation, elements)
    if kind == "Softmax":
        return 5 * elements
    if kind in _SCALES:
        return elements
    if isinstance(layer, layers.Multiply):
        return (len(shapes) - 1) * elements
    if kind == "Average":
        return elements
    if kind in _PRODUCT_OPERATIONS:
        return elements
    return None


def _operations(graph: Graph, graphs: dict[int, Graph], prefix: str) -> tuple[int, list[str]]:
    total, uncounted = 0, []
    for call in graph.calls:
        path = f"{prefix}{call.name}"
        if is_nested(call.operation):
            inner, unknown = _operations(graphs[id(call.operation)], graphs, f"{path}/")
            total += inner
            uncounted += unknown
            continue
        output = graph.output_of(call)
        one = call_operations(call, output.shape if output is not None else None)
        if one is None:
            uncounted.append(path)
        else:
            total += one
    return total, list(dict.fromkeys(uncounted))


def _weighted(layer: Any, elements: int, weights_per_filter: int) -> int:
    """Return the operations of a layer with weights, bias and activation."""
    products = (2 * weights_per_filter + bool(layer.use_bias)) * elements
    return products + (function_operations(layer.activation, elements) or 0)


def function_operations(function: Any, elements: int) -> int:
    """Return the operations of an activation on so many values."""
    name = getattr(function, "__name__", "")
    if name in ("softmax", "log_softmax"):
        return 5 * elements
    return elements if name in _PRODUCTS else 0


def _einsum(layer: Any, shape: Shape) -> int | None:
    """Return two operations a product with a weight, and those of bias and activation."""
    read, rest = layer.equation.replace(" ", "").split(",")
    stored, given = rest.split("->")
    if "." in layer.equation or None in shape:
        return None
    sizes = dict(zip(read[1:], shape, strict=True)) | dict(
        zip(stored, layer.kernel.shape, strict=True)
    )
    products = 2 * size(tuple(sizes.values()))
    elements = size(tuple(sizes[letter] for letter in given[1:]))
    bias = elements if layer.bias is not None else 0
    return products + bias + function_operations(layer.activation, elements)


def _pool(layer: Any) -> tuple[int, ...]:
    size = layer.pool_size
    return tuple(size) if isinstance(size, tuple | list) else (size,)


def size(shape: Shape) -> int:
    """Return how many values a shape has."""
    return math.prod(int(length or 0) for length in shape)


def itemsize(dtype: str) -> int:
    """Return the bytes of a value."""
    return np.dtype("uint16" if dtype == "bfloat16" else dtype).itemsize  # NumPy has no bfloat16
