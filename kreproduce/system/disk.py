"""What a file system may not offer: work with what there is, and say once what that cannot promise.

Shared folders of Windows and of virtual machines, FUSE, Lustre and NFS lack this or that of what a
disk of this machine has.
"""

import errno
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

from kreproduce.system.notice import say_once

# The answers of a file system that does not offer what it is asked for, and has not failed at it.
# Windows' shares refuse a folder's flush as if it were forbidden.
_NOT_OFFERED = {
    *(errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY),
    *(errno.EACCES, errno.EPERM, errno.EISDIR),
}
# What Windows' shares answer while a reader has the old file open.
_IN_USE = {errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY}
PATIENCE = 2.0  # seconds that a reader has to close it
_FULL = {errno.ENOSPC, errno.EDQUOT}
_TRIAL = 2**16  # bytes


def flush(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, through a loss of power.

    Where the file system does not offer that, which is said once, it keeps them in its own time.

    Raises:
        OSError: it offers that, and failed.
    """
    is_folder = path.is_dir()
    refused: OSError | None = None
    # Some flush only what is open for writing, which a folder cannot be.
    for how in (os.O_RDONLY,) if is_folder else (os.O_RDONLY, os.O_RDWR):
        try:
            descriptor = os.open(path, how)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
            refused = error
        else:
            return
    what = "folders" if is_folder else "files"
    where = path if is_folder else path.parent
    say_once(
        f"flush {what}",
        f"the file system of {where} does not flush {what} ({refused and refused.strerror}): a "
        "loss of power can take what was written last",
    )


def rename(beside: Path, path: Path) -> None:
    """Put a file in the place of another, in one step where the file system can.

    Raises:
        OSError: it cannot; what was at `path` is as it was.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            beside.replace(path)
        except OSError as error:
            if error.errno == errno.EEXIST and path.is_file():
                break
            if error.errno not in _IN_USE or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
    say_once(
        "rename",
        f"the file system of {path.parent} puts no file in the place of another: a process that "
        "is killed between removing the old one and naming the new leaves neither",
    )
    path.unlink()
    beside.rename(path)


def room(folder: Path) -> int | None:
    """How many bytes are free; None where the file system does not tell.

    Some say that nothing is, whatever there is: they are believed if they take no more.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if free > 0 or not _takes_more(folder):
            return free
        reason = "it says 0 bytes, and takes more"
    say_once(
        "room",
        f"the file system of {folder} does not tell how much is free ({reason}): whether there is "
        "room for all that will be written is not known",
    )
    return None


def nameless(folder: Path) -> IO[bytes]:
    """Open a file without a name in a folder, for passing use; with one where there must be one.

    Raises:
        OSError: the disk does not take it.
    """
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        if is_full(error):
            raise
        # Windows' shares remove no file that is open.
        return tempfile.NamedTemporaryFile(dir=folder, prefix=".kreproduce-")


def refusal(what: str, error: OSError, elsewhere: str, needed: str = "") -> str:
    """Return what to say of a disk that does not take `what`: why, and the way out.

    Args:
        what: the file or folder, in words.
        error: what the disk answered.
        elsewhere: as "place with --results".
        needed: how much it is, in words.
    """
    more = f" ({needed})" if needed else ""
    make_room = "make room, or " if is_full(error) else ""
    reason = error.strerror or error
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        reason = "there is a file where a folder has to be"
    return f"{what} cannot be written: {reason}{more}; {make_room}choose another {elsewhere}"


def is_full(error: OSError) -> bool:
    """Whether there is no room, or the user's share of it is used up."""
    said = re.search(r"errno = (\d+)", str(error))  # HDF5 has it in its message only
    return error.errno in _FULL or (said is not None and int(said[1]) in _FULL)


def _takes_more(folder: Path) -> bool:
    try:
        with nameless(folder) as file:
            file.write(bytes(_TRIAL))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return not is_full(error)
    return True
