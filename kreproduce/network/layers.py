"""The Keras layers of the k-networks."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from kreproduce.network.grouping import Grouping, interleaved


@keras.saving.register_keras_serializable("kreproduce")
class GroupedPointwise(keras.layers.Layer):
    """A grouped 1 x 1 convolution without divisibility constraints: layer K or L.

    Input and output have shape (batch, height, width, channels). Kernels are stored grouped, so
    that the weights are the paper's: `kernel` with shape (groups, group_channels,
    filters_per_group) for path 1, `kernel_remainder` with shape (remainder, group_channels) for
    path 2, where there is one. They are Glorot-uniform with the fans of a grouped convolution:
    in, the channels of a group; out, all filters of the path.

    Computed as one dense 1 x 1 convolution whose kernel is zero outside the groups. Replicated
    channels, the interleaving and both paths are then only places in that kernel; and it avoids
    `Conv2D(groups=…)`, which Keras compiles into a slow loop on a CPU.

    Args:
        filters: output channels, F.
        groups: groups of path 1, G.
        group_channels: input channels that each filter reads.
        interleave: step with which the input channels are interleaved first; 1 leaves them.
        use_bias: whether a bias is added to each filter.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        groups: int,
        group_channels: int,
        interleave: int = 1,
        use_bias: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 1 <= groups <= filters:
            raise ValueError(f"groups is {groups}, not between 1 and filters, {filters}")
        self.filters = filters
        self.groups = groups
        self.group_channels = group_channels
        self.interleave = interleave
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        assert channels is not None
        if not self.group_channels <= channels <= self.groups * self.group_channels:
            raise ValueError(
                f"{self.groups} groups of {self.group_channels} channels do not cover "
                f"the {channels} input channels"
            )
        grouping = Grouping(
            channels, self.filters, self.groups, self.group_channels, self.interleave
        )
        self.kernel = self._add_kernel(
            "kernel", (self.groups, self.group_channels, grouping.filters_per_group)
        )
        self.kernel_remainder = None
        if grouping.remainder:
            self.kernel_remainder = self._add_kernel(
                "kernel_remainder", (grouping.remainder, self.group_channels)
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self._places = _places_in_dense_kernel(grouping)
        self._dense_size = channels * self.filters

    def _add_kernel(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        filters = math.prod(shape) // self.group_channels
        limit = math.sqrt(6 / (self.group_channels + filters))
        return self.add_weight(
            name=name, shape=shape, initializer=keras.initializers.RandomUniform(-limit, limit)
        )

    def call(self, inputs: Any) -> Any:
        outputs = ops.conv(inputs, self.dense_kernel(), data_format="channels_last")
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return outputs

    def dense_kernel(self) -> Any:
        """The kernel of the equal dense convolution, shape (1, 1, channels, filters)."""
        weights = ops.reshape(self.kernel, (-1,))
        if self.kernel_remainder is not None:
            remainder = ops.reshape(self.kernel_remainder, (-1,))
            weights = ops.concatenate([weights, remainder])
        dense = ops.scatter(self._places, weights, (self._dense_size,))
        return ops.reshape(dense, (1, 1, -1, self.filters))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        return config | {
            "filters": self.filters,
            "groups": self.groups,
            "group_channels": self.group_channels,
            "interleave": self.interleave,
            "use_bias": self.use_bias,
        }


@keras.saving.register_keras_serializable("kreproduce")
class Interleave(keras.layers.Layer):
    """Reorders the last axis to 0, step, 2*step, …, 1, 1 + step, … (equation 16: step 2).

    Args:
        step: distance of two channels that become neighbours.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, step: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.step = step

    def call(self, inputs: Any) -> Any:
        return ops.take(inputs, interleaved(inputs.shape[-1], self.step), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()
        return config | {"step": self.step}


def _places_in_dense_kernel(grouping: Grouping) -> np.ndarray:
    """Where each stored weight stands in the flat dense kernel, shape (weights, 1).

    In the order in which the kernels of path 1 and path 2 are flattened.
    """
    inputs = grouping.inputs()
    per_group = grouping.filters_per_group
    places = [
        channel * grouping.filters + number * per_group + filter_
        for number, channels in enumerate(inputs)
        for channel in channels
        for filter_ in range(per_group)
    ]
    first = grouping.groups * per_group
    places += [
        channel * grouping.filters + first + number
        for number, channels in enumerate(inputs[: grouping.remainder])
        for channel in channels
    ]
    return np.array(places, "int32")[:, None]
