"""The life of a run: begun or taken up, trained epoch by epoch, tested and recorded.

It knows no Keras. What learns is a `Learner`, and where its images come from a `Source`; so the
tests of every fault drive these lines, with a learner that takes milliseconds.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from kreproduce.data.dataset import Dataset
from kreproduce.data.record import Images
from kreproduce.errors import DivergedError, StorageError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs.checkpoint import Arrays, Checkpoint
from kreproduce.runs.folder import Epoch, RunFolder, WrittenState
from kreproduce.runs.predictions import Predictions
from kreproduce.runs.records import HEADLINE, Outcome, Record, Rule, Session
from kreproduce.system.interruption import Interrupted, Interruptions
from kreproduce.training import progress as progress_module
from kreproduce.training.console import Hardware, Report
from kreproduce.training.out_of_memory import memory_of
from kreproduce.training.progress import Progress
from kreproduce.training.record import Cost, build_record
from kreproduce.training.schedule import learning_rate
from kreproduce.training.sessions import changes, sentence

SAVE_SECONDS = 300.0
"""A checkpoint is written at the end of each epoch, and in longer ones after so many seconds."""


class Means(NamedTuple):
    """The mean loss and accuracy over the images of an epoch, or of what there was of it."""

    loss: float
    accuracy: float


class Learner(Protocol):
    """What is trained and tested. It knows nothing of files, and not how far training is.

    Attributes:
        session: since when, and under which conditions it computes; its place is filled in.
        hardware: on what.
        steps: training steps of an epoch.
        validation_steps: batches of a validation.
        setup_seconds: how long it took to make.
        cost: of its network.
    """

    session: Session
    hardware: Hardware
    steps: int
    validation_steps: int
    setup_seconds: float
    cost: Cost

    def arrays(self) -> Arrays:
        """Return all that training goes on from, copied."""

    def restore(self, arrays: Arrays) -> None:
        """Put back what `arrays` gave.

        Raises:
            StateError: it is of another network.
        """

    def fit(self, epoch: int, step: int, rate: float, ended: Callable[[int], bool]) -> None:
        """Train from a step of an epoch on, to its end or until told to stop.

        Args:
            epoch: which, from 0.
            step: how many of its steps are done.
            rate: the learning rate.
            ended: is told after a step how many are done; says whether to stop.
        """

    def means(self) -> Means:
        """Return those of the epoch in training, so far."""

    def validate(self, epoch: int) -> Means:
        """Return those of the validation images after an epoch; changes nothing, see `means`.

        Where a request to stop waits it may end early, with means of no worth.
        """

    def weights(self) -> Arrays:
        """Return the network's weights, copied."""

    def save_weights(self, weights: Arrays, path: Path) -> None:
        """Write weights into a file for whoever wants to use them."""

    def save_model(self, weights: Arrays, path: Path) -> None:
        """Write the network with these weights into a file .keras, for use without this package."""

    def test(self, weights: Arrays) -> tuple[Outcome, Predictions]:
        """Return what the test images come to with these weights, which it keeps.

        Raises:
            DivergedError: the loss is not a finite number.
            Interrupted: a request to stop waits.
        """


class Source(Protocol):
    """The images of a run."""

    def check(self, record: Record) -> None:
        """Refuse a finished run on other images.

        Raises:
            StateError: they are not those of the record.
        """

    def load(self) -> Dataset:
        """Return the images.

        Raises:
            DataError: they are missing or damaged.
        """


@dataclass(frozen=True)
class Finished:
    """A complete run: its record, and whether it is new or who had finished it."""

    record: Record
    by: Literal["this run", "an earlier run", "another process"]


