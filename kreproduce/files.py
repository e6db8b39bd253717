"""Writing files so that a reader, or the next start, finds the old content or the new, whole."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path


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
    try:
        make(beside)
        _flush(beside)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, through a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
