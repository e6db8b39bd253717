"""Datasets in the on-disk format of TensorFlow Datasets: found without it, read through it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from kreproduce import quiet
from kreproduce.data import heldout
from kreproduce.data.decode import decode_image
from kreproduce.data.images import Image, Source, reason
from kreproduce.data.remarks import Remarks
from kreproduce.errors import DataError, SettingsError

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_BATCH = 256
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


def default_root() -> Path:
    """Where TFDS keeps its datasets: $TFDS_DATA_DIR, or ~/tensorflow_datasets."""
    root = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    try:
        return Path(root).expanduser()
    except RuntimeError:
        raise SettingsError(f"TFDS_DATA_DIR: {root} names a home folder that is none") from None


def prepared(root: Path, dataset: str) -> Path | None:
    """The newest prepared version of `dataset` under `root`, or None."""
    found = [
        info.parent
        for info in (root / dataset).glob("*/dataset_info.json")
        if _VERSION.fullmatch(info.parent.name)
    ]
    return max(found, key=lambda path: [int(n) for n in path.name.split(".")], default=None)


def prepared_names(root: Path) -> list[str]:
    """The datasets with a prepared version under `root`, by name."""
    versions = (info.parent for info in root.glob("*/*/dataset_info.json"))
    return sorted({v.parent.name for v in versions if _VERSION.fullmatch(v.name)})


def read_tfds(path: Path, dataset: str) -> Source:
    """Reads one prepared version, in the order in which its shards store it.

    The images stay encoded in memory until they are asked for. Their names are the feature
    'id' (cifar10) or 'filename' (colorectal_histology); malaria has neither.

    Args:
        path: The version's folder, which holds dataset_info.json.
        dataset: The dataset's name.

    Raises:
        DataError: The files are damaged or incomplete, or have no images with class labels; or
            TensorFlow is not installed.
    """
    missing = [shard.name for shard in _shards(path) if not shard.is_file()]
    if missing:
        raise _unreadable(path, dataset, f"missing: {', '.join(missing)}")
    try:
        class_names, records = _records(path)
    except DataError:
        raise
    except ImportError as error:
        raise DataError(
            f"TensorFlow Datasets cannot be imported ({reason(error)}): install tensorflow, or "
            f"copy the cache that `kreproduce data prepare {dataset}` writes where it is installed"
        ) from error
    # TFDS and TensorFlow raise errors of many kinds for damaged files, late in a pass.
    except Exception as error:
        damaged = [shard.name for shard in _shards(path) if _is_damaged(shard)]
        why = f"damaged: {', '.join(damaged)}" if damaged else reason(error)
        raise _unreadable(path, dataset, why) from error
    encoded: list[bytes] = [image for part in records.values() for image in part["image"]]
    remarks = Remarks()

    def decode(index: int) -> Image:
        return decode_image(encoded[index], f"image {index} of {path}", remarks)

    labels = np.concatenate([part["label"] for part in records.values()]).astype(np.int32)
    names = [name for part in records.values() for name in part["name"]]
    return Source(
        name=dataset,
        kind="tfds",
        class_names=class_names,
        labels=labels,
        names=names,
        parts=np.repeat(list(records), [len(part["image"]) for part in records.values()]),
        decode=decode,
        remarks=remarks,
        sequence=dataset == heldout.ORIGIN,  # of no other are the ids in random order
    )


def _unreadable(path: Path, dataset: str, why: str) -> DataError:
    return DataError(
        f"the TFDS dataset in {path} cannot be read ({why}): "
        f"delete that folder and prepare it again with `kreproduce data prepare {dataset}`"
    )


def _shards(path: Path) -> list[Path]:
    """The files that dataset_info.json promises; none where it is damaged, or in another form."""
    try:
        info = json.loads((path / "dataset_info.json").read_bytes())
        if info["fileFormat"] != "tfrecord" or any(
            split.get("filepathTemplate", _TEMPLATE) != _TEMPLATE for split in info["splits"]
        ):
            return []
        return [
            path / f"{info['name']}-{split['name']}.tfrecord-{shard:05d}-of-{len(lengths):05d}"
            for split in info["splits"]
            for lengths in [split["shardLengths"]]
            for shard in range(len(lengths))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _is_damaged(shard: Path) -> bool:
    """Whether TensorFlow finds a file empty, cut short, or with a wrong checksum."""
    import tensorflow as tf

    try:
        return sum(1 for _ in tf.data.TFRecordDataset(str(shard)).batch(_BATCH)) == 0
    except tf.errors.OpError:
        return True


def _records(path: Path) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
    """The class names; and by part the columns 'image' (encoded), 'label' and 'name'."""
    with quiet.standard_error():
        import tensorflow  # noqa: F401  # TFDS imports it later, when it is not quiet
        import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(path)
    features, splits = builder.info.features, builder.info.splits
    labelled = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)
    if not labelled or "image" not in features:
        raise DataError(f"the TFDS dataset in {path} lacks a feature 'image' or a class 'label'")
    if "train" not in splits:
        raise DataError(f"the TFDS dataset in {path} has no split 'train'")
    parts = {"train": "train", "test": "test"} if "test" in splits else {"all": "train"}
    records = {part: _columns(builder, split) for part, split in parts.items()}
    for part, split in parts.items():
        listed, found = splits[split].num_examples, len(records[part]["image"])
        if listed != found:
            raise ValueError(f"{found} of {listed} {split} images are there")
    return tuple(features["label"].names), records


def _columns(builder: Any, split: str) -> dict[str, Any]:
    import tensorflow_datasets as tfds

    records = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders={"image": tfds.decode.SkipDecoding()},
        # One shard after another; read once, so there is nothing to cache.
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    batches = list(records.batch(_BATCH).as_numpy_iterator())
    columns = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
    names = next((columns[key] for key in ("id", "filename") if key in columns), None)
    return {
        "image": list(columns["image"]),
        "label": columns["label"],
        "name": [""] * len(columns["image"]) if names is None else [n.decode() for n in names],
    }
