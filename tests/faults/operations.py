"""The file operations of this process inside a folder, counted, with something done before one.

Python's own operations are counted where they are called: what a library written in C does (HDF5)
is not seen, and told by whoever calls it, see `Operations.before`.
"""

import builtins
import io
import os
from collections.abc import Callable
from pathlib import Path

_BY_PATH = ("mkdir", "unlink", "remove", "rmdir", "rename", "replace")


class Operations:
    """Counts from 1; before each operation `act` is told its number and what it is.

    A file is written in two halves, an operation each; so there is a moment at which it is
    empty, one at which it is half there, and one at which it is whole but not yet flushed.
    """

    def __init__(self, folder: Path, act: Callable[[int, str], None]):
        self._folder = str(folder.absolute()) + os.sep
        self._act = act
        self.number = 0

    def before(self, what: str, path: str) -> None:
        """Count one operation, if it is inside the folder."""
        if path.startswith(self._folder):
            self.number += 1
            self._act(self.number, f"{what} {path.removeprefix(self._folder)}")

    def install(self) -> None:
        """From here on, and for good: this process is there to be killed."""
        for name in _BY_PATH:
            setattr(os, name, self._by_path(name, getattr(os, name)))
        os.fsync = self._flushing(os.fsync)
        io.open = builtins.open = self._opening(io.open)

    def _by_path(self, name, real):
        def operation(path, *others, dir_fd=None, **options):
            if dir_fd is not None:
                options["dir_fd"] = dir_fd
            self.before(name, _absolute(path, dir_fd))
            return real(path, *others, **options)

        return operation

    def _flushing(self, real):
        def fsync(descriptor):
            self.before("flush", str(_path(descriptor)))
            return real(descriptor)

        return fsync

    def _opening(self, real):
        def opened(file, mode="r", *others, **options):
            path = _absolute(file, None) if not isinstance(file, int) else ""
            if "w" not in mode or not path.startswith(self._folder):
                return real(file, mode, *others, **options)
            self.before("create", path)
            return _Halves(self, path, real(file, mode, *others, **options))

        return opened


class _Halves:
    """A file whose content is written in two halves."""

    def __init__(self, operations, path, file):
        self._operations, self._path, self._file = operations, path, file

    def write(self, content):
        half = len(content) // 2
        for part in (content[:half], content[half:]):
            self._operations.before("write", self._path)
            self._file.write(part)
            self._file.flush()
        return len(content)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()


def _absolute(path, dir_fd) -> str:
    folder = _path(dir_fd) if dir_fd is not None else Path.cwd()
    return os.path.normpath(folder / os.fsdecode(path))


def _path(descriptor) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()
