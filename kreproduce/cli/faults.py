"""What became of a command: a message on standard error and an exit code."""

import contextlib
import errno
import logging
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from kreproduce import __version__
from kreproduce.errors import KreproduceError, OutOfMemoryError, StorageError
from kreproduce.interruption import Interrupted

EXIT_CODES = (
    "0 done, 1 a bug (the message names a file with its traceback), 2 usage or settings, "
    "3 data missing or damaged, 4 diverged, 5 out of memory or disk, 6 the run is locked by "
    "another process, 7 state refused (settings changed, no good checkpoint), 8 some runs failed, "
    "9 a check failed, 130, 143 and 138 interrupted (Ctrl-C, SIGTERM, SIGUSR1), the state saved."
)

# What a disk or its owner refuses, and no bug.
_REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG),
}


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn whatever a command raises into a message and its exit code.

    Raises:
        SystemExit: with the exit code, if anything is raised.
    """
    try:
        yield
    except KreproduceError as error:
        _end(str(error), error.exit_code)
    except Interrupted as error:
        _end(f"interrupted by {error}", error.exit_code)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except MemoryError:
        _end("the memory is full; use a machine with more", OutOfMemoryError.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            place = f"{error.filename}: " if error.filename else ""
            _end(f"{place}{error.strerror}", StorageError.exit_code)
        _end(_reported(error), KreproduceError.exit_code)


class Warnings(logging.Handler):
    """Says on standard error what the package logs, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # as in `_end`
            print(f"kreproduce: warning: {_plain(record.getMessage())}", file=sys.stderr)


def _reported(error: Exception) -> str:
    """Save the traceback of a bug; returns what to say."""
    report = "".join(
        (
            f"kreproduce {__version__}, Python {sys.version}, {sys.platform}\n",
            f"$ {shlex.join(sys.argv)}\n\n",
            *traceback.format_exception(error),
        )
    )
    what = f"a bug: {type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"
    try:
        descriptor, path = tempfile.mkstemp(prefix="kreproduce-bug-", suffix=".txt")
        os.close(descriptor)
        Path(path).write_text(report, "utf-8", "replace")
    except OSError:  # no place to save it
        print(report, file=sys.stderr)
        return f"{what}; please report it with the traceback above"
    return f"{what}; please report it with {path}, which has the traceback"


def _end(message: str, exit_code: int) -> NoReturn:
    with contextlib.suppress(OSError):  # it may go into a file on the full disk
        print(f"kreproduce: {_plain(message)}", file=sys.stderr)
    raise SystemExit(exit_code)


def _plain(message: str) -> str:
    """Without what moves a terminal's cursor, as a file's name may."""
    return "".join(character if character.isprintable() else "?" for character in message)
