"""Files that others may find at any moment, or may have put there.

What is written is found as the old content or the new, whole. What is read is small and a file:
no link leads elsewhere, and no pipe keeps its reader waiting.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from kreproduce.system import disk

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


class UnfitError(Exception):
    """What lies under a name is not a file to read; says so, as "is not a file, but a link"."""


def kind(path: Path) -> str:
    """Return what lies at `path`, a link not followed: "a file", "a folder", "a link", "a pipe"...

    Raises:
        OSError: nothing does, or it may not be known.
    """
    return _KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device")


def read(path: Path, largest: int) -> bytes:
    """Return the content of a file of at most `largest` bytes.

    Raises:
        FileNotFoundError: there is nothing.
        UnfitError: it is a link, no file, too large, or cannot be read.
    """
    try:
        what = kind(path)
        if what != "a file":
            raise UnfitError(f"is not a file, but {what}")
        # Whatever else may lie there by now, opening it neither follows nor waits.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnfitError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > largest:
        raise UnfitError(f"is larger than {largest:,} bytes")
    return content


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: written beside, flushed to the disk, renamed.

    Raises:
        OSError: the disk does not take it; what was at `path` is as it was.
    """
    replace(path, lambda beside: beside.write_bytes(content))


def replace(path: Path, make: Callable[[Path], object]) -> None:
    """Have `make` write a file beside `path`, then put it in its place in one step.

    The file beside keeps the suffix of `path`, and is gone if anything fails.

    Raises:
        OSError: the disk does not take it; what was at `path` is as it was.
    """
    beside = path.with_name(f"new-{path.name}")
    beside.unlink(missing_ok=True)  # a link that lies there would lead the writer elsewhere
    try:
        make(beside)
        disk.flush(beside)
        disk.rename(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    disk.flush(path.parent)


def log(path: Path, *, truncate: bool) -> TextIO:
    """Return a file for text that is written at its end; what lies there and is no file is removed.

    Args:
        path: of the file, in a folder that exists.
        truncate: whether what it holds is dropped.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.lexists(path) and kind(path) not in ("a file", "a folder"):
        path.unlink()
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.fdopen(
        os.open(path, how | (os.O_TRUNC if truncate else 0), 0o666), "a", encoding="utf-8"
    )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
