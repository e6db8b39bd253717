"""Prepared caches: the decoded images of a dataset in one file, read with NumPy alone.

DATASET.kreproduce.npz holds `pixels`, all images' bytes one after another; `shapes`, the height
and width of each; `labels`; `parts`; `about`, JSON with the rest; and `sha256` of all of these.
So it is read on a machine without TensorFlow, faster than the images are decoded, and to the same
images whatever decodes them there. It says what it was made from, and so do the records of runs
on it. The checksum finds damage and careless changes; it is no signature.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from kreproduce.data.images import Image, Source, reason
from kreproduce.errors import DataError, StorageError
from kreproduce.system import disk, files, npz
from kreproduce.system.npz import Arrays
from kreproduce.system.strict import from_json

_SUMMED = ("about", "labels", "parts", "shapes", "pixels")
_BLOCK = 2**20  # bytes
_SUFFIX = ".kreproduce.npz"
_KINDS = {"about": "u", "labels": "i", "parts": "U", "shapes": "i", "pixels": "u", "sha256": "U"}
_PARTS = (["all"], ["test", "train"], ["train", "validation"], ["test", "train", "validation"])


class About(BaseModel):
    """What a cache says of itself; the attributes are those of `Source`.

    Attributes:
        format: Of the file.
        listing: In older caches; nothing reads it.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    kind: Literal["builtin", "tfds", "archive", "folder"]
    class_names: Annotated[list[str], Field(min_length=1)]
    names: list[str]
    sequence: bool
    unpublished: list[str] | None = None
    listing: str | None = None

    @property
    def may_be_anything(self) -> bool:
        """As that of `Source`."""
        return self.kind == "folder" and self.unpublished != []


def path_in(folder: Path, dataset: str) -> Path:
    """Where the cache of `dataset` lies in `folder`, or would."""
    return folder / f"{dataset}{_SUFFIX}"


