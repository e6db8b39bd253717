"""Training steps and inference of real models, on images of noise."""

import math
import time
from collections.abc import Sequence
from typing import Any, cast

import keras
import numpy as np

from kreproduce.bench.case import Case, noise
from kreproduce.bench.timing import MOST, steps_of_a_sample, warmed_up
from kreproduce.data.dataset import Subset
from kreproduce.data.views import Views, training_views
from kreproduce.network.cost import count
from kreproduce.network.inference import fold
from kreproduce.network.lowering import Lowering
from kreproduce.network.model import build
from kreproduce.training.batches import Batches
from kreproduce.training.devices import Devices
from kreproduce.training.model import compile_model
from kreproduce.training.store import Kept

_NOISE = 256  # images


class Training:
    """Training as `kreproduce run` does it, augmentation included.

    Args:
        case: what to train.
        devices: where.

    Attributes:
        model: what is trained.
        parameters: trainable, of the network.
        set_up: seconds to build and compile it.
        first: seconds of the first step, with tracing and compilation.
        steps: how many are timed together.
    """

    form = "training"

    def __init__(self, case: Case, devices: Devices):
        self.case = case
        self.parameters = count(case.experiment.architecture).parameters
        size = case.experiment.input_size
        images = noise(_NOISE, size)
        labels = np.arange(_NOISE, dtype="int32") % case.experiment.classes
        subset = Subset(images, labels)
        self._views = training_views(case.experiment, subset, 0)
        most = (MOST + devices.steps_per_execution) * case.experiment.batch_size
        kept = Kept([subset], most) if devices.keep(images.nbytes) else None
        started = time.perf_counter()
        lowering = cast(Lowering, case.lowering)
        self._compiled = compile_model(case.experiment, (size, size, 3), devices, lowering, kept)
        self.model = self._compiled.model
        self.set_up = time.perf_counter() - started
        self._fit(self._batches(1))
        self.first = time.perf_counter() - started - self.set_up
        # Twice, because what ends a `fit` is much of a single step's time on a GPU.
        few = steps_of_a_sample(self._fit(self._batches(1)))
        steps, together = (
            steps_of_a_sample(self._fit(self._batches(few)) / few),
            self.model.steps_per_execution,
        )
        self.steps = -(-steps // together) * together
        self._sample = self._batches(self.steps)

    def __call__(self) -> float:
        """Seconds a step, over about a second's steps."""
        return self._fit(self._sample) / self.steps

    def _batches(self, steps: int) -> Batches:
        """Return the same images again and again, and so the same warps."""
        count = steps * self.case.experiment.batch_size
        matrices = np.resize(self._views.matrices, (count, *self._views.matrices.shape[1:]))
        views = Views(self._views.subset, np.resize(self._views.order, count), matrices)
        return self._compiled.batches(views, self.case.experiment.batch_size)

    def _fit(self, batches: Batches) -> float:
        """Seconds from the first step's begin to the last one's end."""
        clock = _Clock()
        self.model.fit(batches, shuffle=False, verbose=0, callbacks=[clock])
        _wait_for(self.model)
        return time.perf_counter() - clock.started


class Inference:
    """Class probabilities of images that lie in the host's memory, until they lie there, too.

    Args:
        case: what to ask.
        precision: Keras' dtype policy.
        folded: whether in the network's inference form, see `inference`.

    Attributes:
        model: what is asked.
        parameters: trainable, of the network before it is folded.
        set_up: seconds to build it.
        first: seconds of the first batch, with tracing and compilation.
        steps: how many batches are timed together.
    """

    def __init__(self, case: Case, precision: str, *, folded: bool):
        self.case = case
        self.parameters = count(case.experiment.architecture).parameters
        self.form = "inference, folded" if folded else "inference"
        started = time.perf_counter()
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(precision)
        try:
            keras.utils.set_random_seed(1)
            way = cast(Lowering, case.lowering)
            self.model = build(case.experiment.architecture, lowering=way)
            if folded:
                self.model = fold(self.model, case.experiment.architecture, lowering=way)
        finally:
            keras.config.set_dtype_policy(policy)
        self.set_up = time.perf_counter() - started
        images = noise(case.experiment.batch_size, case.experiment.input_size)
        self._images = images.astype("float32") / 255
        self.first, self.steps = warmed_up(self._ask)

    def __call__(self) -> float:
        """Seconds a batch, over about a second's batches."""
        return self._ask(self.steps) / self.steps

    def _ask(self, batches: int) -> float:
        started = time.perf_counter()
        for _ in range(batches):
            self.model.predict_on_batch(self._images)
        return time.perf_counter() - started


class _Clock(keras.callbacks.Callback):
    """When the first batch of a `fit` was begun: what is before is no part of a step."""

    started = math.inf

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.started = min(self.started, time.perf_counter())


def _wait_for(model: keras.Model) -> None:
    """Wait, for a device may still be computing what was asked of it; a value read is there."""
    weights: Sequence[Any] = model.trainable_variables
    keras.ops.convert_to_numpy(weights[-1].value)
