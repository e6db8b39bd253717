"""Images in folders named after their classes: listed without being opened."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kreproduce.data.decode import decode_file
from kreproduce.data.entries import (
    SUFFIXES,
    Listing,
    by_suffix,
    count_images,
    list_folder,
    unreadable,
)
from kreproduce.data.images import Image, Source
from kreproduce.data.parts import LAYOUT, find_parts, part_called
from kreproduce.data.remarks import Remarks
from kreproduce.errors import DataError
from kreproduce.text import some

_KINDS = ", ".join(sorted(SUFFIXES))

Classes = dict[str, list[Listing]]
"""The folders of each class: one, or two that are called the same in the two ways of Unicode."""


@dataclass(frozen=True)
class _Item:
    path: Path
    name: str
    label: int
    part: str


def read_folder(folder: Path, name: str, own_validation: bool = True) -> Source:
    """List FOLDER/train/CLASS/*, FOLDER/val/CLASS/* and FOLDER/test/CLASS/*, or FOLDER/CLASS/*.

    Images are known by their suffix, in either case. What else lies there is passed over, and
    counted in the source's `passed_over`, unless a system has put it there. Classes and, in each
    class, files are sorted by name. Names are in Unicode's composed form (NFC) whatever the disk
    has, for a copy on another system may have them in the other.

    Args:
        folder: FOLDER.
        name: The dataset's name.
        own_validation: Whether a validation part is used; if not, it is passed over.

    Raises:
        DataError: The folder is missing or unreadable, or not laid out like this; or a class is
            alone or empty, or only in some of the parts.
    """
    check_folder(folder)
    top = list_folder(folder)
    homes = {
        part: top if home == folder else list_folder(home)
        for part, home in find_parts(top, own_validation).items()
    }
    classes = {part: _classes(home, folder) for part, home in homes.items()}
    class_names = _class_names(folder, homes, classes)
    items = [
        item
        for part in homes
        for label, class_name in enumerate(class_names)
        for item in _items(classes[part][class_name], folder, label, part)
    ]

    remarks = Remarks()

    def decode(index: int) -> Image:
        path = items[index].path
        try:
            return decode_file(path, remarks)
        except OSError as error:
            raise unreadable(path, error) from error

    return Source(
        name=name,
        kind="folder",
        class_names=class_names,
        labels=np.array([item.label for item in items], np.int32),
        names=[item.name for item in items],
        parts=np.array([item.part for item in items]),
        decode=decode,
        passed_over=(
            *_beside_parts(top, homes, own_validation),
            *_among_classes(top, homes, classes),
        ),
        remarks=remarks,
    )


def check_folder(folder: Path) -> None:
    """Refuse, without listing it, what is not a folder that can be read.

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
        raise unreadable(folder, error) from error
    raise DataError(f"{folder} is a file: pass the folder of the images")


def _classes(home: Listing, folder: Path) -> Classes:
    """Return the class folders in `home`, by name."""
    if not home.folders:
        way_out = (
            "; or pass the folder of the other part alone to have it split by rule, or, if they "
            "are classes themselves, call them otherwise"
            if home.path != folder
            else ""
        )
        raise DataError(f"{home.path} holds no class folders: {LAYOUT}{way_out}")
    classes: Classes = {}
    for name in home.folders:
        classes.setdefault(_composed(name), []).append(list_folder(home.path / name))
    for listings in classes.values():
        if not any(listing.images or listing.broken for listing in listings):
            raise _without_images(listings[0], home, folder)
    return classes


def _class_names(
    folder: Path, homes: dict[str, Listing], classes: dict[str, Classes]
) -> tuple[str, ...]:
    every = sorted(set().union(*classes.values()))
    for part, home in homes.items():
        for class_name in every:
            if class_name not in classes[part]:
                there = [
                    str(listing.path)
                    for other in classes.values()
                    for listing in other.get(class_name, [])
                ]
                raise DataError(
                    f"{home.path / class_name} is missing: all parts of {folder} must have the "
                    f"same classes; add it with its images, or move {' and '.join(there)} "
                    f"out of {folder}"
                )
    if len(every) == 1:
        raise DataError(
            f"{folder} has only one class, '{every[0]}': put the images of each class "
            f"into a folder of its own ({LAYOUT})"
        )
    return tuple(every)


def _items(listings: list[Listing], folder: Path, label: int, part: str) -> list[_Item]:
    items = []
    for listing in listings:
        if listing.broken:
            raise DataError(
                f"{listing.path / listing.broken[0]} is not a file that can be read: put the "
                f"image there, or move it out of {folder}"
            )
        for name in listing.images:
            path = listing.path / name
            items.append(_Item(path, _composed(path.relative_to(folder).as_posix()), label, part))
    return sorted(items, key=lambda item: item.name)


def _without_images(listing: Listing, home: Listing, folder: Path) -> DataError:
    path = listing.path
    inside = sum(count_images(path / name).images for name in listing.folders)
    move = f"move the folder out of {folder} if it is no class"
    if inside and len(home.folders) == 1:
        return DataError(
            f"{path} holds no images itself, but {inside:,} in folders inside it: pass {path} if "
            "those are the classes, or move the images up"
        )
    if inside:
        return DataError(
            f"{path} holds no images itself, but {inside:,} in folders inside it: move them up "
            f"into {path}, or {move}"
        )
    if listing.others:
        return DataError(
            f"{path} holds no images of the kinds that are read ({_KINDS}), but other files "
            f"({by_suffix(listing.others)}): convert the images to PNG, or {move}"
        )
    return DataError(f"{path} holds no images ({_KINDS}): add the images of the class, or {move}")


def _among_classes(
    top: Listing, homes: dict[str, Listing], classes: dict[str, Classes]
) -> Iterator[str]:
    """Yield what lies beside and in class folders and is not read, each kind with its number."""
    outer = {listing.path: listing for listing in (top, *homes.values())}.values()
    inner = [
        listing for of_part in classes.values() for both in of_part.values() for listing in both
    ]
    beside = [str(path) for listing in outer for path in listing.pictures]
    if beside:
        yield f"{_images(len(beside))} beside the class folders ({some(beside)})"
    others = [name for listing in inner for name in listing.others]
    if others:
        yield f"{_number(len(others), 'file')} of other kinds ({by_suffix(others)})"
    nested = [listing.path / name for listing in inner for name in listing.folders]
    yield from _in_folders("in folders inside class folders", nested)
    hidden = [str(listing.path / name) for listing in (*outer, *inner) for name in listing.hidden]
    if hidden:
        yield f"what is hidden: {some(hidden)}"


def _beside_parts(top: Listing, homes: dict[str, Listing], own_validation: bool) -> Iterator[str]:
    """Yield the images in folders that are neither classes nor parts, or in an unused part."""
    used = [home.path for home in homes.values()]
    if top.path in used:
        return
    left = [top.path / name for name in top.folders if top.path / name not in used]
    validation = [path for path in left if part_called(path.name) == "validation"]
    why = (
        "which has no class folders" if own_validation else "not used, for the split is the paper's"
    )
    yield from _in_folders(f"in a validation part, {why}", validation)
    others = [path for path in left if path not in validation]
    yield from _in_folders("in other folders than the parts", others)


def _in_folders(where: str, folders: list[Path]) -> Iterator[str]:
    counts = {str(path): count_images(path) for path in folders}
    held = [f"{path} has {below.images:,}" for path, below in counts.items() if below.images]
    if held:
        count = sum(below.images for below in counts.values())
        yield f"{_images(count)} {where} ({some(held)})"
    closed = [path for path, below in counts.items() if below.unreadable]
    if closed:
        yield f"folders that cannot be read, in {some(closed)}"


def _images(count: int) -> str:
    return _number(count, "image")


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
