"""What batch normalisation keeps of a batch under the active Keras backend, against NumPy.

`KERAS_BACKEND` chooses which; tests/network/test_layers.py has it against the authors' Keras.
"""

import keras
import numpy as np
import pytest

from kreproduce.network.layers import BatchNormalization, counting


@pytest.mark.parametrize("shape", [(6, 4, 3, 5), (1, 1, 2, 5), (1, 1, 1, 5)], ids=str)
def test_the_moving_averages_are_of_unbiased_estimates(shape):
    """The variance over n - 1, in a training step of a compiled model."""
    x = np.random.default_rng(0).normal(3, 2, shape).astype("float32")
    model = keras.Sequential([keras.Input(shape[1:]), BatchNormalization(momentum=0.6)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    for _ in range(2):
        model.train_on_batch(x, x)
    _, _, mean, variance = model.layers[0].get_weights()
    axes, n = (0, 1, 2), x[..., 0].size
    unbiased = x.var(axis=axes) * n / max(n - 1, 1)
    np.testing.assert_allclose(mean, 0.64 * x.mean(axis=axes), rtol=1e-4)
    np.testing.assert_allclose(variance, 0.36 + 0.64 * unbiased, rtol=1e-4)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_images_that_do_not_count_change_no_statistics(kind):
    """Neither the outputs of the others, nor the moving averages, whatever they are."""
    x = np.random.default_rng(0).normal(3, 2, (6, 4, 3, 5)).astype("float32")
    x[4:] = 1e3
    counts = np.array([1, 1, 1, 1, 0, 0], "float32")
    whole, some = (
        BatchNormalization(momentum=0.6, dtype=f"mixed_{kind}" if kind != "float32" else kind)
        for _ in range(2)
    )
    expected = whole(x[:4], training=True)
    with counting(counts):
        outputs = some(x, training=True)
        asked = some(x, training=False)
    assert keras.backend.standardize_dtype(outputs.dtype) == kind
    tolerance = 1e-5 if kind == "float32" else 2e-2
    to_numpy = keras.ops.convert_to_numpy
    expected, outputs, asked, later = (
        to_numpy(keras.ops.cast(values, "float32"))
        for values in (expected, outputs, asked, some(x, training=False))
    )
    np.testing.assert_allclose(outputs[:4], expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(asked, later)  # of the moving averages, whatever counts
    for mine, theirs in zip(some.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4)
