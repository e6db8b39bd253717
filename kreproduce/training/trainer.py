"""One run: a network trained on a dataset as the experiment says, tested and recorded.

Knows no architecture and no dataset by name; what differs between them is in the experiment.
"""

import contextlib
import time
from typing import Any

import keras
import numpy as np

from kreproduce.clock import now
from kreproduce.data.dataset import Dataset
from kreproduce.errors import DivergedError, StorageError
from kreproduce.experiment import Experiment
from kreproduce.interruption import Interrupted, Interruptions
from kreproduce.predictions import Predictions
from kreproduce.records import HEADLINE, Outcome, Record, Rule, Session
from kreproduce.report import Report
from kreproduce.runs import Epoch, RunFolder, code_version
from kreproduce.training import conditions, recording, state
from kreproduce.training import devices as devices_module
from kreproduce.training.assembly import assemble
from kreproduce.training.batches import (
    Batches,
    Views,
    dropout_seeds,
    training_views,
    validation_views,
)
from kreproduce.training.checkpoint import Checkpoint
from kreproduce.training.devices import Devices
from kreproduce.training.pauses import Pauses, Stopping
from kreproduce.training.schedule import learning_rate
from kreproduce.training.state import Progress
from kreproduce.training.store import Kept
from kreproduce.training.testing import outcome

# A checkpoint at the end of each epoch, and in longer ones after so many seconds.
SAVE_SECONDS = 300.0


def run(
    experiment: Experiment,
    dataset: Dataset,
    folder: RunFolder,
    report: Report,
    devices: Devices | None = None,
    checkpoint: Checkpoint | None = None,
) -> Record:
    """Train, test and record one experiment; returns the record.

    Args:
        experiment: what decides the result.
        dataset: its images.
        folder: where to keep the run; claimed by the caller.
        report: is told how it goes.
        devices: what to compute on; None is all there are.
        checkpoint: what to go on from, as `folder.checkpoint` gives it; None begins anew. On a
            CPU, and wherever the devices are deterministic, the weights in the end are the same.

    Raises:
        DivergedError: the loss is no longer a finite number.
        OutOfMemoryError: the device's or the host's memory is full.
        SettingsError: the devices cannot share the batch evenly.
        StateError: the checkpoint is of other settings, other images or another network.
        StorageError: the disk does not take what must be written.
        Interrupted: by a signal; the state is saved.
    """
    devices = devices or devices_module.find()
    for subset in (dataset.train, dataset.validation):
        devices_module.check_batch(experiment.batch_size, len(subset.labels), devices)
    witness = {"identity": experiment.identity, "fingerprint": dataset.record.fingerprint}
    if checkpoint is not None:
        with folder.named():
            state.check(checkpoint, witness)
    with Interruptions() as interruptions, devices_module.memory_of(experiment):
        trainer = Trainer(experiment, dataset, folder, report, devices, interruptions, witness)
        with interruptions.deferred():
            return trainer.run(checkpoint)


