"""Datasets in the on-disk format of TensorFlow Datasets: found without it, read through it."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kreproduce.data import heldout, originals
from kreproduce.data.decode import decode_image
from kreproduce.data.images import Image, Source, reason
from kreproduce.data.remarks import Remarks
from kreproduce.data.tfds_info import (
    INFO,
    Shard,
    Version,
    name_in,
    read_version,
    unlabelled,
    unreadable,
)
from kreproduce.errors import DataError, SettingsError
from kreproduce.system import quiet
from kreproduce.text import some

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_BATCH = 256
_HEADER, _FOOTER = 12, 4  # bytes around a record: its length and that one's checksum; its own


def default_root() -> Path:
    """Where TFDS keeps its datasets: $TFDS_DATA_DIR, or ~/tensorflow_datasets."""
    root = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    try:
        return Path(root).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"TFDS_DATA_DIR: {root} names a home folder that is none; set it to a folder"
        ) from None


def prepared(folder: Path, dataset: str) -> Path | None:
    """Return the newest prepared version of `dataset` in `folder`, or None.

    Args:
        folder: TFDS' data directory; or in it, the folder of the dataset, of one of its
            configurations, or of a version, which then is the one.
        dataset: The dataset's name.

    Raises:
        DataError: The dataset has several configurations and `folder` does not say which; or
            `folder` is one of another dataset.
    """
    own_name = folder.resolve().name  # also of "."
    version = _newest(folder / dataset) or _only_config(folder / dataset, dataset)
    # A configuration lies in its dataset's folder as a dataset in TFDS' directory.
    of_folder = version is not None and name_in(version) == own_name
    if version is None and own_name == dataset:
        version = _newest(folder) or _only_config(folder, dataset)
    if version is not None and not of_folder:
        return version
    version = version or (folder if (folder / INFO).is_file() else _newest(folder))
    name = version and name_in(version)
    if name and name != dataset:
        raise DataError(
            f"{folder} holds '{name}' of TensorFlow Datasets, and not '{dataset}': say '{name}', "
            "or pass another --data-dir"
        )
    return version


def prepared_names(root: Path) -> list[str]:
    """Return the datasets with a prepared version under `root`, by name."""
    versions = (info.parent for info in root.glob(f"*/*/{INFO}"))
    own_name = root.resolve().name  # what lies in a dataset's own folder are configurations
    found = {
        own_name if name_in(v) == own_name else v.parent.name
        for v in versions
        if _VERSION.fullmatch(v.name)
    }
    of_configs = (info.parent for info in root.glob(f"*/*/*/{INFO}"))
    return sorted(found | {v.parents[1].name for v in of_configs if _VERSION.fullmatch(v.name)})


def unfinished(root: Path, dataset: str) -> Path | None:
    """Return what TFDS has begun to prepare of `dataset` under `root`, or None."""
    begun = (*root.glob(f"{dataset}/incomplete.*"), *root.glob(f"{dataset}/*/incomplete.*"))
    return next((path for path in begun if path.is_dir()), None)


def class_names(path: Path, dataset: str) -> tuple[str, ...]:
    """Return the classes of one prepared version, read without TensorFlow.

    Raises:
        DataError: Same as for `read_tfds`, as far as that is seen without it.
    """
    return _version(path, dataset).class_names


def read_tfds(path: Path, dataset: str) -> Source:
    """Read one prepared version, in the order in which its shards store it.

    The images stay encoded in memory until they are asked for. Their names are the feature
    'id' (cifar10) or 'filename' (colorectal_histology); malaria has neither.

    Args:
        path: The version's folder, which holds dataset_info.json.
        dataset: The dataset's name.

    Raises:
        DataError: The files are damaged or incomplete, or have no images with class labels; or
            TensorFlow is not installed.
    """
    version = _version(path, dataset)
    _check_shards(path, dataset, version)
    try:
        records = _records(path, version)
    except ImportError as error:
        raise DataError(
            f"TensorFlow Datasets cannot be imported ({reason(error)}): install tensorflow"
            + (
                f", or copy the cache that `kreproduce data prepare {dataset}` writes where it is "
                "installed"
                if dataset in originals.SIZES
                else ""
            )
        ) from error
    except MemoryError:  # for what is there, as the lengths were held against the files'
        raise
    # TFDS and TensorFlow raise errors of many kinds for damaged files, late in a pass.
    except Exception as error:
        shards = [shard for part in version.shards.values() for shard in part]
        damaged = [shard.path.name for shard in shards if _is_damaged(shard)]
        why = f"damaged: {some(damaged)}" if damaged else reason(error)
        raise unreadable(path, why, _again(dataset)) from error
    encoded: list[bytes] = [image for part in records.values() for image in part["image"]]
    remarks = Remarks()

    def decode(index: int) -> Image:
        return decode_image(encoded[index], f"image {index} of {path}", remarks)

    return Source(
        name=dataset,
        kind="tfds",
        class_names=version.class_names,
        labels=_labels(path, version, {part: found["label"] for part, found in records.items()}),
        names=[name for part in records.values() for name in part["name"]],
        parts=np.repeat(list(records), [len(part["image"]) for part in records.values()]),
        decode=decode,
        remarks=remarks,
        sequence=dataset == heldout.ORIGIN,  # of no other are the ids in random order
        passed_over=version.passed_over,
    )


def _newest(folder: Path) -> Path | None:
    """Return the newest of the versions that lie in `folder`."""
    found = [
        info.parent for info in folder.glob(f"*/{INFO}") if _VERSION.fullmatch(info.parent.name)
    ]
    return max(found, key=lambda path: [int(n) for n in path.name.split(".")], default=None)


def _only_config(folder: Path, dataset: str) -> Path | None:
    """Return the newest version of the only configuration that lies in a dataset's folder."""
    versions = (info.parent for info in folder.glob(f"*/*/{INFO}"))
    configs = sorted({version.parent for version in versions if _VERSION.fullmatch(version.name)})
    if len(configs) > 1:
        names = some([config.name for config in configs])
        raise DataError(
            f"{folder} holds several configurations of '{dataset}' ({names}): say which, for one "
            f"--data-dir {configs[0]}"
        )
    return _newest(configs[0]) if configs else None


