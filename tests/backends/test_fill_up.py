"""A last batch that is filled up trains what the smaller one does, compiled by XLA on a CPU.

And so it does where the images and draws stay on the device.

`KERAS_BACKEND` chooses the backend, JAX or TensorFlow; PyTorch compiles nothing.
"""

from importlib import import_module

import keras
import numpy as np
import pytest

from kreproduce.data.dataset import Subset
from kreproduce.data.views import training_views
from kreproduce.experiment.settings import resolve
from kreproduce.training import model, optimizer, state
from kreproduce.training.devices import Devices
from kreproduce.training.store import Kept, Store, StoredBatches

BACKEND = keras.backend.backend()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BACKEND == "torch", reason="it compiles nothing"),
]
SETTINGS = {"classes": 3, "ch": 16, "input_size": 16, "skip_strides": 2, "batch_size": 8}


class Compiled(Devices):
    """A CPU on which XLA compiles, also under TensorFlow."""

    may_compile = True
    fills_up = True


class NotFilledUp(Compiled):
    fills_up = False


SIZE = 8  # of a batch


@pytest.fixture(scope="module")
def experiment(short_network):
    """The epsilon keeps RMSprop from taking the mere sign of a gradient that is all rounding."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "Keras2RMSprop", lambda: optimizer.Keras2RMSprop(0.1, epsilon=1.0))
        if keras.backend.backend() == "tensorflow":  # for which another test may have asked
            config = import_module("tensorflow.python.framework.config")
            patch.setattr(config, "is_op_determinism_enabled", lambda: False)
        yield resolve({"dataset": "colours"}, SETTINGS)


def images(count, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 12, 12, 3), np.uint8)
    return Subset(pixels, np.arange(count, dtype="int32") % 3)


def trained(experiment, devices, stored=False):
    """What an epoch of a whole batch and one of five images leaves, and an evaluation gives.

    By group: the weights with the moving averages, v, what the means of loss and accuracy are
    computed from, the same of an evaluation of other images, and the logits of these.
    """
    training, validation = images(13, 1), images(11, 2)
    kept = Kept((validation, training), 20) if stored else None
    found = model.compile_model(experiment, (12, 12, 3), devices(False, ("a CPU",)), kept=kept)
    found.model.jit_compile = True  # whatever other tests asked TensorFlow for
    batches = found.batches(training_views(experiment, training, 0), SIZE)
    if stored:
        inputs, _, _ = batches[1]
        assert {name: array.dtype.name for name, array in inputs.items()} == {
            "places": "int32",
            "counts": "float32",
        }
    found.model.fit(batches, shuffle=False, verbose=0)
    after = {
        "weights": state.values(found.network.weights),
        "optimizer": state.values(found.model.optimizer.variables),
        "trained": state.values(state.sums(found)),
    }
    for metric in (found.loss, found.accuracy):
        metric.reset_state()
    views = training_views(experiment, validation, 1)
    said = found.model.evaluate(found.batches(views, SIZE), verbose=0, return_dict=True)
    assert said["loss"] == pytest.approx(float(found.loss.result()))
    after["evaluated"] = state.values(state.sums(found))
    predicted = found.model.predict(found.batches(views, SIZE), verbose=0)
    assert len(predicted) == (2 * SIZE if devices is Compiled else 11)
    after["predicted"] = {"logits": predicted[:11]}
    return after


@pytest.fixture(scope="module")
def smaller(experiment):
    """Where the last batch is the smaller one."""
    return trained(experiment, NotFilledUp)


def check_same(found, expected):
    for group, arrays in expected.items():
        assert found[group].keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_allclose(
                found[group][name], array, rtol=2e-3, atol=2e-5, err_msg=f"{group}/{name}"
            )


def test_it_trains_what_the_smaller_batch_does(experiment, smaller, monkeypatch):
    """Losses, weights, v and moving averages, to rounding; one size alone is traced."""
    shapes, warp = set(), model.Warp.call
    monkeypatch.setattr(
        model.Warp,
        "call",
        lambda self, inputs: (shapes.add(inputs[0].shape[0]), warp(self, inputs))[1],
    )
    check_same(trained(experiment, Compiled), smaller)
    assert shapes - {None} == {SIZE}
    assert smaller["trained"]["accuracy/count"] == 13
    assert smaller["evaluated"]["accuracy/count"] == 11


def test_batches_that_the_device_no_longer_has_are_not_begun(experiment):
    subset = images(13, 1)
    store = Store(Kept((subset,), 13))
    earlier, later = (
        StoredBatches(store, training_views(experiment, subset, epoch), SIZE) for epoch in (0, 1)
    )
    later.on_epoch_begin()
    with pytest.raises(RuntimeError, match="the device has been given other views"):
        earlier.on_epoch_begin()


def test_images_on_the_device_train_the_same(experiment, smaller):
    check_same(trained(experiment, Compiled, stored=True), smaller)
