"""The ways to compute layers K and L; they differ in speed, and in outputs by rounding only.

All take the stored weights: `kernel` with shape (groups, group_channels, filters_per_group) for
path 1 and `remainder` with shape (remainder, group_channels) for path 2, None where there is none.

- "dense": one product with a matrix that is zero outside the groups. Replicated channels, the
  interleaving and both paths are only places in that matrix, so nothing but it is moved about.
- "per_group": one product per group, by `einsum`.
- "native": the backend's grouped convolution.
- "naive": Keras' grouped convolution, one path at a time, as `Conv2D(groups=…)` has it. Under
  TensorFlow that is a slow loop on a CPU; it is here to be compared with.
- "auto": the fastest, see `fastest`.
- "plain": as "auto", but depthwise convolutions and swish are Keras' own layers, with the backend's
  gradients; to be compared with, too.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from kreproduce.network import tensorflow_kernels
from kreproduce.network.grouping import Grouping

Lowering = Literal["auto", "dense", "per_group", "native", "naive", "plain"]
LOWERINGS: tuple[Lowering, ...] = get_args(Lowering)

# From how many weights of the dense matrix on the grouped convolution is faster: where the
# channels come in the order of the groups, and where they must be put into it first.
_WIDE, _WIDE_AND_MIXED = 50_000, 200_000


def product(
    lowering: Lowering, grouping: Grouping, inputs: Any, kernel: Any, remainder: Any | None
) -> Any:
    """Layer K or L without bias: (batch, height, width, channels) to (…, filters)."""
    if lowering in ("auto", "plain"):
        lowering = fastest(grouping, inputs.shape, inputs.dtype)
    return _WAYS[lowering](grouping, inputs, kernel, remainder)


def fastest(grouping: Grouping, input_shape: tuple[int | None, ...], dtype: str) -> Lowering:
    """Return the fastest way as measured on a CPU.

    On GPUs, and where nothing was measured, that is "dense". On 2 cores (AVX-512, batch 32,
    32 channels a group, forward and backward) 1152 to 320 channels take 6.2 ms dense, 2.8 native
    and 10.5 per group; 192 to 1152 take 4.6, 1.7 and 3.4; 80 to 80, interleaved and replicated,
    1.2, 4.4 and 6.0: what the grouped convolution saves of the product it loses in moving channels.
    """
    mixed = grouping.interleave > 1 or grouping.groups * grouping.group_channels > grouping.channels
    if (
        grouping.channels * grouping.filters >= (_WIDE_AND_MIXED if mixed else _WIDE)
        and tuple(input_shape[1:3]) != (1, 1)
        and keras.backend.standardize_dtype(dtype) == "float32"
        and tensorflow_kernels.on_cpu_with_onednn()
    ):
        return "native"
    return "dense"


def pointwise(inputs: Any, matrix: Any) -> Any:
    """Return a 1 x 1 convolution with a matrix of shape (channels, filters).

    As a product of matrices, whose gradients are a quarter faster on a CPU than a convolution's.
    """
    channels, filters = matrix.shape
    outputs = ops.matmul(ops.reshape(inputs, (-1, channels)), matrix)
    return ops.reshape(outputs, (*ops.shape(inputs)[:-1], filters))


@cache
def places(grouping: Grouping) -> np.ndarray:
    """Where each stored weight stands in the flat dense matrix, shape (weights,).

    In the order in which the kernels of path 1 and path 2 are flattened.
    """
    rows = np.array(grouping.inputs())
    first = np.arange(grouping.groups * grouping.filters_per_group)
    columns = first.reshape(grouping.groups, 1, grouping.filters_per_group)
    path_1 = rows[:, :, None] * grouping.filters + columns
    rest = np.arange(first.size, grouping.filters)
    path_2 = rows[: grouping.remainder] * grouping.filters + rest[:, None]
    return np.concatenate([path_1.ravel(), path_2.ravel()]).astype("int32")


def _dense(grouping: Grouping, inputs: Any, kernel: Any, remainder: Any | None) -> Any:
    weights = ops.reshape(kernel, (-1,))
    if remainder is not None:
        weights = ops.concatenate([weights, ops.reshape(remainder, (-1,))])
    size = grouping.channels * grouping.filters
    where = places(grouping)[:, None]
    if keras.backend.backend() == "torch":  # whose `scatter` goes through the weights one by one
        matrix = ops.scatter_update(ops.zeros(size, weights.dtype), where, weights)
    else:
        matrix = ops.scatter(where, weights, (size,))
    return pointwise(inputs, ops.reshape(matrix, (grouping.channels, grouping.filters)))


def _per_group(grouping: Grouping, inputs: Any, kernel: Any, remainder: Any | None) -> Any:
    return _both_paths(_einsum, grouping, inputs, kernel, remainder)


def _native(grouping: Grouping, inputs: Any, kernel: Any, remainder: Any | None) -> Any:
    tensorflow = keras.backend.backend() == "tensorflow"
    convolve = _tensorflow_convolution if tensorflow else _keras_convolution
    return _both_paths(convolve, grouping, inputs, kernel, remainder)


def _naive(grouping: Grouping, inputs: Any, kernel: Any, remainder: Any | None) -> Any:
    inputs = _in_order_of_groups(grouping, inputs)
    outputs = _keras_convolution(inputs, kernel)
    if remainder is None:
        return outputs
    read = inputs[..., : grouping.remainder * grouping.group_channels]
    return ops.concatenate([outputs, _keras_convolution(read, remainder[..., None])], axis=-1)


_WAYS = {"dense": _dense, "per_group": _per_group, "native": _native, "naive": _naive}


def _both_paths(
    convolve: Callable[[Any, Any], Any],
    grouping: Grouping,
    inputs: Any,
    kernel: Any,
    remainder: Any | None,
) -> Any:
    """Both paths as one grouped product.

    Each group gets a filter more, which is path 2's in the first groups and none's in the others:
    cheaper than a product a path.
    """
    inputs = _in_order_of_groups(grouping, inputs)
    if remainder is None:
        return convolve(inputs, kernel)
    unused = ((0, grouping.groups - grouping.remainder), (0, 0), (0, 0))
    more = ops.pad(remainder[..., None], unused)
    outputs = convolve(inputs, ops.concatenate([kernel, more], axis=-1))
    return ops.take(outputs, _order_of_filters(grouping), axis=-1)


def _einsum(inputs: Any, kernel: Any) -> Any:
    groups, width, filters = kernel.shape
    *image, _ = ops.shape(inputs)
    by_group = ops.reshape(inputs, (*image, groups, width))
    outputs = ops.einsum("bhwgc,gcf->bhwgf", by_group, kernel)
    return ops.reshape(outputs, (*image, groups * filters))


def _keras_convolution(inputs: Any, kernel: Any) -> Any:
    return ops.conv(inputs, _as_convolution(kernel), data_format="channels_last")


def _tensorflow_convolution(inputs: Any, kernel: Any) -> Any:
    return tensorflow_kernels.grouped_convolution(inputs, _as_convolution(kernel))


def _as_convolution(kernel: Any) -> Any:
    """From (groups, channels, filters) to a grouped convolution's (1, 1, channels, filters)."""
    _, width, _ = kernel.shape
    return ops.reshape(ops.transpose(kernel, (1, 0, 2)), (1, 1, width, -1))


def _in_order_of_groups(grouping: Grouping, inputs: Any) -> Any:
    """Return the input channels as the groups read them, interleaved and replicated."""
    order = np.ravel(grouping.inputs())
    replicated = order.size - grouping.channels
    if grouping.interleave > 1 or replicated > grouping.channels:
        return ops.take(inputs, order, axis=-1)
    # Much faster on a CPU than `take`, most of all the gradient.
    return ops.concatenate([inputs, inputs[..., :replicated]], axis=-1) if replicated else inputs


def _order_of_filters(grouping: Grouping) -> np.ndarray:
    """Path 1's filters, then path 2's, each the last one of its group."""
    wide = grouping.filters_per_group + 1
    filters = np.arange(grouping.groups * wide).reshape(grouping.groups, wide)
    return np.concatenate([filters[:, :-1].ravel(), filters[: grouping.remainder, -1]])
