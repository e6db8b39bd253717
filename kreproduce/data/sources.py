"""Where the images of a dataset lie, and what makes them the paper's own."""

from dataclasses import dataclass
from pathlib import Path

from kreproduce.data import cache, cifar, heldout, layouts, originals, tfds
from kreproduce.data.builtin import BUILT_IN
from kreproduce.data.folders import check_folder, read_folder
from kreproduce.data.images import Source as Source  # part of what this file offers
from kreproduce.data.tfds import default_root, prepared, prepared_names, read_tfds
from kreproduce.errors import DataError, SettingsError
from kreproduce.text import nearest, some

DATASETS = (*BUILT_IN, *originals.SIZES)
"""The names that are known without --data-dir."""


@dataclass(frozen=True)
class Location:
    """Where a dataset's images lie.

    Attributes:
        kind: 'builtin', 'cache', 'tfds' or 'folder'.
        path: The file of the cache, the TFDS version's folder or the folder of images; None for
            'builtin', and where nothing has been prepared.
        of_folder: Whether the images are those of a folder, directly or through a cache, that
            says nothing of what they are; published files, known by their checksums, do.
    """

    kind: str
    path: Path | None
    of_folder: bool = False


def locate(dataset: str, data_dir: Path | None) -> Location:
    """Find a dataset without reading an image.

    A prepared cache is preferred to what it was made from.

    Args:
        dataset: One of DATASETS; with `data_dir`, any name.
        data_dir: A folder that holds a prepared cache of `dataset`, a TFDS data directory that
            holds it, or in that the folder of the dataset, a configuration or a version; or a
            folder of images; what an archive of the paper's datasets was unpacked in is
            recognised.

    Raises:
        SettingsError: An unknown name without `data_dir`.
        DataError: `data_dir` is missing or unreadable, or holds other TFDS datasets, an
            unfinished one or several configurations; or the cache is damaged.
    """
    if dataset in BUILT_IN:
        if data_dir is not None:
            raise SettingsError(
                f"'{dataset}' is built in and takes no --data-dir: leave it out, or rename the "
                "images"
            )
        return Location("builtin", None)
    if data_dir is None:
        if dataset not in DATASETS:
            raise SettingsError(
                f"'{dataset}' is not among the datasets that are found without --data-dir: "
                f"{nearest(dataset, DATASETS)}"
            )
        return prepared_in(default_root(), dataset) or Location("tfds", None)
    check_folder(data_dir)
    found = prepared_in(data_dir, dataset)
    if found:
        return found
    begun = tfds.unfinished(data_dir, dataset)
    if begun:
        raise DataError(
            f"{begun} is what TensorFlow Datasets has begun of '{dataset}', and nothing is "
            "finished: wait until it is prepared, or prepare it again"
        )
    others = prepared_names(data_dir)
    if others:
        way_out = "say the name of what it holds"
        if dataset in originals.SIZES:
            way_out = f"run `kreproduce data prepare {dataset}`"
        raise DataError(
            f"{data_dir} is a TFDS directory with {some(others)} but without '{dataset}': "
            f"{way_out}, or pass another --data-dir"
        )
    folder = layouts.inner(data_dir, dataset)
    published = dataset == heldout.NAME and cifar.is_published(folder)
    return Location("folder", folder, of_folder=not published)


def prepared_in(folder: Path, dataset: str) -> Location | None:
    """Return a cache of `dataset` in `folder`, or else what one could be made of.

    That is TFDS' version or, of a dataset that is part of another, an original cache of that one.

    Raises:
        DataError: There is a cache, and it is damaged.
    """
    path = cache.path_in(folder, dataset)
    if path.exists():
        return Location("cache", path, of_folder=cache.peek(path, dataset).may_be_anything)
    origin = heldout.origin(dataset)
    path = cache.path_in(folder, origin)
    if path.exists() and not cache.peek(path, origin).may_be_anything:
        return Location("cache", path)
    version = prepared(folder, origin)
    return Location("tfds", version) if version else None


def open_source(location: Location, dataset: str) -> Source:
    """List the images at `location`, decoding none.

    Raises:
        DataError: Nothing has been prepared, or what is there cannot be read or is laid out
            otherwise than it should be.
    """
    if location.kind == "builtin":
        return BUILT_IN[dataset]()
    if location.path is None:
        raise DataError(
            f"'{dataset}' is not prepared in {default_root()}: run "
            f"`kreproduce data prepare {dataset}`, or pass --data-dir"
        )
    if location.kind == "cache":
        source = cache.read(location.path)
        return source if source.name == dataset else heldout.taken_from(source)
    if location.kind == "tfds":
        source = read_tfds(location.path, heldout.origin(dataset))
        return source if source.name == dataset else heldout.taken_from(source)
    if dataset == heldout.NAME:
        return heldout.taken_from(cifar.read_training(location.path))
    if dataset == "cifar10" and cifar.is_folder(location.path):
        return cifar.read_folder(location.path)
    # The paper's datasets are divided as the authors did.
    return read_folder(location.path, dataset, own_validation=dataset not in originals.SIZES)


def class_names(location: Location, dataset: str) -> tuple[str, ...]:
    """Return the classes of the images at `location`; no image of a cache or of TFDS is read.

    Raises:
        DataError: Same as for `open_source`.
    """
    if location.kind == "cache" and location.path is not None:
        return tuple(cache.peek(location.path, dataset).class_names)
    if location.kind == "tfds" and location.path is not None:
        return tfds.class_names(location.path, dataset)
    return open_source(location, dataset).class_names
