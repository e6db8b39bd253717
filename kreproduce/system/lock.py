"""Who is using a run: a lock that the kernel frees when its holder dies, and a note who that is.

NAME.lock and NAME.lock.json lie beside the run's folder, so that it can be made again under them;
both are removed with the lock.

Some file systems have no locks (Lustre without `-o flock`, some of FUSE, shared folders of virtual
machines). There the note is all there is: it holds as long as its process lives, if that is on
this machine, and until somebody removes it, if that is on another, for a process there cannot be
seen from here.
"""

import contextlib
import errno
import fcntl
import os
import socket
import time as clock
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kreproduce.system import files
from kreproduce.system.notice import say_once
from kreproduce.text import printable

_PATIENCE = 1.0  # seconds; somebody may just be asking `is_held`
_LOOK = 0.05  # seconds between two tries
_LARGEST = 2**16  # bytes
_Text = Annotated[str, Field(max_length=300)]

# The answers of a file system without locks.
_NO_LOCKS = {
    *(errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL),
    *(errno.EBADF, errno.EPERM),
}
# Those that a lock is another's (as SMB may say it), or has just been removed (NFS).
_TAKEN = {errno.EACCES, errno.ESTALE}

# The notes that this process has written where nothing else locks: a note of a process that had
# the same number, before the machine was started again, is not one of them.
_own: set[Path] = set()


class Holder(BaseModel):
    """The process that is using a run.

    Attributes:
        host: the name of its machine.
        pid: its number there.
        time: since when, in UTC.
        locked: whether the file system has a lock as well; if not, the note is all there is.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    host: _Text
    pid: int
    time: _Text
    locked: bool = True

    def __str__(self) -> str:
        return printable(f"process {self.pid} on {self.host}, since {self.time}")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is on another machine than this."""
        return self.host != socket.gethostname()


class Lock:
    """Keeps all but one process from a run.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path):
        self.path = run.with_name(f"{run.name}.lock")
        self._note = run.with_name(f"{run.name}.lock.json")
        self._descriptor: int | None = None
        self._me: Holder | None = None

    def take(self, time: str) -> bool:
        """Hold the lock until `free`; False if another process has it.

        Args:
            time: what it is now.

        Raises:
            OSError: the disk does not take it.
        """
        deadline = clock.monotonic() + _PATIENCE
        while not self._try(time):
            if clock.monotonic() > deadline:
                return False
            clock.sleep(_LOOK)
        return True

    def free(self) -> None:
        """Let other processes in again."""
        if self._descriptor is None:
            return
        _own.discard(self._note.absolute())
        # Somebody may have removed both by hand, and another process have taken it since.
        with contextlib.suppress(OSError):
            if self._is_there(self._descriptor) and self.holder() == self._me:
                self._note.unlink(missing_ok=True)
        self._remove(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = None

    def is_held(self) -> bool:
        """Whether a process has it; whoever may read the lock can ask."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return self._is_noted(locks=True)
        except OSError:
            return False
        try:
            granted = _flock(descriptor, fcntl.LOCK_SH) is None
            return self._is_noted(locks=granted)
        except OSError:  # another process has it, or that cannot be told
            return True
        finally:
            os.close(descriptor)

    def holder(self) -> Holder | None:
        """Who took it last, and holds it if `is_held`; None if that cannot be read."""
        try:
            return self._noted()
        except (FileNotFoundError, files.UnfitError, ValidationError):
            return None

    def refusal(self, doing: str) -> str:
        """Return what to tell whoever cannot have it: who has, and what to do.

        Args:
            doing: what the other process does, say "using results/runs/NAME".
        """
        holder = self.holder()
        message = f"another process is {doing} ({holder or 'it has just begun'}); wait for it"
        if holder is not None and holder.locked and not holder.is_elsewhere:
            return f"{message} or stop it"
        return (
            f"{message} or stop it; if it no longer runs, remove {self.path} and {self._note.name}"
        )

    def _try(self, time: str) -> bool:
        if self._descriptor is not None:
            return True
        # Opened for writing: NFS gives no exclusive lock without.
        how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self.path, how, 0o644)
        try:
            taken = self._take(descriptor, time)
        except BaseException:
            os.close(descriptor)
            raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken

    def _take(self, descriptor: int, time: str) -> bool:
        try:
            missing = _flock(descriptor, fcntl.LOCK_EX)
        except BlockingIOError:
            return False
        if missing is None and not self._is_there(descriptor):
            return False
        try:
            return self._noted_down(missing, time)
        except BaseException:
            self._remove(descriptor)
            raise

    def _noted_down(self, missing: str | None, time: str) -> bool:
        """Note who has the lock; False if by the note another process has.

        Args:
            missing: why the file system has no locks; None where it has.
            time: what it is now.
        """
        if self._is_noted(locks=missing is None):
            return False
        locked = missing is None
        self._me = Holder(host=socket.gethostname(), pid=os.getpid(), time=time, locked=locked)
        content = (self._me.model_dump_json(indent=2) + "\n").encode()
        if locked:
            files.write(self._note, content)
            return True
        say_once(
            "locks",
            f"the file system of {self.path.parent} has no locks ({missing}): that two runs are at "
            "one folder at once cannot be excluded; start no run twice",
        )
        return self._write_note(content)

    def _remove(self, descriptor: int) -> None:
        """Remove what is locked; whoever waits for it finds by `_is_there` that it is gone."""
        with contextlib.suppress(OSError):
            if self._is_there(descriptor):
                self.path.unlink()

    def _is_there(self, descriptor: int) -> bool:
        """Whether what is locked still has its name, by which others lock it."""
        try:
            held = os.fstat(descriptor)
            return held.st_nlink > 0 and os.path.samestat(held, self.path.lstat())
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.ESTALE:  # NFS says so of what another machine has removed
                return False
            raise

    def _write_note(self, content: bytes) -> bool:
        """Write the note if there is none: False if another process was faster."""
        if self._is_noted(locks=False):  # since it was looked at
            return False
        self._note.unlink(missing_ok=True)  # of a process that is gone
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with os.fdopen(os.open(self._note, how, 0o644), "wb") as file:
                file.write(content)
        except FileExistsError:
            return False
        except BaseException:
            with contextlib.suppress(OSError):
                self._note.unlink(missing_ok=True)
            raise
        if self.holder() != self._me:  # another process took it for that of one that is gone
            return False
        _own.add(self._note.absolute())
        return True

    def _is_noted(self, *, locks: bool) -> bool:
        """Whether a process has it by the note alone.

        Args:
            locks: the file system has locks, and so another process' note must say that it had
                none: a machine can see the same storage otherwise than another.
        """
        try:
            holder = self._noted()
        except FileNotFoundError:
            return False
        except (files.UnfitError, ValidationError):  # perhaps only half written
            return not locks
        if locks and holder.locked:
            return False
        if holder.is_elsewhere:
            return True
        if holder.pid == os.getpid():
            return self._note.absolute() in _own
        return _is_alive(holder.pid)

    def _noted(self) -> Holder:
        return Holder.model_validate_json(files.read(self._note, _LARGEST))


def _flock(descriptor: int, how: int) -> str | None:
    """Lock a file, without waiting; where the file system cannot, why.

    Raises:
        BlockingIOError: another process has it.
        OSError: it failed.
    """
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno in _TAKEN:
            raise BlockingIOError(error.errno, error.strerror) from error
        if error.errno in _NO_LOCKS:
            return error.strerror or str(error)
        raise
    return None


def _is_alive(pid: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return pid > 0
