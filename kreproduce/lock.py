"""Who is at a run: a lock that the kernel frees when its holder dies, and a note who that is.

NAME.lock and NAME.lock.json lie beside the run's folder, so that it can be made anew under them.
"""

import contextlib
import fcntl
import os
import socket
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kreproduce import files
from kreproduce.errors import printable

_PATIENCE = 1.0  # seconds; somebody may just be asking `is_held`
_LARGEST = 2**16  # bytes
_Text = Annotated[str, Field(max_length=300)]


class Holder(BaseModel):
    """The process that is at a run.

    Attributes:
        host: the name of its machine.
        pid: its number there.
        time: since when, in UTC.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    host: _Text
    pid: int
    time: _Text

    def __str__(self) -> str:
        return printable(f"process {self.pid} on {self.host}, since {self.time}")


class Lock:
    """Keeps all but one process from a run.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path):
        self.path = run.with_name(f"{run.name}.lock")
        self._note = run.with_name(f"{run.name}.lock.json")
        self._lock = FileLock(self.path)

    def take(self, time: str) -> bool:
        """Hold the lock until `free`; False if another process has it.

        Args:
            time: what it is now.

        Raises:
            OSError: the disk does not take it.
        """
        try:
            self._lock.acquire(timeout=_PATIENCE)
        except Timeout:
            return False
        me = Holder(host=socket.gethostname(), pid=os.getpid(), time=time)
        files.write(self._note, (me.model_dump_json(indent=2) + "\n").encode())
        return True

    def free(self) -> None:
        """Let other processes in again."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._note.unlink(missing_ok=True)
        self._lock.release(force=True)

    def is_held(self) -> bool:
        """Whether a process has it; whoever may read the lock can ask."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # not a thing that can be locked
            return False
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> Holder | None:
        """Who took it last, and holds it if `is_held`; None if that cannot be read."""
        try:
            return Holder.model_validate_json(files.read(self._note, _LARGEST))
        except (FileNotFoundError, files.UnfitError, ValidationError):
            return None
