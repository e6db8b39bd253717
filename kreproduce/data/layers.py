"""Enlarging and warping images on the device, in float32 whatever the dtype policy."""

from typing import Any

import keras
from keras import ops

from kreproduce.data.resize import Rule, nearest_indices


@keras.saving.register_keras_serializable("kreproduce")
class Enlarge(keras.layers.Layer):
    """Nearest neighbour: (batch, h, w, c) to float32 (batch, size, size, c), the values kept.

    Args:
        size: Height and width of the output.
        rule: Of `nearest_indices`.
        **kwargs: Of the Keras layer.
    """

    def __init__(self, size: int, rule: Rule, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs}, autocast=False)
        self.size = size
        self.rule = rule

    def call(self, images: Any) -> Any:
        """Take each axis' nearest pixels."""
        # First, because TensorFlow takes no bytes on a GPU: it would go through the host for them.
        images = ops.cast(images, "float32")
        for axis in (1, 2):
            side = images.shape[axis]
            if side != self.size:
                taken = nearest_indices(side, self.size, self.rule).astype("int32")
                images = ops.take(images, taken, axis=axis)
        return images

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer and of its base."""
        return {**super().get_config(), "size": self.size, "rule": self.rule}


@keras.saving.register_keras_serializable("kreproduce")
class Warp(keras.layers.Layer):
    """[images (batch, h, w, c) of 0 to 255, matrices (batch, 2, 3)] to float32 in [0, 1].

    Output pixel (row, column) shows the input at matrix · (row, column, 1), interpolated
    bilinearly; beyond the edge the edge's pixels repeat. Matrices that hit pixels exactly, such
    as the identity's and a flip's, give exactly image / 255 (compiled, image · (1/255): compilers
    rewrite a division by a constant, which moves the last bit).

    Args:
        **kwargs: Of the Keras layer.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs}, autocast=False)

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Gather the four neighbours of each position and weigh them."""
        images, matrices = inputs
        height, width, channels = images.shape[1:]
        row, column = _positions(matrices, height, width)
        top, left = ops.floor(row), ops.floor(column)
        # Flat indices: one gather of whole pixels a corner, which every backend has. Of floats,
        # because TensorFlow takes no bytes on a GPU.
        pixels = ops.reshape(ops.cast(images, "float32"), (-1, channels))
        first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * (height * width)

        def line(rows: Any) -> Any:
            start = first + ops.cast(rows, "int32") * width
            here, beside = (
                ops.take(pixels, start + ops.cast(c, "int32"), axis=0)
                for c in (left, ops.minimum(left + 1, width - 1))
            )
            return here + (beside - here) * (column - left)[..., None]

        upper, lower = line(top), line(ops.minimum(top + 1, height - 1))
        return (upper + (lower - upper) * (row - top)[..., None]) / 255

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return that of the images."""
        return tuple(input_shape[0])


def _positions(matrices: Any, height: int, width: int) -> tuple[Any, Any]:
    """Return the input rows and columns that the output shows, within the edges, (batch, h, w)."""
    rows = ops.arange(height, dtype="float32")[:, None]
    columns = ops.arange(width, dtype="float32")[None, :]
    parts = ops.cast(matrices, "float32")[..., None, None]
    row, column = (
        parts[:, axis, 0] * rows + parts[:, axis, 1] * columns + parts[:, axis, 2]
        for axis in (0, 1)
    )
    return ops.clip(row, 0, height - 1), ops.clip(column, 0, width - 1)
