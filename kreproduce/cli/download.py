"""How far a download is, on standard error: a bar for a person, plain lines for a log."""

import contextlib
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from kreproduce.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_QUIET = 30.0  # seconds between two lines in a log, unless another tenth has come


class Download:
    """Shows the preparation of a dataset, once there is something to show."""

    def __init__(self, dataset: str):
        self._name = printable(dataset)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._said, self._line, self._tenths = 0.0, "", -1

    def __enter__(self) -> "Download":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def downloading(self, received: int, size: int) -> None:
        """Take note that so many bytes of `size` have come."""
        if not sys.stderr.isatty():
            self._log(received, size)
            return
        if self._bar is None:
            self._begin(size)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=received)

    def preparing(self) -> None:
        """Take note that the archive is there, and its images are being read."""
        self._end()
        _say(f"unpacking {self._name}, which takes a minute or two")

    def _begin(self, size: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._bar = Progress(
            TextColumn("downloading {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr, highlight=False, soft_wrap=True),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task(self._name, total=size)
        self._bar.start()

    def _log(self, received: int, size: int) -> None:
        """Log each tenth, and whatever has come at least every half minute."""
        from rich.filesize import decimal

        line = f"downloading {self._name}: {decimal(received)} of {decimal(size)}"
        tenths = 10 * received // size
        is_due = tenths > self._tenths or time.monotonic() - self._said >= _QUIET
        if is_due and line != self._line:
            self._said, self._line, self._tenths = time.monotonic(), line, tenths
            _say(line)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nothing fails because it cannot be told
        print(line, file=sys.stderr, flush=True)
