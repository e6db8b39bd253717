"""So many runs at a time, until each has ended, whatever becomes of any of them."""

import signal
import threading
import time
from collections import deque
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any

from kreproduce.sweep.display import Display
from kreproduce.sweep.executor import Executor, Running
from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import Failure
from kreproduce.system.interruption import REQUESTS, Interrupted

_LOOK = 0.1  # seconds between two looks at the runs


class Runner:
    """Runs jobs, each in a process of its own.

    Args:
        jobs: in the order in which they are started.
        executor: where.
        display: is told what happens.
        fail_fast: start no more after a failure; what is under way is finished.
        patience: seconds that an interrupted run has before it is killed.

    Attributes:
        executor: as given.
        display: as given.
        failures: the runs that ended without a record.
        waiting: the jobs that have not been started.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        executor: Executor,
        display: Display,
        fail_fast: bool = False,
        patience: float = 60.0,
    ):
        self.waiting = deque(jobs)
        self.failures: list[Failure] = []
        self._running: list[Running] = []
        self.executor, self.display = executor, display
        self._fail_fast, self._patience = fail_fast, patience

    def run(self) -> None:
        """Until nothing is left to start or to wait for.

        Raises:
            Interrupted: the sweep was told to stop, and all runs have ended.
            StorageError: a log cannot be written; the runs were stopped.
        """
        with _Signals() as signals, self.display:
            try:
                while self._start():
                    time.sleep(_LOOK)
                    self._collect()
                    signals.check()
            finally:
                self._stop(signals)

    def _start(self) -> bool:
        """Fill the free slots, and return whether anything is under way."""
        stopped = self._fail_fast and self.failures
        while self.waiting and not stopped and len(self._running) < self.executor.slots:
            job = self.waiting.popleft()
            if not job.is_open:  # by another sweep, since the plan was made
                fault = job.fault
                self.failures += [Failure(job, fault)] if fault else []
                self.display.say(f"{job.name}: {fault or f'{job.state} meanwhile'}")
                continue
            run = self.executor.launch(job)
            self._running.append(run)
            self.display.started(run)
        return bool(self._running)

    def _collect(self) -> None:
        """Take note of the runs that have ended, and of how far the others are."""
        for run in [run for run in self._running if run.has_ended()]:
            self._running.remove(run)
            failure = run.failure()
            self.failures += [failure] if failure else []
            self.display.ended(run, failure)
        self.display.look(self._running, len(self.waiting))

    def _stop(self, signals: "_Signals") -> None:
        """Interrupt what is still under way, and kill what does not end; at once if told again."""
        if not self._running:
            return
        self.display.say(f"stopping {len(self._running)} under way; again kills at once")
        told, deadline = signals.count, time.monotonic() + self._patience
        for run in self._running:
            run.interrupt()
        while [run for run in self._running if not run.has_ended()]:
            if signals.count > told or time.monotonic() > deadline:
                break
            time.sleep(_LOOK)
        for run in self._running:
            run.kill()


class _Signals:
    """Counts the requests to stop (Ctrl-C, a scheduler's, a closed terminal's) while in it.

    Raising an exception wherever the program happens to be could lose a run that has just
    been started.
    """

    def __init__(self) -> None:
        self.count = 0
        self._first = signal.SIGINT
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():
            for number in REQUESTS:
                # `nohup` and `&` ignore some. Those are not counted, but have a handler, too:
                # what is ignored the runs would inherit, and could not be interrupted.
                ignored = signal.getsignal(number) is signal.SIG_IGN
                handler = _nothing if ignored else self._counted
                self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def check(self) -> None:
        """Raise `Interrupted` if there was a request."""
        if self.count:
            raise Interrupted(self._first)

    def _counted(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # A scheduler sends SIGUSR1 and then SIGTERM, and means one request: as a run takes them.
        if not self.count:
            self._first = signal.Signals(number)
        elif number != signal.SIGINT:
            return
        self.count += 1


def _nothing(number: int, frame: FrameType | None) -> None:
    """Ignore a signal."""
