"""What a run says on the terminal: a bar and lines for a person, plain lines for a log."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from kreproduce import paper
from kreproduce.experiment.settings import Experiment
from kreproduce.runs.folder import Epoch
from kreproduce.runs.logits import SHOWN
from kreproduce.runs.records import Record
from kreproduce.text import duration

# A step without a gradient (validation, testing) takes about a quarter of a training step.
FORWARD_SHARE = 0.25
_MEASURED_STEPS, _MEASURED_SECONDS = 10, 20.0


class Hardware(Protocol):
    """What the estimate of a run's time names."""

    @property
    def gpu(self) -> bool:
        """Whether it is a GPU."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its devices are."""


class Report:
    """Says how one run is doing, on standard output."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None

    def say(self, text: str) -> None:
        """One plain line."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """One line that should not be overlooked, on standard error."""
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"kreproduce: warning: {text}", markup=False
        )

    @contextlib.contextmanager
    def training(
        self, experiment: Experiment, steps: int, evaluated: int, hardware: Hardware, done: int = 0
    ) -> Iterator[None]:
        """Around all epochs of `steps` steps, `done` of them done; each validates `evaluated`."""
        self._experiment, self._hardware = experiment, hardware
        self._steps, self._evaluated = steps, evaluated
        self._done, self._here = done, 0
        self._first, self._timed_from, self._estimated = 0.0, 0, False
        total = steps * experiment.epochs
        with Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps, left:"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        ) as self._progress:
            self._task: TaskID = self._progress.add_task(
                "", total=total, completed=done, epoch=done // steps + 1
            )
            yield

    def step(self, number: int = 1) -> None:
        """So many more training steps are done."""
        self._done += number
        self._here += number
        if self._progress is not None:
            epoch = (self._done - 1) // self._steps + 1
            self._progress.update(self._task, completed=self._done, epoch=epoch)
        if not self._estimated:
            self._estimate()

    def epoch(self, row: Epoch, best: Sequence[str]) -> None:
        """Take note that an epoch is done, the best so far by the rules that `best` names."""
        width = len(str(self._experiment.epochs))
        self.say(
            f"epoch {row.epoch:{width}}/{self._experiment.epochs}"
            f"  loss {row.loss:.4f}  accuracy {row.accuracy:.2%}"
            f"  validation {row.val_loss:.4f}, {row.val_accuracy:.2%}"
            f"  rate {row.learning_rate:.6f}  {duration(row.seconds)}"
            + (f"  ({' and '.join(best)})" if best else "")
        )

    def _estimate(self) -> None:
        """Say once how long the run will take, when some steps after the first are measured."""
        if self._timed_from == 0:  # the first include the compilation
            self._first, self._timed_from = time.perf_counter(), self._here
            return
        elapsed = time.perf_counter() - self._first
        measured = self._here - self._timed_from
        if measured < _MEASURED_STEPS and elapsed < _MEASURED_SECONDS:
            return
        self._estimated = True
        epochs = self._experiment.epochs
        forward = epochs * self._evaluated * (1 + len(SHOWN) / epochs)
        share = 1 - (self._done - self._here) / (self._steps * epochs)  # still to be done
        whole = elapsed / measured * (self._steps * epochs + FORWARD_SHARE * forward)
        left = share * whole
        self.say(f"this will take about {duration(left)} on {self._hardware.names[0]}")
        if not self._hardware.gpu and left > 3600:
            self.say(f"a CPU is slow at this; {_on_a_gpu(self._experiment)}")


def summary(record: Record, *, hflip: bool = False) -> list[str]:
    """Return the lines that close a run: the headline, beside the paper's number where it has one.

    Args:
        record: the run's.
        hflip: whether the headline is the accuracy with the mirror image added.
    """
    view = "hflip" if hflip else "plain"
    lines = [f"run {record.run}"]
    for rule, epoch in record.best_epoch.items():
        outcome = record.test[rule]
        accuracies = outcome.accuracy.model_dump()
        others = ((name, value) for name, value in accuracies.items() if name != view)
        flips = ", ".join(f"{name} {value:.2%}" for name, value in others)
        lines.append(
            f"  {rule} (epoch {epoch}): test accuracy {accuracies[view]:.2%}"
            f"{' with H flip' if hflip else ''}, loss {outcome.loss:.4f} ({flips})"
        )
    lines.append(
        f"  on {record.data.test:,} test images of {record.data.name}, "
        f"{record.parameters:,} parameters, {(2 if hflip else 1) * record.computations:,} "
        f"computations as the paper counts{' (two passes)' if hflip else ''}"
    )
    row = record.settings.published(hflip=hflip)
    if row is not None:
        lines.append(f"  {_beside_the_paper(row, record)}")
    return lines


def _beside_the_paper(row: paper.Row, record: Record) -> str:
    printed = f"the paper prints {row.test_accuracy}% (Table {row.table}, {row.label})"
    if not record.data.original:
        return f"not comparable: {printed}, and these are other images"
    if record.partial:
        return f"not comparable: {printed}, and this run took only some of the images"
    return printed


def _on_a_gpu(experiment: Experiment) -> str:
    """Return what the authors' GPU took for the nearest of their runs."""
    runs = [
        run
        for run in paper.runs()
        if (run.dataset, experiment.size, experiment.limit) == (experiment.dataset, "B0", None)
        and run.model.startswith(experiment.variant)
        and run.input_size == experiment.input_size
        and run.gpu != "not stated"
    ]
    if not runs:
        return "a GPU takes a small part of that"
    run = min(
        runs, key=lambda run: (abs(run.epochs - experiment.epochs), _distance(run, experiment))
    )
    seconds = run.epoch_seconds * experiment.epochs
    whose = f"their run of {run.model}: {run.epoch_seconds:.0f} s an epoch"
    return f"the authors' {run.gpu} would take about {duration(seconds)} ({whose})"


def _distance(run: paper.AuthorRun, experiment: Experiment) -> int:
    digits = "".join(filter(str.isdigit, run.model.partition("-")[2]))
    return abs(int(digits or 0) - (experiment.ch if isinstance(experiment.ch, int) else 0))
