"""Kernels of TensorFlow that are faster than what Keras' operations come down to.

The one file of the network that calls a backend by name.
"""

from functools import cache
from typing import Any

import keras
from keras import ops


@cache
def on_cpu() -> bool:
    """Whether networks are computed by TensorFlow on a CPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.get_visible_devices("GPU")


@cache
def on_cpu_with_grouped_convolutions() -> bool:
    """Whether that is so, and grouped convolutions have gradients there.

    They are oneDNN's; where that is switched off or missing, TensorFlow refuses the gradients.
    """
    if not on_cpu():
        return False
    import tensorflow as tf

    with tf.init_scope():  # at once, also while a graph is being traced
        image, kernel = tf.ones((1, 2, 2, 4)), tf.ones((1, 1, 2, 4))
        try:
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=image.shape,
                filter=kernel,
                out_backprop=image,
                strides=(1, 1, 1, 1),
                padding="VALID",
            )
        except tf.errors.OpError:
            return False
    return True


def replicas() -> int:
    """Over how many devices TensorFlow spreads a batch."""
    import tensorflow as tf

    number: int = tf.distribute.get_strategy().num_replicas_in_sync
    return number


def grouped_convolution(inputs: Any, kernel: Any) -> Any:
    """A grouped 1 x 1 convolution without Keras' detour through XLA.

    Args:
        inputs: shape (batch, height, width, groups * channels), in the order of the groups.
        kernel: shape (1, 1, channels, groups * filters).
    """
    import tensorflow as tf

    dtype = inputs.dtype
    if dtype == "float16" and on_cpu():  # which has none
        inputs, kernel = ops.cast(inputs, "float32"), ops.cast(kernel, "float32")
    return ops.cast(tf.nn.conv2d(inputs, kernel, 1, "VALID"), dtype)


def batch_normalization(
    inputs: Any,
    scale: Any,
    offset: Any,
    epsilon: float,
    mean: Any | None = None,
    variance: Any | None = None,
) -> tuple[Any, Any, Any]:
    """Batch normalisation by one kernel, instead of a dozen passes forward and backward.

    Args:
        inputs: shape (batch, height, width, channels), float32.
        scale: gamma, shape (channels,).
        offset: beta, shape (channels,).
        epsilon: added to the variance.
        mean: to normalise with; by default the batch's.
        variance: likewise.

    Returns:
        the outputs, and the mean and variance that they were normalised with; the batch's variance
        with the n - 1 of an unbiased estimate, although the outputs were with n.
    """
    import tensorflow as tf

    if mean is not None:
        outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, mean, variance, epsilon, is_training=False
        )
        return outputs, mean, variance
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs, scale, offset, epsilon=epsilon, is_training=True
    )
    return outputs, mean, variance
