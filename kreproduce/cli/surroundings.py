"""Faults of what a command runs in, and no bugs: folders, memory, limits, installed packages."""

import errno
import os
import traceback
from collections.abc import Iterator

from kreproduce.errors import KreproduceError, OutOfMemoryError, SettingsError, StorageError
from kreproduce.text import printable

# What a disk, its server or its owner refuses.
_REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EREMOTEIO, errno.ESTALE),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH),
}
_FULL = "the memory is full; use a machine with more, or raise its limit (ulimit -v)"
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "out of memory", "bad_alloc")


def check() -> None:
    """Refuse a working folder that is gone, in which no path means anything.

    Raises:
        SettingsError: it is.
    """
    try:
        os.getcwd()  # noqa: PTH109  # Path.cwd() raises the same
    except OSError as error:
        raise SettingsError(
            f"the working folder cannot be found ({error.strerror}); it may have been removed or "
            "renamed: change into a folder that exists (cd)"
        ) from error


def at_fault(error: Exception) -> KreproduceError | None:
    """Return what to say of an error that is the surroundings' fault; None if it is a bug."""
    chain = list(_chain(error))
    texts = " ".join(str(one) for one in chain).lower()
    libraries = any(isinstance(one, ImportError) for one in chain)
    if isinstance(error, MemoryError) or (libraries and any(word in texts for word in _NO_MEMORY)):
        return OutOfMemoryError(_FULL)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, RuntimeError) and "can't start new thread" in texts:
        return _no_process()
    if isinstance(error, RuntimeError) and "determine home directory" in texts:
        return SettingsError("this user has no home folder; set HOME to a folder that can be used")
    if isinstance(error, ImportError):
        return _not_imported(error)
    return None


def _of_system(error: OSError) -> KreproduceError | None:
    if error.errno in _REFUSALS:
        place = f"{printable(error.filename)}: " if error.filename else ""
        return StorageError(f"{place}{error.strerror}")
    if error.errno == errno.ENOMEM:
        return OutOfMemoryError(_FULL)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return OutOfMemoryError("too many files are open; raise the limit (ulimit -n)")
    if error.errno == errno.EAGAIN:
        return _no_process()
    if "No usable temporary directory" in str(error):
        return StorageError(
            "there is no folder for temporary files that can be written; set TMPDIR to one"
        )
    return None


def _no_process() -> OutOfMemoryError:
    return OutOfMemoryError(
        "no further process or thread can be started; end some, or raise the limit (ulimit -u)"
    )


def _not_imported(error: ImportError) -> KreproduceError | None:
    """Return what to say of a package that is missing, not whole or not for this machine."""
    package = (error.name or _raised_in(error)).partition(".")[0]
    if package in ("", "kreproduce"):
        return None
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")
    return SettingsError(
        f"the package {package} cannot be imported ({printable(reason)}): install kreproduce with "
        "all that it needs in a new virtual environment"
    )


def _raised_in(error: BaseException) -> str:
    """Return the module of the last line that an error went through."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__) or [(None, 0)]
    return str(frame.f_globals.get("__name__", "")) if frame else ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