def _version(path: Path, dataset: str) -> Version:
    # The paper's datasets are divided as the authors did.
    return read_version(path, dataset, dataset not in originals.SIZES, _again(dataset))


def _again(dataset: str) -> str:
    if dataset in originals.SIZES:
        return (
            f"move that folder away and prepare it again with `kreproduce data prepare {dataset}`"
        )
    return "copy it again from where it was made, or make it again with TensorFlow Datasets"


def _check_shards(path: Path, dataset: str, version: Version) -> None:
    """Refuse what is missing or cut short, and what claims to be larger than its file."""
    shards = [shard for part in version.shards.values() for shard in part]
    missing = [shard.path.name for shard in shards if not os.path.isfile(shard.path)]  # noqa: PTH113  # which raises nothing
    if missing:
        raise unreadable(path, f"missing: {some(missing)}", _again(dataset))
    counts = {shard: _count(shard.path) for shard in shards}
    damaged = [shard.path.name for shard, count in counts.items() if not count]
    if damaged:
        raise unreadable(path, f"damaged: {some(damaged)}", _again(dataset))
    for part, split in version.splits.items():
        listed = sum(shard.images for shard in version.shards[part])
        found = sum(counts[shard] for shard in version.shards[part])
        if listed != found:
            why = f"{found:,} of {listed:,} {split} images are there"
            raise unreadable(path, why, _again(dataset))


def _count(shard: Path) -> int:
    """How many records the file has; 0 where their lengths do not add up to its size.

    TensorFlow would take as much memory as the length says, before it looks for the record.
    """
    try:
        with shard.open("rb") as file:
            size, place, count = file.seek(0, os.SEEK_END), 0, 0
            while place < size:
                file.seek(place)
                length = int.from_bytes(file.read(_HEADER)[:8], "little")
                place += _HEADER + length + _FOOTER
                count += 1
    except OSError:
        return 0
    return count if place == size else 0


def _is_damaged(shard: Shard) -> bool:
    """Whether TensorFlow finds a record with a wrong checksum in a file."""
    import tensorflow as tf

    try:
        return sum(1 for _ in tf.data.TFRecordDataset(str(shard.path)).batch(_BATCH)) == 0
    except tf.errors.OpError:
        return True


def _labels(
    path: Path, version: Version, labels: dict[str, NDArray[np.int64]]
) -> NDArray[np.int32]:
    """Return the labels of all parts, (images,); refuse what is no class."""
    classes = len(version.class_names)
    for part, found in labels.items():
        split = version.splits[part]
        without = int(np.count_nonzero(found == -1))
        if without:
            raise unlabelled(path, split, without, len(found))
        outside = found[(found < 0) | (found >= classes)]
        if len(outside):
            raise DataError(
                f"part '{split}' of the TFDS dataset in {path} has the label {outside[0]}, and "
                f"there are only {classes:,} classes, from 0: mend it where the dataset is made"
            )
    every = np.concatenate(list(labels.values())).astype(np.int32)
    absent = np.setdiff1d(np.arange(classes), every)
    if len(absent):
        raise DataError(
            f"no image of the TFDS dataset in {path} is of class "
            f"'{version.class_names[absent[0]]}': make it again without that class, or with images "
            "of it"
        )
    return every


def _records(path: Path, version: Version) -> dict[str, dict[str, Any]]:
    """By part the columns 'image' (encoded), 'label' and 'name'."""
    with quiet.silence_stderr():
        import tensorflow  # noqa: F401  # TFDS imports it later, when it is not quiet
        import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(path)
    columns = {
        part: _columns(builder, split, version.id_feature) for part, split in version.splits.items()
    }
    for part, shards in version.shards.items():
        listed, found = sum(shard.images for shard in shards), len(columns[part]["image"])
        if listed != found:
            raise ValueError(f"{found:,} of {listed:,} {version.splits[part]} images are there")
    return columns


def _columns(builder: Any, split: str, id_feature: str | None) -> dict[str, Any]:
    import tensorflow_datasets as tfds

    wanted = ["image", "label", *([id_feature] if id_feature else [])]
    with quiet.silence_stderr():  # TFDS warns of its own use of what it has deprecated
        records = builder.as_dataset(
            split=split,
            shuffle_files=False,
            # Of other features, which may be large or of many sizes, nothing is read.
            decoders=tfds.decode.PartialDecoding(
                dict.fromkeys(wanted, True), {"image": tfds.decode.SkipDecoding()}
            ),
            # One shard after another; read once, so there is nothing to cache.
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
    batches = list(records.batch(_BATCH).as_numpy_iterator())
    columns = {key: np.concatenate([batch[key] for batch in batches]) for key in wanted}
    count = len(columns["label"])
    names = columns[id_feature] if id_feature else [b""] * count
    return {
        "image": list(columns["image"]),
        "label": columns["label"],
        "name": [name.decode("utf-8", "surrogateescape") for name in names],
    }
