"""How far all runs are: bars on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from kreproduce.sweep.executor import Running
from kreproduce.sweep.process import Failure
from kreproduce.text import duration

_QUIET = 60.0  # seconds between two lines in a log on how far the runs are


class Display:
    """Says what becomes of the runs of a sweep, on standard output."""

    def __init__(self, console: Console | None = None):
        # The file as it is now: a library may print where this does not.
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.completed:.0f}/{task.total:.0f}, left:"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said, self._line = time.monotonic(), ""

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """One plain line."""
        self.console.print(text, markup=False)

    def started(self, run: Running) -> None:
        """Take note that a run was started."""
        self.say(f"{run.job.name}: {run.start}, its output in {run.log}")
        total = run.job.experiment.epochs
        self._tasks[run.job.name] = self._bars.add_task(run.job.name, total=total)

    def ended(self, run: Running, failure: Failure | None) -> None:
        """Take note that a run has ended."""
        end = f"failed, {failure.why}" if failure else run.state
        self.say(f"{run.job.name}: {end} (after {duration(run.seconds)})")
        self._bars.remove_task(self._tasks.pop(run.job.name))

    def look(self, runs: Sequence[Running], waiting: int) -> None:
        """How far the runs under way are; in a log at most once a minute, and only news."""
        if self.console.is_terminal:
            for run in runs:
                self._bars.update(self._tasks[run.job.name], completed=run.epoch)
        elif time.monotonic() - self._said >= _QUIET:
            self._said = time.monotonic()
            parts = [f"{c.job.name} {c.epoch}/{c.job.experiment.epochs}" for c in runs]
            line = f"epochs done: {', '.join(parts)}; {waiting} not yet started"
            if runs and line != self._line:
                self.say(line)
            self._line = line