def write(source: Source, path: Path) -> None:
    """Decode all images of `source` into a cache at `path`, in one step.

    Raises:
        DataError: An image is damaged.
        StorageError: The disk does not take the file; none is left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a name, so nothing is left of it: the total size is known only at the end.
        with disk.nameless(path.parent) as raw:
            shapes = np.empty((len(source.labels), 2), np.int32)
            for index, image in enumerate(source.read(range(len(source.labels)))):
                shapes[index] = image.shape[:2]
                raw.write(image.tobytes())
            arrays: Arrays = {
                "shapes": shapes,
                "labels": source.labels.astype(np.int32),
                "parts": source.parts.astype("U10"),
                "about": np.frombuffer(_about(source), np.uint8),
            }
            files.replace(path, lambda beside: _write(beside, arrays, raw))
    except OSError as error:
        raise StorageError(disk.refusal(f"{path}", error, "folder with --data-dir")) from error


def _write(path: Path, arrays: Arrays, pixels: IO[bytes]) -> None:
    """Write what `np.savez` would, the pixels from a file.

    They may not fit into the memory, and not every file system maps a file into it.
    """
    length = pixels.seek(0, os.SEEK_END)
    pixels.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (length,)}
    digest = _digest(arrays)
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("pixels.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            while block := pixels.read(_BLOCK):
                digest.update(block)
                member.write(block)
        summed = arrays | {"sha256": np.array(digest.hexdigest())}
        for name, array in summed.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def peek(path: Path, dataset: str) -> About:
    """Return what the cache at `path` says of itself, its images and checksum not looked at.

    Raises:
        DataError: It is no cache, damaged, or one of another dataset.
    """
    about = _understood(path, _members(path, "about"))
    if about.name != dataset:
        raise DataError(f"{path} holds images of '{about.name}', not of '{dataset}': rename it")
    return about


def read(path: Path) -> Source:
    """Return the images of the cache at `path`.

    Raises:
        DataError: It is no cache, or is not as it was written.
    """
    arrays = _members(path, *_SUMMED, "sha256")
    if not np.array_equal(arrays["sha256"], np.array(_checksum(arrays))):
        raise _damaged(path, "its checksum is of another content")
    about = _understood(path, arrays)
    _check(path, about, arrays)
    pixels, shapes = arrays["pixels"], arrays["shapes"].tolist()
    ends = np.cumsum([3 * height * width for height, width in shapes]).tolist()

    def decode(index: int) -> Image:
        height, width = shapes[index]
        end = ends[index]
        return pixels[end - 3 * height * width : end].reshape(height, width, 3)

    return Source(
        name=about.name,
        kind=about.kind,
        class_names=tuple(about.class_names),
        labels=arrays["labels"],
        names=about.names,
        parts=arrays["parts"],
        decode=decode,
        sequence=about.sequence,
        cached=True,
        unpublished=None if about.unpublished is None else tuple(about.unpublished),
    )


def _about(source: Source) -> bytes:
    about = About(
        name=source.name,
        kind=source.kind,
        class_names=list(source.class_names),
        names=source.names,
        sequence=source.sequence,
        unpublished=None if source.unpublished is None else list(source.unpublished),
    )
    # Not by pydantic, which knows no file names that are not Unicode.
    return json.dumps(about.model_dump(exclude_none=True)).encode()


def _understood(path: Path, arrays: Arrays) -> About:
    try:
        return About.model_validate(from_json(arrays["about"].tobytes()))
    except ValueError as error:
        raise _damaged(path, "what it says of itself is in another form") from error


def _checksum(arrays: Arrays) -> str:
    """SHA-256 of the bytes of all that `_SUMMED` names."""
    digest = _digest(arrays)
    digest.update(_bytes(arrays["pixels"]))
    return digest.hexdigest()


def _digest(arrays: Arrays) -> "hashlib._Hash":
    """Return the checksum before the pixels, the last of `_SUMMED`, are added."""
    digest = hashlib.sha256()
    for name in _SUMMED[:-1]:
        digest.update(_bytes(arrays[name]))
    return digest


def _bytes(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _members(path: Path, *names: str) -> Arrays:
    if not path.is_file():  # to open a pipe would wait for ever
        raise _damaged(path, "it is not a file")
    try:
        with path.open("rb") as file:
            arrays = npz.read(file, names)
    except PermissionError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): mend its permissions"
        ) from error
    except MemoryError:  # for what is there, as its sizes were held against the file's
        raise
    # Damage shows up as errors of zipfile, of NumPy's format, or as a missing key.
    except Exception as error:
        raise _damaged(path, reason(error)) from error
    if any(array.dtype.kind != _KINDS[name] for name, array in arrays.items()):
        raise _damaged(path, "its arrays do not belong together")
    return arrays


def _check(path: Path, about: About, arrays: Arrays) -> None:
    """Refuse a file that somebody else wrote, with a good checksum and arrays that disagree."""
    if not _is_sound(about, arrays):
        raise _damaged(path, "its arrays do not belong together")


def _is_sound(about: About, arrays: Arrays) -> bool:
    count, classes = len(about.names), len(about.class_names)
    labels, parts, shapes = (arrays[name] for name in ("labels", "parts", "shapes"))
    return bool(
        labels.shape == parts.shape == (count,)
        and labels.dtype == np.int32
        and shapes.shape == (count, 2)
        and arrays["pixels"].dtype == np.uint8
        and count > 0
        and shapes.min() > 0
        # In Python's numbers: in 64 bits the product of absurd ones can be any other.
        and arrays["pixels"].shape == (sum(3 * h * w for h, w in shapes.tolist()),)
        and np.unique(labels).tolist() == list(range(classes))
        # As arrays: what stands there need not be characters, which only NumPy bears.
        and any(np.array_equal(np.unique(parts), np.array(known)) for known in _PARTS)
    )


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is damaged or no cache of images ({why}): move it away, and make or copy it again"
    )
