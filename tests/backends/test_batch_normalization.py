"""What batch normalisation keeps of a batch under the active Keras backend, against NumPy.

`KERAS_BACKEND` chooses which; tests/network/test_layers.py has it against the authors' Keras.
"""

import keras
import numpy as np
import pytest

from kreproduce.network.layers import BatchNormalization


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