def run(
    folder: RunFolder,
    source: Source,
    learner_of: Callable[[Dataset, Interruptions], Learner],
    report: Report,
    *,
    force: bool = False,
) -> Finished:
    """Run an experiment to its record, from wherever it is.

    Args:
        folder: the run's; of its experiment.
        source: the images.
        learner_of: makes the learner, when nothing is left that could be refused.
        report: is told how it goes.
        force: start over, discarding any earlier progress.

    Raises:
        DivergedError: the loss is no longer a finite number.
        Interrupted: by a signal; the state is saved.
        LockedError: another process is using the run.
        OutOfMemoryError: the device's or the host's memory is full.
        StateError: the run was begun with other settings, other images or another network.
        StorageError: the disk does not take what must be written.
    """
    record = None if force else folder.record()
    if record is not None:
        source.check(record)
        folder.tidy()
        return Finished(record, "an earlier run")
    folder.check_free()
    folder.check_writable()
    with Interruptions() as interruptions:
        dataset = source.load()
        try:
            folder.claim()
            record = None if force else folder.record()
            if record is not None:
                if record.data.fingerprint != dataset.record.fingerprint:
                    source.check(record)  # which says how
                return Finished(record, "another process")
            if force:
                folder.check_replaceable()
            checkpoint = None if force else folder.checkpoint(report.warn)
            life = _Life(folder, dataset.record, report, interruptions)
            life.check(checkpoint)
            with memory_of(folder.experiment):
                learner = learner_of(dataset, interruptions)
                with interruptions.deferred():
                    return Finished(life.run(learner, checkpoint), "this run")
        finally:
            folder.close()


