"""The network as a run's learner: what it is shown, and how Keras trains and tests it."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kreproduce.data.dataset import Dataset
from kreproduce.data.views import Views, training_views, validation_views
from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment
from kreproduce.export import model_file
from kreproduce.export.about import about
from kreproduce.runs.checkpoint import Arrays
from kreproduce.runs.predictions import Predictions
from kreproduce.runs.records import Code, Outcome, Session
from kreproduce.system.interruption import Interruptions
from kreproduce.system.provenance import code_version, now
from kreproduce.training import state
from kreproduce.training.batches import Batches, dropout_seeds
from kreproduce.training.conditions import conditions_of
from kreproduce.training.console import Hardware
from kreproduce.training.devices import Devices, check_batch
from kreproduce.training.evaluation import outcome
from kreproduce.training.interruptible import ResumableFit, StopEvaluation
from kreproduce.training.lifecycle import Means
from kreproduce.training.model import compile_model
from kreproduce.training.record import cost_of
from kreproduce.training.store import kept_of


class NetworkLearner:
    """An experiment's network on its images; a `Learner`, see there for attributes and methods.

    Args:
        experiment: what decides the result.
        dataset: the images.
        devices: what to compute on.
        interruptions: end a validation or a test early.

    Raises:
        SettingsError: the devices cannot share the batches evenly, be it in training, in
            validation or in the test.
    """

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        devices: Devices,
        interruptions: Interruptions,
    ):
        if experiment.model is not None:
            if devices.replicas > 1:
                raise SettingsError(
                    f"{experiment.model_name} is none of the paper's networks, and is trained on "
                    "one device; choose it, as in --devices 1"
                )
            devices = replace(devices, counting=False)
        validated = validation_views(experiment, dataset.validation, 0)
        for shown in (dataset.train.labels, validated.order, dataset.test.labels):
            check_batch(experiment.batch_size, len(shown), devices)
        started = time.perf_counter()
        shape = dataset.train.images.shape[1:]
        self.compiled = compile_model(experiment, shape, devices, kept=kept_of(dataset, devices))
        self.setup_seconds = time.perf_counter() - started
        self.hardware: Hardware = devices
        # Now, because the code may be another when the run ends.
        self.session = Session(
            started=now(),
            epoch=0,
            step=0,
            code=Code(**code_version()._asdict()),
            conditions=conditions_of(self.compiled, devices),
        )
        self._experiment, self._dataset = experiment, dataset
        self._interruptions = interruptions
        other = self.compiled.other
        self.cost = cost_of(experiment) if other is None else other.cost
        # What another network draws goes on from its checkpoint; the paper's draws once a step.
        self._dropouts = [] if other else dropout_seeds(experiment, self.compiled.network)
        self.steps = len(self._batches(training_views(experiment, dataset.train, 0)))
        self.validation_steps = len(self._batches(validated))

    def arrays(self) -> Arrays:
        """Return weights, the optimizer's variables and the sums of the epoch."""
        return state.arrays(self.compiled)

    def restore(self, arrays: Arrays) -> None:
        """Put them back."""
        state.restore(self.compiled, arrays)

    def fit(self, epoch: int, step: int, rate: float, ended: Callable[[int], bool]) -> None:
        """Train with Keras' `fit`, on the epoch's own views."""
        self.compiled.model.optimizer.learning_rate = rate
        if step == 0:
            self._reset_sums()
        for generator, seed in self._dropouts:
            generator.state.assign([seed, epoch * self.steps + step])
        views = training_views(self._experiment, self._dataset.train, epoch)
        self.compiled.model.fit(
            self._batches(views, first=step),
            shuffle=False,
            verbose=0,
            callbacks=[ResumableFit(step, state.sums(self.compiled), ended)],
        )

    def means(self) -> Means:
        """Return the loss and the accuracy that Keras has summed up."""
        loss, accuracy = self.compiled.loss.result(), self.compiled.accuracy.result()
        return Means(float(loss), float(accuracy))

    def validate(self, epoch: int) -> Means:
        """Return what Keras' `evaluate` computes; the sums of the training stay."""
        sums = state.sums(self.compiled)
        trained = state.values(sums)
        self._reset_sums()
        views = validation_views(self._experiment, self._dataset.validation, epoch)
        found: dict[str, float] = self.compiled.model.evaluate(
            self._batches(views),
            verbose=0,
            return_dict=True,
            callbacks=[StopEvaluation(self._interruptions)],
        )
        state.assign(sums, trained)
        return Means(found["loss"], found["accuracy"])

    def weights(self) -> Arrays:
        """Return the network's weights by their paths."""
        return state.values(self.compiled.network.weights)

    def save_weights(self, weights: Arrays, path: Path) -> None:
        """Write them as Keras does, into a file .weights.h5."""
        present = self.weights()
        state.assign(self.compiled.network.weights, weights)
        self.compiled.network.save_weights(path)
        state.assign(self.compiled.network.weights, present)

    def save_model(self, weights: Arrays, path: Path) -> None:
        """Write the network in layers of Keras alone."""
        state.assign(self.compiled.network.weights, weights)
        if self.compiled.other is not None:
            model_file.write_other(
                self.compiled.other.stock(), self._experiment, self._dataset.record, path
            )
            return
        model_file.write(self.compiled.network, about(self._experiment, self._dataset.record), path)

    def test(self, weights: Arrays) -> tuple[Outcome, Predictions]:
        """Show each test image as it is and flipped."""
        state.assign(self.compiled.network.weights, weights)
        return outcome(self.compiled, self._experiment, self._dataset, self._interruptions)

    def _reset_sums(self) -> None:
        """Keras resets no metric that it has not seen a batch of, as after a restore."""
        self.compiled.loss.reset_state()
        self.compiled.accuracy.reset_state()

    def _batches(self, views: Views, first: int = 0) -> Batches:
        return self.compiled.batches(views, self._experiment.batch_size, first)
