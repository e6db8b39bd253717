"""So many runs at a time, until each has ended, whatever becomes of any of them."""

import signal
import threading
import time
from collections import deque
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any

from kreproduce.sweep.display import View
from kreproduce.sweep.executor import Computer, Running
from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import Failure
from kreproduce.system.interruption import REQUESTS, Interrupted

_LOOK = 0.1  # seconds between two looks at the children


class Runner:
    """Runs jobs, each in a process of its own.

    Args:
        jobs: in the order in which they are started.
        computer: where.
        view: is told what happens.
        fail_fast: start no more after a failure; what is under way is finished.
        patience: seconds that an interrupted run has before it is killed.

    Attributes:
        computer: as given.
        view: as given.
        failures: the runs that ended without a record.
        waiting: the jobs that have not been started.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        computer: Computer,
        view: View,
        fail_fast: bool = False,
        patience: float = 60.0,
    ):
        self.waiting = deque(jobs)
        self.failures: list[Failure] = []
        self._children: list[Running] = []
        self.computer, self.view = computer, view
        self._fail_fast, self._patience = fail_fast, patience

    def run(self) -> None:
        """Until nothing is left to start or to wait for.

        Raises:
            Interrupted: the sweep was told to stop, and all runs have ended.
            StorageError: a log cannot be written; the runs were stopped.
        """
        with _Signals() as signals, self.view:
            try:
                while self._start():
                    time.sleep(_LOOK)
                    self._collect()
                    signals.check()
            finally:
                self._stop(signals)

    def _start(self) -> bool:
        """Fill the free places; says whether anything is under way."""
        stopped = self._fail_fast and self.failures
        while self.waiting and not stopped and len(self._children) < self.computer.places:
            job = self.waiting.popleft()
            if not job.is_open:  # by another sweep, since the plan was made
                fault = job.fault
                self.failures += [Failure(job, fault)] if fault else []
                self.view.say(f"{job.name}: {fault or f'{job.state} meanwhile'}")
                continue
            child = self.computer.launch(job)
            self._children.append(child)
            self.view.started(child)
        return bool(self._children)

    def _collect(self) -> None:
        """Take note of the children that have ended, and of how far the others are."""
        for child in [child for child in self._children if child.has_ended()]:
            self._children.remove(child)
            failure = child.failure()
            self.failures += [failure] if failure else []
            self.view.ended(child, failure)
        self.view.look(self._children, len(self.waiting))

    def _stop(self, signals: "_Signals") -> None:
        """Interrupt what is still under way, and kill what does not end; at once if told again."""
        if not self._children:
            return
        self.view.say(f"stopping {len(self._children)} under way; again kills at once")
        told, deadline = signals.count, time.monotonic() + self._patience
        for child in self._children:
            child.interrupt()
        while [child for child in self._children if not child.has_ended()]:
            if signals.count > told or time.monotonic() > deadline:
                break
            time.sleep(_LOOK)
        for child in self._children:
            child.kill()


class _Signals:
    """Counts the requests to stop (Ctrl-C, a scheduler's, a closed terminal's) while in it.

    Raising an exception wherever the program happens to be could lose a child that has just
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
                # what is ignored the children would inherit, and could not be interrupted.
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
