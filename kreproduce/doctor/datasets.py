"""The images of each dataset: prepared, where, and the original ones or why not."""

import os
import shlex
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kreproduce.data import layouts, originals, sources, tfds
from kreproduce.data.builtin import BUILT_IN
from kreproduce.data.sources import Location, Source
from kreproduce.doctor.check import Check, Value
from kreproduce.doctor.child import ask
from kreproduce.errors import DataError
from kreproduce.text import printable

_PATIENCE = 600.0  # seconds


def check_dataset(dataset: str, data_dir: Path | None = None) -> Check:
    """Whether a run would find the images of a dataset, and whether they are the original ones.

    Everything is read, as a run does, and no image decoded: `kreproduce data check` does that.

    Args:
        dataset: one of `sources.DATASETS`.
        data_dir: same as for `sources.locate`.

    Raises:
        DataError: what is there is damaged; or TensorFlow, which reads it, is missing.
        SettingsError: TFDS_DATA_DIR is no place.
        OSError: it cannot be looked at.
    """
    if dataset in BUILT_IN:
        return check_images(dataset, Location("builtin", None))
    root = tfds.default_root() if data_dir is None else data_dir
    if data_dir is not None and not data_dir.is_dir():
        raise DataError(f"{data_dir} is no folder of images; pass another --data-dir")
    location = sources.prepared_in(root, dataset) or _unpacked(data_dir, dataset)
    if location is not None:
        return (
            _by_tensorflow(dataset, location)
            if location.kind == "tfds"
            else (check_images(dataset, location))
        )
    where = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    command = f"kreproduce data prepare {dataset}{where}"
    begun = tfds.unfinished(root, dataset)
    if begun is not None:
        found = f"{begun} was begun by TensorFlow Datasets, and is not finished"
        return Check(dataset, "warning", found, f"wait until it is, or run `{command}`")
    return Check(dataset, "warning", f"not prepared in {root}", f"run `{command}`")


def _unpacked(data_dir: Path | None, dataset: str) -> Location | None:
    """Return what the dataset's archive was unpacked in, which runs take as it is."""
    if data_dir is None:
        return None
    try:
        inner = layouts.inner(data_dir, dataset)
    except DataError:  # no such folder
        return None
    return sources.locate(dataset, data_dir) if inner != data_dir else None


def _by_tensorflow(dataset: str, location: Location) -> Check:
    """As `check_images`, in a process of its own: TensorFlow would take a GPU's memory in this."""
    without = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    answer = ask(("images", dataset, str(location.path)), _PATIENCE, without)
    if answer.why:
        return Check(dataset, "fault", answer.why)
    try:
        return TypeAdapter(Check).validate_json(answer.lines[-1] if answer.lines else "")
    except ValidationError:  # a library has printed something
        said = printable(answer.lines[-1], 200) if answer.lines else "nothing"
        return Check(dataset, "fault", f"what reads it said {said}")


def check_images(dataset: str, location: Location) -> Check:
    """Whether the images that were found are the original ones.

    Raises:
        DataError: they are damaged; or TensorFlow, which reads them, is missing.
    """
    source = sources.open_source(location, dataset)
    images, why = len(source.labels), originals.foreign_reason(source, dataset)
    where = f"in {location.path}" if location.path else "built in"
    path = str(location.path) if location.path else None
    values: dict[str, Value] = {"images": images, "path": path, "original": why is None}
    if dataset not in originals.SIZES:
        return Check(dataset, "ok", f"{images:,} images, {where}; {why}", values=values)
    if why is None:
        return Check(dataset, "ok", f"original, {images:,} images {where}", values=values)
    found = f"{images:,} images {where} are not the original ones: {why}"
    return Check(dataset, "warning", found, _for_originals(dataset, source), values)


def _for_originals(dataset: str, source: Source) -> str:
    way = "" if source.kind != "tfds" else " --archive FILE"
    return (
        f"they count for no row of a table; for those that do, run `kreproduce data prepare "
        f"{dataset}{way} --data-dir FOLDER` with another folder"
    )
