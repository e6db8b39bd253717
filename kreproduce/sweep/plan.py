"""What is wanted, each training once, and what the results folder already has of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kreproduce.experiment import Experiment
from kreproduce.records import NO_RECORD, read_record
from kreproduce.runs import RunFolder
from kreproduce.sweep.targets import Target

State = Literal["done", "under way", "failed", "interrupted", "broken off", "damaged", "missing"]

UNFINISHED: tuple[State, ...] = ("failed", "interrupted", "broken off")
"""What goes on from its last checkpoint when it is run again."""


@dataclass(frozen=True)
class Job:
    """One training, and everything that it is wanted for.

    Attributes:
        experiment: its settings.
        folder: where it is, or will be, recorded.
        targets: the rows and files that mean it.
    """

    experiment: Experiment
    folder: RunFolder
    targets: tuple[Target, ...]

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.experiment.run_name

    @property
    def state(self) -> State:
        """What the results folder says of it now."""
        return state(self.folder)

    @property
    def is_open(self) -> bool:
        """Whether it is still to be run."""
        return self.state not in ("done", "under way")

    @property
    def epochs_done(self) -> int:
        """How many epochs an unfinished run has behind it, from where it goes on."""
        epoch = self.folder.status().get("epoch")
        if self.state not in UNFINISHED or not isinstance(epoch, int):
            return 0
        return max(0, min(epoch, self.experiment.epochs))


def plan(wanted: Iterable[tuple[Target, Experiment]], results: Path) -> list[Job]:
    """One job for each training; rows that mean the same training share it.

    Args:
        wanted: what is wanted, and the experiment that it means.
        results: where runs are recorded.
    """
    jobs: dict[str, Job] = {}
    for target, experiment in wanted:
        # The flip of the images tested is no part of a run's name.
        name = experiment.run_name
        job = jobs.get(name) or Job(experiment, RunFolder(results, experiment), ())
        if target not in job.targets:
            job = replace(job, targets=(*job.targets, target))
        jobs[name] = job
    return list(jobs.values())


def shard(jobs: Sequence[Job], part: int, of: int) -> list[Job]:
    """Every `of`-th job, from the `part`-th on, counted from 1.

    The whole plan must be dealt out, whatever is done of it: what is done changes while other
    shards are at work, and two of them would train the same run.
    """
    return list(jobs[part - 1 :: of])


def state(folder: RunFolder) -> State:
    """What a run's folder says: done is only a run of this identity with a record."""
    if folder.is_locked():
        return "under way"
    record = read_record(folder.path)
    if not isinstance(record, str):
        return "done"
    if record != NO_RECORD:
        return "damaged"
    match folder.status().get("state"):
        case "failed":
            return "failed"
        case "interrupted":
            return "interrupted"
        case "running":
            return "broken off"
    return "missing"
