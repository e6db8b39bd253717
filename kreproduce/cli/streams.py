"""Standard output and standard error, whatever the process was started with."""

import contextlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from kreproduce.system.interruption import Interrupted

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Raw(io.FileIO):
    """A standard stream below all buffers, that tells when its reader has gone, as with `| head`.

    What is raised then is an interruption. Click and Rich would take a `BrokenPipeError` for a
    fault of theirs and end the process with 1; a trainer would say that the run has failed.
    """

    def write(self, content: "ReadableBuffer", /) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            discard(self.fileno())
            raise Interrupted(signal.SIGPIPE) from None
        except OSError as error:
            name = "standard output" if self.fileno() == 1 else "standard error"
            raise OSError(error.errno, error.strerror, name) from None


def prepare() -> None:
    """Have both streams be there, print any text, and tell when their reader has gone.

    A descriptor that is closed (`>&-`) would be the next file that is opened, and what is printed
    would go into that: it becomes /dev/null.
    """
    closed = [number for number in range(3) if not _is_open(number)]
    for number in closed:
        _to_nothing(number)
    sys.stdout = _stream(1, sys.stdout)
    sys.stderr = _stream(2, sys.stderr)
    if 1 in closed:
        print(
            "kreproduce: warning: standard output is closed, and what is printed is lost; "
            "send it into a file, or to /dev/null",
            file=sys.stderr,
        )


def flush() -> None:
    """Write what is still in the buffers.

    Raises:
        OSError: it cannot be written, say on a full disk; it is dropped.
        Interrupted: nobody reads it.
    """
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            discard(number)
            raise


def discard(number: int) -> None:
    """Drop what is still to be written to a descriptor: the interpreter tries again at its end."""
    with contextlib.suppress(OSError):
        _to_nothing(number)


def _stream(number: int, before: TextIO | None) -> TextIO:
    """Return the stream of a descriptor, buffered and encoded as it was."""
    if before is None:  # it was closed
        return _text(number, "utf-8", line_buffering=True)
    if not isinstance(before, io.TextIOWrapper) or before.fileno() != number:
        return before  # somebody else's, who called this from Python
    before.flush()
    # Unbuffered (`python -u`) was at once; there is a buffer below now, which line ends empty.
    at_once = before.line_buffering or before.write_through
    return _text(number, before.encoding, line_buffering=at_once)


def _text(number: int, encoding: str, *, line_buffering: bool) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(number, "w", closefd=False)),
        encoding,
        errors="replace",  # a terminal may not know the "—" of a table
        line_buffering=line_buffering,
    )


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _to_nothing(number: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
    else:
        os.set_inheritable(number, True)