class _Life:
    """A claimed run under way: how far it is."""

    def __init__(
        self, folder: RunFolder, images: Images, report: Report, interruptions: Interruptions
    ):
        self._folder, self._images = folder, images
        self._report, self._interruptions = report, interruptions
        self._experiment: Experiment = folder.experiment
        self._must_match = {
            "identity": self._experiment.identity,
            "fingerprint": images.fingerprint,
        }
        self._progress = Progress()
        self._tests: dict[Rule, Outcome] = {}

    def check(self, checkpoint: Checkpoint | None) -> None:
        """Refuse a checkpoint of another run.

        Raises:
            StateError: it is.
        """
        if checkpoint is not None:
            with self._folder.named():
                progress_module.check(checkpoint, self._must_match)

    def run(self, learner: Learner, checkpoint: Checkpoint | None) -> Record:
        """Train, test and record; returns the record."""
        self._learner, self._session = learner, learner.session
        self._seconds = {"setup": learner.setup_seconds}
        self._open(checkpoint)
        try:
            with memory_of(self._experiment):
                self._train()
                self._test()
                self._keep_model()
            record = self._record()
            self._folder.finish(record)
        except (Interrupted, KeyboardInterrupt):
            self._leave("interrupted")
            self._report.say(f"interrupted {self._where()}; the same command goes on from there")
            raise
        except BaseException as error:
            self._leave("failed", f"{type(error).__name__}: {error}")
            raise
        return record

    def _open(self, checkpoint: Checkpoint | None) -> None:
        """Begin the run, or take it up where a checkpoint has it."""
        if checkpoint is not None:
            self._go_on(checkpoint)
        self._folder.check_space(self._captured())
        if checkpoint is None:
            self._folder.begin()
        where = {"epoch": self._progress.epoch, "step": self._progress.step}
        session = self._session.model_copy(update=where)
        self._progress.sessions.append(session)
        self._folder.write_settings(session, self._images)
        self._save()
        self._folder.write_history(self._progress.history)

    def _go_on(self, checkpoint: Checkpoint) -> None:
        with self._folder.named():
            self._progress, arrays = progress_module.restore(checkpoint)
            self._learner.restore(arrays)
        for change in changes(self._progress.sessions[-1], self._session):
            self._report.warn(f"{change}; the result may differ from that of one go")
        for rule in self._progress.best:
            self._export(rule)
        self._report.say(f"going on {self._where()}")

    def _train(self) -> None:
        """Train the epochs that are missing; the weights of the best ones are kept on disk."""
        experiment, learner = self._experiment, self._learner
        self._report.say(
            f"training {experiment.run_name} on {self._images.train:,} images, validating on "
            f"{self._images.validation:,}; {sentence(self._session.conditions)}"
        )
        done = self._progress.epoch * learner.steps + self._progress.step
        with self._report.training(
            experiment, learner.steps, learner.validation_steps, learner.hardware, done
        ):
            for epoch in range(self._progress.epoch, experiment.epochs):
                self._interruptions.check()
                self._epoch(epoch)

    def _epoch(self, epoch: int) -> None:
        rate = learning_rate(epoch, self._experiment.cycle)
        while self._progress.step < self._learner.steps:
            self._fit(epoch, rate)
            self._check_finite("training", self._learner.means().loss)
            ended = self._progress.step == self._learner.steps
            if not ended or self._progress.seconds > SAVE_SECONDS or self._interruptions.requested:
                self._save()
            self._interruptions.check()
        trained = self._learner.means()
        started = time.perf_counter()
        validated = self._learner.validate(epoch)
        self._progress.seconds += time.perf_counter() - started
        if self._interruptions.requested:
            self._save()
            self._interruptions.check()
        self._check_finite("validation", validated.loss)
        self._end_epoch(
            Epoch(epoch + 1, *trained, *validated, rate, seconds=self._progress.seconds)
        )

    def _fit(self, epoch: int, rate: float) -> None:
        """Train to the end of the epoch, or until it is time to save or to stop."""
        started = time.perf_counter()

        def ended(step: int) -> bool:
            step = min(step, self._learner.steps)  # of several at once the last may not have been
            steps, self._progress.step = step - self._progress.step, step
            self._report.step(steps)
            late = time.perf_counter() > started + SAVE_SECONDS
            return self._interruptions.requested or late

        self._learner.fit(epoch, self._progress.step, rate, ended)
        self._progress.seconds += time.perf_counter() - started

    def _end_epoch(self, row: Epoch) -> None:
        best = self._progress.end_epoch(row, self._learner.weights)
        self._save()
        for rule in best:
            self._export(rule)
        self._folder.write_history(self._progress.history)
        self._report.epoch(row, best)

    def _test(self) -> None:
        """Test the weights kept."""
        started = time.perf_counter()
        outcomes: dict[int, tuple[Outcome, Predictions]] = {}
        for rule, epoch in self._progress.best.items():
            if epoch not in outcomes:
                self._report.say(f"testing the weights of {rule} (epoch {epoch})")
                outcomes[epoch] = self._learner.test(self._progress.kept[epoch])
            self._tests[rule], predictions = outcomes[epoch]
            if rule == HEADLINE:
                self._folder.write_predictions(predictions)
        self._seconds["test"] = time.perf_counter() - started

    def _record(self) -> Record:
        """Everything that is known of the run now that it is complete."""
        self._folder.write_history(self._progress.history)  # whatever became of the file meanwhile
        return build_record(
            self._experiment,
            self._learner.cost,
            self._images,
            self._progress,
            self._tests,
            self._seconds,
            self._folder.digests(),
        )

    def _save(self) -> None:
        self._folder.save(self._captured())
        self._folder.set_state("running", self._progress.epoch, self._progress.step)

    def _captured(self) -> Checkpoint:
        return progress_module.capture(self._progress, self._learner.arrays(), self._must_match)

    def _export(self, rule: Rule) -> None:
        """Write the best weights as Keras has them, for whoever wants to use them."""
        weights = self._progress.kept[self._progress.best[rule]]
        self._folder.keep_weights(rule, lambda path: self._learner.save_weights(weights, path))

    def _keep_model(self) -> None:
        """Write the headline's network for use elsewhere; a run is complete without it, too."""
        weights = self._progress.kept[self._progress.best[HEADLINE]]
        try:
            self._folder.keep_model(lambda path: self._learner.save_model(weights, path))
        except StorageError as error:
            self._report.warn(f"model.keras is not written ({error})")

    def _leave(self, how: WrittenState, why: str | None = None) -> None:
        # What stopped the run may keep its state from being written, too.
        with contextlib.suppress(StorageError):
            self._folder.set_state(how, self._progress.epoch, self._progress.step, why)

    def _check_finite(self, which: str, loss: float) -> None:
        if not np.isfinite(loss):
            raise DivergedError(
                f"the {which} loss of epoch {self._progress.epoch + 1} is not a finite number "
                f"({loss}); another --seed may not diverge, and --precision float32 is safer"
            )

    def _where(self) -> str:
        return self._progress.place(self._experiment.epochs, self._learner.steps)
