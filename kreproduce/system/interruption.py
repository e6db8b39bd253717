"""Requests to stop: Ctrl-C, a scheduler's SIGTERM or SIGUSR1, a closed terminal's SIGHUP.

A request raises `Interrupted` at once where there is nothing to save, and is only noted where
there is (inside `deferred`), for whoever is at work to save at the next batch. What is raised and
swallowed on the way is raised again. A second Ctrl-C leaves at once.
"""

import _thread
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""The signals that ask a process to stop; Slurm sends SIGUSR1 some time before the end."""


class Interrupted(BaseException):
    """The process was asked to stop. No `Exception`: nothing on the way may take it for a fault.

    Attributes:
        exit_code: as a shell has it, 128 + the signal's number: 130 after Ctrl-C, 143 after
            SIGTERM, 129 after SIGHUP, 138 after SIGUSR1.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interruptions:
    """Takes requests to stop while it is entered; a request is one signal.

    What a request raises comes out here. Code in C may swallow what is raised while it calls
    Python, and fail by another error or not at all: dm-tree, in TFDS, takes a failing isinstance()
    for True. An error that was swallowed is freed, one that a clean-up holds while it works is
    not; so the request is raised again as soon as its error is freed, and otherwise on leaving.

    Entered in another thread than the main one, which alone can, it takes none.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._deferred = False
        self._owed = False
        self._raised: _Watch | None = None
        self._before: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether a request waits to be heard."""
        return self._number is not None

    def check(self) -> None:
        """Raise what was requested, if anything was.

        Raises:
            Interrupted: it was.
        """
        if self._number is not None:
            raise Interrupted(self._number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Only note requests in here; `check` raises them."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def __enter__(self) -> "Interruptions":
        try:
            if threading.current_thread() is threading.main_thread():
                for number in REQUESTS:
                    before = signal.getsignal(number)
                    if before is not signal.SIG_IGN:  # `nohup` and `&` ignore some
                        self._before[number] = before
                        signal.signal(number, self._take)
            return self
        except Interrupted:
            self._restore()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()
        if self._owed and (error is None or isinstance(error, Exception)):
            self.check()

    def _restore(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._raised = None  # from here on nothing is raised again

    def _take(self, number: int, frame: FrameType | None) -> None:
        swallowed = self._raised is not None and self._raised() is None
        if self._number is not None and not swallowed:
            if number == signal.SIGINT:
                _leave(number)
            return  # schedulers may send one to the process and one to its group
        self._number = number
        self._raised = None
        if self._deferred:
            return
        self._owed = True
        if not _is_leaving(frame):
            raise self._watched(number)  # without a name, by which its traceback would keep it

    def _watched(self, number: int) -> Interrupted:
        error = Interrupted(number)
        self._raised = _Watch(error, _thread.interrupt_main)  # type: ignore[arg-type]
        self._raised.number = number
        return error


def _is_leaving(frame: FrameType | None) -> bool:
    """Whether `__exit__` is at work, which raises at its end: before, handlers would be left."""
    while frame is not None and frame.f_code is not Interruptions.__exit__.__code__:
        frame = frame.f_back
    return frame is not None


class _Watch(weakref.ref[Interrupted]):
    """Of an error; the callback, `interrupt_main`, has it for the number of the signal to send.

    It calls no Python behind that: there the handler would be called, and raise into nothing.
    """

    number = 0

    def __index__(self) -> int:
        return self.number


def _leave(number: int) -> NoReturn:
    """At once, and without anything that might take time or hang."""
    os._exit(128 + number)
