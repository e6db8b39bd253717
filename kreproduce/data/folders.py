"""Images in folders named after their classes: listed without being opened."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kreproduce.data.images import Image, Source, decode_image, reason
from kreproduce.errors import DataError

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
_LAYOUT = "expected are FOLDER/train/CLASS/* and FOLDER/test/CLASS/*, or FOLDER/CLASS/*"


@dataclass(frozen=True)
class _Item:
    path: Path
    label: int
    part: str


def read_folder(folder: Path, name: str) -> Source:
    """Lists FOLDER/train/CLASS/* and FOLDER/test/CLASS/*, or FOLDER/CLASS/*.

    Images are known by their suffix, in either case; other files and hidden entries are passed
    over. Classes and, in each class, files are sorted by name.

    Args:
        folder: FOLDER.
        name: The dataset's name.

    Raises:
        DataError: The folder is missing or unreadable, or not laid out like this; or a class is
            alone or empty, or only in one of train and test.
    """
    check_folder(folder)
    parts = _parts(folder)
    class_names = _class_names(folder, parts)
    items = [
        _Item(path, label, part)
        for part, home in parts.items()
        for label, class_name in enumerate(class_names)
        for path in _images(home / class_name)
    ]

    names = [item.path.relative_to(folder).as_posix() for item in items]

    def decode(index: int) -> Image:
        path = items[index].path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        return decode_image(data, str(path))

    return Source(
        name=name,
        kind="folder",
        class_names=class_names,
        labels=np.array([item.label for item in items], np.int32),
        names=names,
        parts=np.array([item.part for item in items]),
        decode=decode,
    )


def check_folder(folder: Path) -> None:
    """Refuses, without listing it, what is not a folder that can be read.

    Raises:
        DataError: `folder` is missing, a file, or unreadable.
    """
    try:
        # Also follows links: a loop of them raises here, where `is_dir` would say just False.
        folder.stat()
        if folder.is_dir():
            os.scandir(folder).close()
            return
    except FileNotFoundError:
        raise DataError(f"{folder} does not exist: pass the folder of the images") from None
    except OSError as error:
        raise _unreadable(folder, error) from error
    raise DataError(f"{folder} is a file: pass the folder of the images")


def _parts(folder: Path) -> dict[str, Path]:
    found = {part for part in ("train", "test") if part in _folders(folder)}
    if not found:
        return {"all": folder}
    for part in ("train", "test"):
        if part not in found:
            (other,) = found
            raise DataError(
                f"{folder} has a folder '{other}' but no '{part}': add {folder / part}, "
                f"or pass {folder / other} to have it split by rule"
            )
    return {part: folder / part for part in ("train", "test")}


def _class_names(folder: Path, parts: dict[str, Path]) -> tuple[str, ...]:
    found = {part: _folders(home) for part, home in parts.items()}
    for part, home in parts.items():
        if not found[part]:
            raise DataError(f"{home} holds no class folders: {_LAYOUT}")
    every = sorted(set().union(*found.values()))
    for part, home in parts.items():
        for class_name in every:
            if class_name not in found[part]:
                raise DataError(
                    f"{home / class_name} is missing: train and test of {folder} "
                    "must have the same classes"
                )
    if len(every) == 1:
        raise DataError(
            f"{folder} has only one class, '{every[0]}': put the images of each class "
            f"into a folder of its own ({_LAYOUT})"
        )
    return tuple(every)


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in _entries(folder) if entry.is_dir()]


def _images(folder: Path) -> list[Path]:
    paths = []
    for entry in _entries(folder):
        path = Path(entry.path)
        if path.suffix.lower() in SUFFIXES and not entry.is_dir():
            if not entry.is_file():
                raise DataError(f"{path} is not a file that can be read: remove it")
            paths.append(path)
    if not paths:
        raise DataError(
            f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}): "
            "add the images of the class, or remove its folder"
        )
    return paths


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The visible entries of `folder` by name, none of them a link that leads in a circle."""
    try:
        with os.scandir(folder) as entries:
            visible = sorted((e for e in entries if not e.name.startswith(".")), key=_name)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in visible:
        try:
            entry.is_dir()
        except OSError as error:
            raise _unreadable(Path(entry.path), error) from error
        yield entry


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be read ({error.strerror or reason(error)}): "
        "mend it or its permissions, or pass another folder"
    )
