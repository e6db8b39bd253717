"""CIFAR-10's binary batches, as its authors publish them: in a folder, or in their archive.

An image is 3,073 bytes: its label, then the red, the green and the blue pixels, each row by row
(https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from kreproduce.data.images import Image, Source, reason
from kreproduce.errors import DataError

FOLDER = "cifar-10-batches-bin"
PARTS = {
    "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test": ("test_batch.bin",),
}
FILES = (*PARTS["train"], *PARTS["test"])
MD5 = dict(
    zip(
        PARTS["train"],
        (
            "5dd7e06a14cb22eb9f671a540d1b7c25",
            "5ea93a67294ea407fff1d09f752e9692",
            "942cd6a4bcdd0dd3c604fbe906cb4421",
            "ae636b3ba5c66a11e91e8cb52e771fcb",
            "53f37980c15c3d472c316c40844f3f0d",
        ),
        strict=True,
    )
)
"""Of the published training batches."""
LARGEST = 64 * 2**20  # bytes of a file; the published ones have 31 million

_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_SIDE = 32
_BYTES = 1 + 3 * _SIDE**2


def is_folder(folder: Path) -> bool:
    """Whether some of the batches lie in `folder`."""
    return any((folder / name).exists() for name in FILES)


def read_folder(folder: Path) -> Source:
    """Read the six files of images in `folder`.

    Raises:
        DataError: One of them is missing, unreadable or damaged.
    """
    return from_batches(_contents(folder, FILES), folder, "folder")


def read_training(folder: Path) -> Source:
    """Read the five training batches in `folder`, and compare them with the published ones.

    Raises:
        DataError: Same as for `read_folder`.
    """
    contents = _contents(folder, PARTS["train"])
    source = from_batches(contents, folder, "folder")
    return replace(source, unpublished=_unpublished(contents))


def is_published(folder: Path) -> bool:
    """Whether the five training batches in `folder` have the published bytes.

    Raises:
        DataError: One of them is missing or unreadable.
    """
    return not _unpublished(_contents(folder, PARTS["train"]))


def _unpublished(contents: Mapping[str, bytes]) -> tuple[str, ...]:
    return tuple(
        name
        for name, content in contents.items()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5[name]
    )


def _contents(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    contents = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path} is missing: unpack the archive of CIFAR-10 again")
        try:
            with path.open("rb") as file:
                contents[name] = file.read(LARGEST)
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror or reason(error)}): "
                "mend its permissions, or unpack the archive of CIFAR-10 again"
            ) from error
    return contents


def from_batches(
    contents: Mapping[str, bytes], where: Path, kind: Literal["archive", "folder"]
) -> Source:
    """Return the images in the contents of the six files, or of the training batches alone.

    They have the ids that TFDS gives them: train_00000, train_00001 and so on.

    Args:
        contents: The content of each of FILES, or of each of PARTS["train"].
        where: The folder or the archive that they are from, for messages.
        kind: Of the source.

    Raises:
        DataError: A file does not hold whole images, or has a label above 9.
    """
    records = {
        part: np.concatenate([_records(contents[name], where / name) for name in names])
        for part, names in PARTS.items()
        if not contents.keys().isdisjoint(names)
    }
    every = np.concatenate(list(records.values()))
    pixels = every[:, 1:].reshape(-1, 3, _SIDE, _SIDE)
    labels = every[:, 0].astype(np.int32)
    names = [f"{part}_{i:05d}" for part, rows in records.items() for i in range(len(rows))]

    def decode(index: int) -> Image:
        return np.ascontiguousarray(pixels[index].transpose(1, 2, 0))

    return Source(
        name="cifar10",
        kind=kind,
        class_names=_CLASSES,
        labels=labels,
        names=names,
        parts=np.repeat(list(records), [len(rows) for rows in records.values()]),
        decode=decode,
        sequence=True,
    )


def _records(content: bytes, name: Path) -> np.ndarray:
    """uint8 (images, 3073)."""
    whole = len(content) and len(content) % _BYTES == 0
    records = np.frombuffer(content, np.uint8).reshape(-1, _BYTES) if whole else None
    if records is None or records[:, 0].max() >= len(_CLASSES):
        found = "a label above 9" if whole else f"{len(content):,} bytes, not images of {_BYTES:,}"
        raise DataError(f"{name} is damaged (it has {found}): fetch CIFAR-10's archive again")
    return records
