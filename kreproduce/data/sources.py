"""Where the images of a dataset lie, and what makes them the paper's own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kreproduce import paper
from kreproduce.data import cache, cifar, layouts
from kreproduce.data.folders import check_folder, read_folder
from kreproduce.data.images import Image, digest
from kreproduce.data.images import Source as Source  # part of what this file offers
from kreproduce.data.tfds import default_root, prepared, prepared_names, read_tfds
from kreproduce.errors import DataError, SettingsError, nearest

DATASETS = ("digits", *paper.IMAGES)
"""The names that are known without --data-dir."""

_DEMONSTRATION = "a demonstration, not a dataset of the paper"
_FOLDER = "read from a folder of images"


@dataclass(frozen=True)
class Location:
    """Where a dataset's images lie.

    Attributes:
        kind: 'builtin', 'cache', 'tfds' or 'folder'.
        path: The file of the cache, the TFDS version's folder or the folder of images; None for
            'builtin', and where nothing has been prepared.
        of_folder: Whether the images are those of a folder, directly or through a cache, which
            says nothing of what they are.
    """

    kind: str
    path: Path | None
    of_folder: bool = False


def locate(dataset: str, data_dir: Path | None) -> Location:
    """Finds a dataset without reading an image.

    A prepared cache is preferred to what it was made from.

    Args:
        dataset: One of DATASETS; with `data_dir`, any name.
        data_dir: A folder that holds a prepared cache of `dataset`, a TFDS data directory that
            holds it, or a folder of images; what an archive of the paper's datasets was
            unpacked in is recognised.

    Raises:
        SettingsError: An unknown name without `data_dir`.
        DataError: `data_dir` is missing or unreadable, or holds other TFDS datasets; or the
            cache is damaged.
    """
    if dataset == "digits":
        if data_dir is not None:
            raise SettingsError(
                "'digits' is built in and takes no --data-dir: leave it out, or name the images"
            )
        return Location("builtin", None)
    if data_dir is None:
        if dataset not in DATASETS:
            raise SettingsError(
                f"'{dataset}' is not among the datasets that are found without --data-dir: "
                f"{nearest(dataset, DATASETS)}"
            )
        return _prepared(default_root(), dataset) or Location("tfds", None)
    check_folder(data_dir)
    found = _prepared(data_dir, dataset)
    if found:
        return found
    others = prepared_names(data_dir)
    if others:
        raise DataError(
            f"{data_dir} is a TFDS directory with {', '.join(others)} but without '{dataset}': "
            f"run `kreproduce data prepare {dataset}`, or pass another --data-dir"
        )
    return Location("folder", layouts.inner(data_dir, dataset), of_folder=True)


def open_source(location: Location, dataset: str) -> Source:
    """Lists the images at `location`, decoding none.

    Raises:
        DataError: Nothing has been prepared, or what is there cannot be read or is laid out
            otherwise than it should be.
    """
    if location.kind == "builtin":
        return _digits()
    if location.path is None:
        raise DataError(
            f"'{dataset}' is not prepared in {default_root()}: run "
            f"`kreproduce data prepare {dataset}`, or pass --data-dir"
        )
    if location.kind == "cache":
        return cache.read(location.path)
    if location.kind == "tfds":
        return read_tfds(location.path, dataset)
    if dataset == "cifar10" and cifar.is_folder(location.path):
        return cifar.read_folder(location.path)
    return read_folder(location.path, dataset)


def class_names(location: Location, dataset: str) -> tuple[str, ...]:
    """The classes of the images at `location`; of a cache, without looking at its images.

    Raises:
        DataError: As of `open_source`.
    """
    if location.kind == "cache" and location.path is not None:
        return tuple(cache.peek(location.path, dataset).class_names)
    return open_source(location, dataset).class_names


def foreign_reason(source: Source, dataset: str) -> str | None:
    """Why `source` is not the paper's `dataset`, or None where it is.

    It is where TFDS or the published archive gave it, directly or through a cache, and every
    class has as many images in every part as in the paper.
    """
    if source.kind == "builtin":
        return _DEMONSTRATION
    if source.kind == "folder":
        return _FOLDER
    if dataset not in paper.IMAGES:
        return "not a dataset of the paper"
    images = paper.IMAGES[dataset]
    expected = {part: [count] * images.classes for part, count in images.parts.items()}
    return _other_counts(source, expected)


def _prepared(folder: Path, dataset: str) -> Location | None:
    path = cache.path_in(folder, dataset)
    if path.exists():
        return Location("cache", path, of_folder=cache.peek(path, dataset).kind == "folder")
    version = prepared(folder, dataset)
    return Location("tfds", version) if version else None


def _other_counts(source: Source, expected: dict[str, list[int]]) -> str | None:
    found = {
        part: np.bincount(source.labels[source.parts == part], minlength=len(source.class_names))
        for part in dict.fromkeys(source.parts.tolist())
    }
    if found.keys() == expected.keys() and all(
        found[part].tolist() == counts for part, counts in expected.items()
    ):
        return None
    return f"other numbers of images a class than the paper's: {_counts(found)}"


def _counts(found: dict[str, np.ndarray]) -> str:
    return "; ".join(
        f"{part} {counts.min()} to {counts.max()} in {len(counts)} classes"
        for part, counts in found.items()
    )


def _digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)

    def decode(index: int) -> Image:
        return np.repeat(grey[index, ..., np.newaxis], 3, axis=-1)

    class_names = tuple(str(name) for name in digits.target_names)
    return Source(
        name="digits",
        kind="builtin",
        class_names=class_names,
        labels=digits.target.astype(np.int32),
        names=[""] * len(grey),
        parts=np.full(len(grey), "all"),
        decode=decode,
        listing=digest(class_names, (("", label, 64) for label in digits.target.tolist())),
    )
