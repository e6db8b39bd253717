"""Requests to stop: Ctrl-C, a scheduler's SIGTERM or SIGUSR1, a closed terminal's SIGHUP.

A request raises `Interrupted` at once where there is nothing to save, and is only noted where
there is (inside `deferred`), for whoever is at work to save at the next batch. A second Ctrl-C
leaves at once.
"""

import os
import signal
import threading
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

    Left, it raises `Interrupted` once more if something on the way has swallowed it.
    Entered in another thread than the main one, which alone can, it takes none.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._deferred = False
        self._raised = False
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
        if threading.current_thread() is threading.main_thread():
            for number in REQUESTS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` and `&` ignore some
                    self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        # Code in C may swallow what is raised while it calls Python, and fail by another error or
        # not at all: dm-tree, in TFDS, takes a failing isinstance() for True.
        if self._raised and (error is None or isinstance(error, Exception)):
            self.check()

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._number is not None:
            if number == signal.SIGINT:
                _leave(number)
            return  # schedulers may send one to the process and one to its group
        self._number = number
        if not self._deferred:
            self._raised = True
            raise Interrupted(number)


def _leave(number: int) -> NoReturn:
    """At once, and without anything that might take time or hang."""
    os._exit(128 + number)