class Trainer:
    """A run under way: the model, and how far it is."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        folder: RunFolder,
        report: Report,
        devices: Devices,
        interruptions: Interruptions,
        witness: dict[str, str],
    ):
        self.experiment = experiment
        self.dataset = dataset
        self.folder = folder
        self.report = report
        self.devices = devices
        self.interruptions = interruptions
        started = time.perf_counter()
        shape = dataset.train.images.shape[1:]
        self.assembly = assemble(experiment, shape, devices, kept=_kept(dataset, devices))
        self.network, self.model = self.assembly.network, self.assembly.model
        self.progress = Progress()
        self.tests: dict[Rule, Outcome] = {}
        self.seconds = {"setup": time.perf_counter() - started}
        # Now, because the code may be another when the run ends.
        self.session = Session(
            started=now(),
            epoch=0,
            step=0,
            code=code_version(),
            conditions=conditions.of(self.assembly, devices),
        )
        self._witness = witness
        self._dropouts = dropout_seeds(experiment, self.network)
        self._steps = len(self._batches(training_views(experiment, dataset.train, 0)))

    def run(self, checkpoint: Checkpoint | None) -> Record:
        """Train, test and record; returns the record."""
        self.open(checkpoint)
        try:
            with devices_module.memory_of(self.experiment):
                self.train()
                self.test()
            record = self.record()
            self.folder.finish(record)
        except (Interrupted, KeyboardInterrupt):
            self._leave("interrupted")
            self.report.say(f"interrupted {self._where()}; the same command goes on from there")
            raise
        except BaseException as error:
            self._leave("failed", f"{type(error).__name__}: {error}")
            raise
        return record

    def open(self, checkpoint: Checkpoint | None) -> None:
        """Begin the run, or take it up where a checkpoint has it."""
        if checkpoint is not None:
            self._go_on(checkpoint)
        self.folder.check_space(self._captured())
        if checkpoint is None:
            self.folder.begin()
        where = {"epoch": self.progress.epoch, "step": self.progress.step}
        session = self.session.model_copy(update=where)
        self.progress.sessions.append(session)
        self.folder.write_settings(session, self.dataset.record)
        self._save()
        self.folder.write_history(self.progress.history)

    def train(self) -> None:
        """The epochs that are missing, the weights of the best ones kept on disk."""
        evaluated = self._batches(validation_views(self.experiment, self.dataset.validation, 0))
        data = self.dataset.record
        self.report.say(
            f"training {self.experiment.run_name} on {data.train:,} images, validating on "
            f"{data.validation:,}; {conditions.sentence(self.session.conditions)}"
        )
        with self.report.training(
            self.experiment, self._steps, len(evaluated), self.devices, self._step()
        ):
            while self.progress.epoch < self.experiment.epochs:
                self.interruptions.check()
                self._epoch(self.progress.epoch)

    def test(self) -> None:
        """Test the weights kept, shown plain and flipped."""
        started = time.perf_counter()
        outcomes: dict[int, tuple[Outcome, Predictions]] = {}
        for rule, epoch in self.progress.best.items():
            if epoch not in outcomes:
                outcomes[epoch] = self._tested(rule)
            self.tests[rule], predictions = outcomes[epoch]
            if rule == HEADLINE:
                self.folder.write_predictions(predictions)
        self.seconds["test"] = time.perf_counter() - started

    def record(self) -> Record:
        """Everything that is known of the run now that it is complete."""
        self.folder.write_history(self.progress.history)  # whatever became of the file meanwhile
        return recording.record(
            self.experiment,
            self.dataset,
            self.progress,
            self.tests,
            self.seconds,
            self.folder.digests(),
        )

    def _go_on(self, checkpoint: Checkpoint) -> None:
        with self.folder.named():
            self.progress = state.restore(self.assembly, checkpoint)
        for change in conditions.changes(self.progress.sessions[-1], self.session):
            self.report.warn(f"{change}; the result may differ from that of one go")
        for rule in self.progress.best:
            self._export(rule)
        self.report.say(f"going on {self._where()}")

    def _epoch(self, epoch: int) -> None:
        rate = learning_rate(epoch, self.experiment.cycle)
        self.model.optimizer.learning_rate = rate
        while self.progress.step < self._steps:
            self._fit(epoch)
            self._check_finite("training", self._mean(self.assembly.loss))
            ended, late = self.progress.step == self._steps, self.progress.seconds > SAVE_SECONDS
            if not ended or late or self.interruptions.requested:
                self._save()
            self.interruptions.check()
        trained = state.values(state.sums(self.assembly))
        loss, accuracy = self._mean(self.assembly.loss), self._mean(self.assembly.accuracy)
        validated = self._validate(epoch)
        if self.interruptions.requested:
            state.assign(state.sums(self.assembly), trained)
            self._save()
            self.interruptions.check()
        self._check_finite("validation", validated["loss"])
        self._end_epoch(
            Epoch(
                epoch=epoch + 1,
                loss=loss,
                accuracy=accuracy,
                val_loss=validated["loss"],
                val_accuracy=validated["accuracy"],
                learning_rate=rate,
                seconds=self.progress.seconds,
            )
        )

    def _fit(self, epoch: int) -> None:
        """Train to the end of the epoch, or until it is time to save or to stop."""
        started = time.perf_counter()
        if self.progress.step == 0:
            self._reset_sums()
        for generator, seed in self._dropouts:
            generator.state.assign([seed, self._step()])
        views = training_views(self.experiment, self.dataset.train, epoch)
        self.model.fit(
            self._batches(views, first=self.progress.step),
            shuffle=False,
            verbose=0,
            callbacks=[self._pauses(started + SAVE_SECONDS)],
        )
        self.progress.seconds += time.perf_counter() - started

    def _pauses(self, deadline: float) -> Pauses:
        def after(step: int) -> bool:
            step = min(step, self._steps)  # of several at once the last may not have been there
            steps, self.progress.step = step - self.progress.step, step
            self.report.step(steps)
            return self.interruptions.requested or time.perf_counter() > deadline

        return Pauses(self.progress.step, state.sums(self.assembly), after)

    def _validate(self, epoch: int) -> dict[str, float]:
        started = time.perf_counter()
        self._reset_sums()
        views = validation_views(self.experiment, self.dataset.validation, epoch)
        validated: dict[str, float] = self.model.evaluate(
            self._batches(views),
            verbose=0,
            return_dict=True,
            callbacks=[Stopping(self.interruptions)],
        )
        self.progress.seconds += time.perf_counter() - started
        return validated

    def _end_epoch(self, row: Epoch) -> None:
        best = self.progress.end_epoch(row, lambda: state.values(self.network.weights))
        self._save()
        for rule in best:
            self._export(rule)
        self.folder.write_history(self.progress.history)
        self.report.epoch(row, best)

    def _save(self) -> None:
        self.folder.save(self._captured())
        self.folder.set_state("running", self.progress.epoch, self.progress.step)

    def _captured(self) -> Checkpoint:
        return state.captured(self.assembly, self.progress, self._witness)

    def _export(self, rule: Rule) -> None:
        """Write the best weights as Keras has them, for whoever wants to use them."""
        present = state.values(self.network.weights)
        state.assign(self.network.weights, self.progress.kept[self.progress.best[rule]])
        self.folder.keep_weights(rule, self.network.save_weights)
        state.assign(self.network.weights, present)

    def _tested(self, rule: Rule) -> tuple[Outcome, Predictions]:
        epoch = self.progress.best[rule]
        state.assign(self.network.weights, self.progress.kept[epoch])
        self.report.say(f"testing the weights of {rule} (epoch {epoch})")
        return outcome(self.assembly, self.experiment, self.dataset, self.interruptions)

    def _reset_sums(self) -> None:
        """Keras resets no metric that it has not seen a batch of, as after a restore."""
        self.assembly.loss.reset_state()
        self.assembly.accuracy.reset_state()

    def _leave(self, how: Any, why: str | None = None) -> None:
        # What stopped the run may keep its state from being written, too.
        with contextlib.suppress(StorageError):
            self.folder.set_state(how, self.progress.epoch, self.progress.step, why)

    def _check_finite(self, which: str, loss: float) -> None:
        if not np.isfinite(loss):
            raise DivergedError(
                f"the {which} loss of epoch {self.progress.epoch + 1} is not a finite number "
                f"({loss}); another --seed may not diverge, and --precision float32 is safer"
            )

    def _batches(self, views: Views, first: int = 0) -> Batches:
        return self.assembly.batches(views, self.experiment.batch_size, first)

    def _step(self) -> int:
        """Training steps since the beginning."""
        return self.progress.epoch * self._steps + self.progress.step

    def _where(self) -> str:
        return self.progress.place(self.experiment.epochs, self._steps)

    @staticmethod
    def _mean(metric: keras.metrics.Metric) -> float:
        return float(metric.result())


def _kept(dataset: Dataset, devices: Devices) -> Kept | None:
    """The images, if they are to stay on the devices."""
    subsets = (dataset.train, dataset.validation, dataset.test)
    if not devices.keep(sum(subset.images.nbytes for subset in subsets)):
        return None
    # Four views of an image where all its flips validate.
    return Kept(subsets, 4 * max(len(subset.labels) for subset in subsets))
