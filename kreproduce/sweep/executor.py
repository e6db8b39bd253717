"""What a sweep needs of a place where runs are started: of this machine, and of a cluster."""

from pathlib import Path
from typing import Protocol

from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import Failure


class Running(Protocol):
    """A run under way, wherever that is.

    Attributes:
        job: the run.
        log: where its output is.
        start: in a few words, that and where it was started.
    """

    job: Job
    log: Path
    start: str

    @property
    def seconds(self) -> float:
        """How long it has been running."""

    @property
    def epoch(self) -> int:
        """How many epochs are done."""

    @property
    def state(self) -> str:
        """What the run's folder says; see `plan.State`."""

    def has_ended(self) -> bool:
        """Whether it is over."""

    def interrupt(self) -> None:
        """Ask it to stop; it saves what it has done."""

    def kill(self) -> None:
        """Make it stop, and leave nothing of it behind."""

    def failure(self) -> Failure | None:
        """Why the run, which has ended, left no record."""


class Executor(Protocol):
    """Where runs are started: this machine, or a cluster."""

    @property
    def slots(self) -> int:
        """How many run at a time."""

    def launch(self, job: Job) -> Running:
        """Start a run."""
