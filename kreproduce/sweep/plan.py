"""What is wanted, each training once, and what the results folder already has of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kreproduce.experiment.settings import Experiment
from kreproduce.runs import status
from kreproduce.runs.folder import RunFolder
from kreproduce.runs.status import UNFINISHED, State
from kreproduce.sweep.targets import Target


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
        return self.look().state

    @property
    def is_open(self) -> bool:
        """Whether it is still to be run, and can be."""
        return self.state in ("missing", *UNFINISHED)

    @property
    def fault(self) -> str | None:
        """Why it can be neither run nor counted as done, and what to do; None if it can."""
        entry = self.look()
        if entry.state not in ("damaged", "foreign"):
            return None
        return f"{entry.state}: {entry.why}; {status.way_out(entry)}"

    @property
    def epochs_done(self) -> int:
        """How many epochs of an unfinished run are done, from where it goes on."""
        entry = self.look()
        if entry.state not in UNFINISHED or entry.epoch is None:
            return 0
        return min(entry.epoch, self.experiment.epochs)

    def look(self) -> status.Entry:
        """All that the results folder says of it now."""
        return status.state_of(self.folder.path)


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


def shard_of(jobs: Sequence[Job], part: int, of: int) -> list[Job]:
    """Every `of`-th job, from the `part`-th on, counted from 1.

    The whole plan must be dealt out, whatever is done of it: what is done changes while other
    shards are at work, and two of them would train the same run.
    """
    return list(jobs[part - 1 :: of])
