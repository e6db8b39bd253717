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
def on_cpu_with_onednn() -> bool:
    """Whether that is so, and the kernels are oneDNN's.

    Only those have gradients of grouped convolutions: TensorFlow's own refuse them.
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


def chosen() -> tuple[str, ...]:
    """Return what computes besides TensorFlow's own kernels on a CPU, of "onednn" and "xla"."""
    found = {"onednn": on_cpu_with_onednn, "xla": on_cpu_with_xla}
    return tuple(name for name, is_there in found.items() if is_there())


def replicas() -> int:
    """Over how many devices TensorFlow spreads a batch."""
    import tensorflow as tf

    number: int = tf.distribute.get_strategy().num_replicas_in_sync
    return number


@cache
def on_cpu_with_xla() -> bool:
    """Whether that is so, and XLA compiles for it."""
    if not on_cpu():
        return False
    import tensorflow as tf

    with tf.init_scope():  # at once, also while a graph is being traced
        try:
            _swish_gradient()(tf.ones(2), tf.ones(2))
        except tf.errors.OpError:
            return False
    return True


def grouped_convolution(inputs: Any, kernel: Any) -> Any:
    """Return a grouped 1 x 1 convolution without Keras' detour through XLA.

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


def swish(inputs: Any) -> Any:
    """Swish as TensorFlow has it, its gradient compiled to one pass instead of seven.

    At 32 x 31 x 31 x 240 the gradient takes 7 ms instead of 15 (2 cores, AVX2).

    Args:
        inputs: any shape, float32.
    """
    import tensorflow as tf

    def with_gradient(inputs: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            flat = _swish_gradient()(tf.reshape(inputs, [-1]), tf.reshape(upstream, [-1]))
            return tf.ensure_shape(tf.reshape(flat, tf.shape(inputs)), inputs.shape)

        return tf.nn.silu(inputs), gradient

    return tf.custom_gradient(with_gradient)(inputs)


@cache
def _swish_gradient() -> Any:
    """Of swish, times what comes from above; flat, so that it is traced once for all shapes."""
    import tensorflow as tf

    def gradient(inputs: Any, upstream: Any) -> Any:
        sigmoid = tf.sigmoid(inputs)
        return upstream * (sigmoid * (1 + inputs * (1 - sigmoid)))

    flat = tf.TensorSpec([None], tf.float32)
    return tf.function(gradient, [flat, flat], autograph=False, jit_compile=True)


def depthwise_convolution(inputs: Any, kernel: Any, stride: int, padding: str) -> Any:
    """Return a depthwise convolution, the gradient of its kernel by TensorFlow's own code.

    oneDNN has no fast code for that gradient of filters wider than 3, nor where the images are
    smaller than the filter. In ms with one thread, oneDNN's and TensorFlow's, for batches of 32
    with AVX-512, sizes before the padding:

        5 x 5             31 x 31 x 240   87   53      4 x 4 x 672   10.4   2.9
        5 x 5, stride 2   16 x 16 x 672   36   14      4 x 4 x 672    7.5   1.5
        3 x 3              2 x 2 x 1152    7.3  1.0

    Of other 3 x 3 filters, and the gradients of all inputs, oneDNN's is as fast or faster. Explicit
    padding, here the same zeros or none, is what TensorFlow does not hand over to oneDNN.

    Args:
        inputs: shape (batch, height, width, channels), float32.
        kernel: shape (side, side, channels, 1), the side odd.
        stride: in both directions.
        padding: "SAME", with a stride of 1 alone, or "VALID".
    """
    import tensorflow as tf

    strides = (1, stride, stride, 1)
    border = kernel.shape[0] // 2 if padding == "SAME" else 0

    def with_gradient(inputs: Any, kernel: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            of_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=kernel,
                out_backprop=upstream,
                strides=strides,
                padding=padding,
            )
            of_kernel = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=inputs,
                filter_sizes=kernel.shape,
                out_backprop=upstream,
                strides=strides,
                padding="EXPLICIT",
                explicit_paddings=(0, 0, border, border, border, border, 0, 0),
            )
            return of_inputs, of_kernel

        return tf.nn.depthwise_conv2d(inputs, kernel, strides, padding), gradient

    # A variable is read before: of those that a custom gradient's function reads, it gives none.
    return tf.custom_gradient(with_gradient)(inputs, tf.convert_to_tensor(kernel))
