"""Short trainings, each a `kreproduce run` in a process of its own, as a sweep starts them.

The network is V2 16ch as on CIFAR-10; the images are the built-in digits, which every machine has.
"""

import csv
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.runs.records import Record, read_record
from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import Command, RunProcess, run_command

EPOCHS, STEPS = 10, 20
"""200 steps."""
PATIENCE = 900.0  # seconds of a process; XLA may compile for minutes
_LOOK = 0.05  # seconds between two looks at a run

_NETWORK = (
    *("variant", "size", "ch", "layer_l", "activation", "interleaving", "padding"),
    *("input_size", "skip_strides", "batch_size"),
)


def short_training(precision: str | None = None) -> Experiment:
    """200 steps of V2 16ch on digits.

    Args:
        precision: None is that in which the authors trained the network on CIFAR-10.
    """
    theirs = resolve({"dataset": "cifar10", "ch": 16})
    network = {name: getattr(theirs, name) for name in _NETWORK}
    ours = {
        "precision": precision or theirs.gpu_precision,
        "epochs": EPOCHS,
        "limit": STEPS * theirs.batch_size,
    }
    return resolve({"dataset": "digits"}, network, ours)


@dataclass(frozen=True)
class Outcome:
    """What became of a short training.

    Attributes:
        record: None if there is none.
        losses: of each epoch.
        killed: after how many epochs its first process was killed; None if it was not.
        said: all that its processes printed.
        why: it failed; empty if it did not.
    """

    record: Record | None
    losses: tuple[float, ...]
    killed: int | None
    said: str
    why: str

    @property
    def resumed(self) -> int | None:
        """After how many epochs its last process took it up; None if it began it."""
        sessions = self.record.sessions if self.record else ()
        return sessions[-1].epoch if len(sessions) > 1 else None


class Trials:
    """Where short trainings are made.

    Args:
        results: a folder of their own.
        command: what runs one; `kreproduce run` where None.
        environment: of their processes, beside this one's.
    """

    def __init__(
        self,
        results: Path,
        command: Command | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        self._results = results
        self._command = command or run_command(results, None, "1")
        self._environment = os.environ | dict(environment or {})

    def train(self, experiment: Experiment, kill_after: int | None = None) -> Outcome:
        """Train to the end.

        Args:
            experiment: what.
            kill_after: kill it after so many epochs, and have it go on.

        Raises:
            StorageError: the disk does not take what must be written.
        """
        job = Job(experiment, RunFolder(self._results, experiment), ())
        killed, why = None, ""
        if kill_after is not None:
            killed, why = self._kill(job, kill_after)
        if not why:
            why = self._run(job, again=killed is not None)
        record = read_record(job.folder.path)
        return Outcome(
            record=None if isinstance(record, str) else record,
            losses=_losses(job.folder.path),
            killed=killed,
            said=(self._results / "logs" / f"{job.name}.log").read_text(errors="replace"),
            why=why,
        )

    def _kill(self, job: Job, epochs: int) -> tuple[int | None, str]:
        """Kill a run after so many epochs; gives how many were done, or why it came to none."""
        process = self._start(job)
        try:
            late = _wait(lambda: process.epoch >= epochs or process.has_ended())
            if process.has_ended():
                failure = process.failure()
                return None, failure.why if failure else "it ended before it could be killed"
            done = process.epoch
        finally:
            process.kill()
        return (None, late) if late else (done, "")

    def _run(self, job: Job, *, again: bool) -> str:
        """Run it to its end; gives why it failed."""
        process = self._start(job, again=again)
        try:
            late = _wait(process.has_ended)
        finally:
            process.kill()
        failure = None if late else process.failure()
        return late or (failure.why if failure else "")

    def _start(self, job: Job, *, again: bool = False) -> RunProcess:
        return RunProcess(
            job, self._command(job), self._results / "logs", self._environment, again=again
        )


def _wait(until: Callable[[], bool]) -> str:
    """Wait; gives why no longer."""
    deadline = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > deadline:
            return f"it did not end within {PATIENCE:.0f} s"
        time.sleep(_LOOK)
    return ""


def _losses(run: Path) -> tuple[float, ...]:
    try:
        with (run / "history.csv").open(newline="") as file:
            return tuple(float(row["loss"]) for row in csv.DictReader(file))
    except (OSError, ValueError, KeyError):
        return ()
