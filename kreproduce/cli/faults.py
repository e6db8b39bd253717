"""What became of a command: a message on standard error and an exit code."""

import contextlib
import errno
import hashlib
import logging
import os
import re
import shlex
import signal
import stat
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import typer

from kreproduce import __version__
from kreproduce.cli import surroundings
from kreproduce.errors import KreproduceError, SettingsError
from kreproduce.system.interruption import Interrupted
from kreproduce.text import LONGEST, printable

EXIT_CODES = (
    "0 done, 1 a bug (the message names a file with its traceback), 2 usage or settings, "
    "3 data missing or damaged, 4 diverged, 5 out of memory or disk, 6 the run is locked by "
    "another process, 7 state refused (settings changed, no good checkpoint), 8 some runs failed, "
    "9 a check failed (audit, doctor, export, status --verify), 130, 143 and 138 interrupted "
    "(Ctrl-C, SIGTERM, SIGUSR1), the state saved, 141 nobody reads the output any more (`| head`)."
)
NOBODY_READS = 128 + signal.SIGPIPE

# Click's errors of usage, wherever this version of Typer has its Click.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_LONGEST = 2000  # characters of a message; what it quotes is shorter by itself


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
        if error.exit_code == NOBODY_READS:  # whoever says `| head` knows
            raise SystemExit(error.exit_code) from None
        _end(f"interrupted by {error}", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _end("interrupted", 130)
    except _UsageError as error:
        _misused(error)
    except Exception as error:
        said = surroundings.at_fault(error)
        if said is not None:
            _end(str(said), said.exit_code)
        _end(_reported(error), KreproduceError.exit_code)


class Warnings(logging.Handler):
    """Says on standard error what the package logs, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, Interrupted):  # as in `_end`
            print(f"kreproduce: warning: {_fit(record.getMessage())}", file=sys.stderr)


def _misused(error: Any) -> NoReturn:
    """End on a command line that Click refuses."""
    text, code = error.format_message(), SettingsError.exit_code
    if "\n" in text:  # the help, which a command without arguments prints
        with contextlib.suppress(OSError, Interrupted):
            print(text, file=sys.stderr)
        raise SystemExit(code)
    help_ = f"; see {error.ctx.command_path} --help" if error.ctx else ""
    _end(f"{text.rstrip('.')}{help_}", code)


def _reported(error: Exception) -> str:
    """Save the traceback of a bug, and return what to say."""
    report = "".join(
        (
            f"kreproduce {__version__}, Python {sys.version}, {sys.platform}\n",
            f"$ {shlex.join(sys.argv)}\n\n",
            *traceback.format_exception(error),
        )
    )
    what = f"a bug: {type(error).__name__}: {printable(str(error).partition(chr(10))[0], 300)}"
    try:
        path = Path(tempfile.gettempdir()) / f"kreproduce-bug-{_place(error)}.txt"
        _save(report, path)
    except OSError:  # no place to save it
        print(report, file=sys.stderr)
        return f"{what}; report it with the traceback above"
    return f"{what}; report it with {path}, which has the traceback"


def _place(error: Exception) -> str:
    """Eight hex digits of where a bug is: the same bug has one file, however often it is met."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    return hashlib.sha256("\n".join([type(error).__name__, *places]).encode()).hexdigest()[:8]


def _save(report: str, path: Path) -> None:
    """Write a report, over an earlier one of this user but nobody else's file.

    Raises:
        OSError: it cannot be written there.
    """
    # Anybody may have put something of that name into the temporary folder.
    how = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(path, how, 0o600), "w", encoding="utf-8", errors="replace") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink > 1:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        file.truncate()
        file.write(report)


def _end(message: str, exit_code: int) -> NoReturn:
    with contextlib.suppress(OSError, Interrupted):  # it may go into a file on the full disk
        print(f"kreproduce: {_fit(message)}", file=sys.stderr)
    raise SystemExit(exit_code)


def _fit(message: str) -> str:
    """Return a message without what moves a terminal's cursor, and none of it of any length."""
    # A word may be a path or an option of any length that something else than we repeats.
    short = re.sub(rf"\S{{{LONGEST + 100},}}", lambda word: printable(word[0]), message)
    return printable(short, _LONGEST)
