"""The pictures that a command line names: files, folders and patterns."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kreproduce.data.entries import SUFFIXES, is_of_a_system, unreadable
from kreproduce.errors import DataError
from kreproduce.text import quoted


def find_pictures(names: Sequence[str]) -> list[Path]:
    """Return the pictures that are meant, each once: in the order of the names, a folder's sorted.

    Args:
        names: of files, taken whatever they end in; of folders, whose pictures and those in folders
            inside are taken; or patterns with *, ? or **, which a shell has not replaced.

    Raises:
        DataError: there is nothing of a name, or no picture in a folder.
    """
    found: dict[Path, None] = {}
    for name in names:
        paths = list(_meant(name))
        if not paths:
            raise DataError(_nothing(name))
        found |= dict.fromkeys(paths)
    return list(found)


def _meant(name: str) -> Iterator[Path]:
    path = Path(name)
    if os.path.lexists(path):
        yield from _in_folder(path) if path.is_dir() else [path]
        return
    for match in sorted(glob.glob(name, recursive=True)):  # noqa: PTH207 (takes absolute ones)
        one = Path(match)
        if not one.is_dir():
            yield one
        elif "**" not in name:
            yield from _in_folder(one)


def _in_folder(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise unreadable(Path(error.filename), error)

    for home, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not _is_hidden(name):
                yield Path(home) / name


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or is_of_a_system(name)


def _nothing(name: str) -> str:
    kinds = ", ".join(sorted(SUFFIXES))
    if os.path.isdir(name):  # noqa: PTH112 (raises nothing)
        return f"there is no picture in {quoted(name)} (those end in {kinds}); name another folder"
    return f"there is no picture {quoted(name)}; name a file, a folder, or a pattern in quotes"
