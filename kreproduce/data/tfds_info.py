"""What a prepared version of TensorFlow Datasets says of itself, read without it.

TFDS writes three small files beside the shards: dataset_info.json (the parts and their shards),
features.json (what each image comes with) and label.labels.txt (the names of the classes). What
cannot be trained on is refused here, before TensorFlow is imported and anything large is read.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from kreproduce.data.parts import part_called
from kreproduce.errors import DataError
from kreproduce.system import files
from kreproduce.system.strict import from_json
from kreproduce.text import printable, some

INFO = "dataset_info.json"
_FEATURES = "features.json"
_LARGEST = 32 * 2**20  # bytes; of a dataset with ten thousand shards it has two hundred thousand
_NAME = re.compile(r"\w[\w-]*")
_NUMBER = re.compile(r"[0-9]{1,15}")
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_FIELD = re.compile(r"\{(DATASET|SPLIT|FILEFORMAT|SHARD_INDEX|NUM_SHARDS|SHARD_X_OF_Y)\}")
_OF_TFDS = "tensorflow_datasets."
_EXPORT = (
    "write its images into folders, FOLDER/train/CLASS/* and so on, and pass that folder instead"
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Shard:
    """A file of a part, and how many images it has."""

    path: Path
    images: int


@dataclass(frozen=True)
class Version:
    """One prepared version, fit to be read.

    Attributes:
        splits: The name that TFDS gives each part, by 'train', 'validation' and 'test', or by
            'all' where there is no other than the training part.
        shards: The files of each of these parts, empty ones left out.
        class_names: In the order of their labels.
        id_feature: The feature that names the images, or None.
        passed_over: The parts that are not used, in words.
    """

    splits: dict[str, str]
    shards: dict[str, list[Shard]]
    class_names: tuple[str, ...]
    id_feature: str | None
    passed_over: tuple[str, ...]


def read_version(path: Path, dataset: str, own_validation: bool, again: str) -> Version:
    """Read what the version in the folder `path` says of itself.

    Args:
        path: The version's folder.
        dataset: The dataset's name.
        own_validation: Whether a validation part is used; if not, it is passed over.
        again: What to do where a file is lost or damaged.

    Raises:
        DataError: A file is missing or damaged; or the version is of another format than
            TFRecord, of an old one, or has no images with class labels.
    """
    try:
        info = _object(path / INFO)
        if "fileFormat" in info and info["fileFormat"] != "tfrecord":
            raise _other_format(path, str(info["fileFormat"]))
        listed = _listed(path, info)
        if not (path / _FEATURES).exists():
            raise DataError(
                f"the TFDS dataset in {path} has no {_FEATURES}: it was left behind when the "
                "dataset was copied, or TensorFlow Datasets older than 4.0 made it and wrote none; "
                f"{again}"
            )
        features = _features(path, _object(path / _FEATURES))
        class_names = _class_names(path, features["label"])
    except _DamagedError as error:
        raise unreadable(path, str(error), again) from error
    splits, passed_over = _parts(path, dataset, listed, own_validation)
    shards = {part: [s for s in listed[split] if s.images] for part, split in splits.items()}
    for part, split in splits.items():
        if not shards[part]:
            raise DataError(
                f"part '{split}' of the TFDS dataset in {path} has no images: {_EXPORT}"
            )
    names = (name for name in ("id", "filename") if _is_text(features.get(name)))
    return Version(splits, shards, class_names, next(names, None), passed_over)


def name_in(path: Path) -> str | None:
    """Return the dataset's name in the version's folder `path`; None where it does not tell."""
    try:
        name = _object(path / INFO).get("name")
    except _DamagedError:
        return None
    return name if isinstance(name, str) else None


def unreadable(path: Path, why: str, again: str) -> DataError:
    """Return what to say of a version whose files are missing or damaged."""
    return DataError(f"the TFDS dataset in {path} cannot be read ({why}): {again}")


def unlabelled(path: Path, split: str, count: int, total: int) -> DataError:
    """Return what to say of a part whose images have the label -1, which is TFDS' for none."""
    return DataError(
        f"{count:,} of the {total:,} images in part '{split}' of the TFDS dataset in {path} have "
        f"no label (it is -1): {_EXPORT}"
    )


class _DamagedError(Exception):
    """A file cannot be read or is not in TFDS' form; says which, and why."""


def _object(path: Path) -> Json:
    """Return the object in a small JSON file; a link may lead to it."""
    try:
        value = from_json(files.read(path.resolve(), _LARGEST))
    except FileNotFoundError:
        raise _DamagedError(f"missing: {path.name}") from None
    except files.UnfitError as error:
        raise _DamagedError(f"{path.name} {error}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise _DamagedError(f"{path.name} is damaged: {printable(str(error), 100)}") from error
    if not isinstance(value, dict):
        raise _DamagedError(f"{path.name} is damaged: it holds no object")
    return value


def _listed(path: Path, info: Json) -> dict[str, list[Shard]]:
    """Return the files of every part, by TFDS' names."""
    name, splits = info.get("name"), info.get("splits")
    if not _is_name(name) or not isinstance(splits, list):
        raise _DamagedError(f"{INFO} has no name or no splits")
    listed = {}
    for split in splits:
        if not isinstance(split, dict) or not _is_name(split.get("name")):
            raise _DamagedError(f"{INFO} has a split without a name")
        if "shardLengths" not in split and "numShards" in split:
            raise DataError(
                f"the TFDS dataset in {path} is in a format that TensorFlow Datasets has given up "
                "(the sizes of its shards are not listed): make it again with TensorFlow Datasets "
                "4.0 or newer"
            )
        lengths = split.get("shardLengths", [])
        if not isinstance(lengths, list):
            raise _DamagedError(f"{INFO} has sizes of shards that are no list")
        template = split.get("filepathTemplate") or _TEMPLATE
        if not isinstance(template, str) or "{" in _FIELD.sub("", template):
            raise _DamagedError(f"{INFO} has a pattern of file names that is none of TFDS'")
        if split["name"] in listed:
            raise _DamagedError(f"{INFO} has two splits '{split['name']}'")
        listed[split["name"]] = [
            Shard(path / _file(template, name, split["name"], i, len(lengths)), _whole(length))
            for i, length in enumerate(lengths)
        ]
    return listed


def _file(template: str, name: str, split: str, index: int, count: int) -> str:
    digits = max(5, len(str(count)))
    number, of = f"{index:0{digits}d}", f"{count:0{digits}d}"
    fields = {
        "DATASET": name,
        "SPLIT": split,
        "FILEFORMAT": "tfrecord",
        "SHARD_INDEX": number,
        "NUM_SHARDS": of,
        "SHARD_X_OF_Y": f"{number}-of-{of}",
    }
    return _FIELD.sub(lambda match: fields[match[1]], template)


def _parts(
    path: Path, dataset: str, listed: dict[str, list[Shard]], own_validation: bool
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which split is which part, and those that are none."""
    splits: dict[str, str] = {}
    for part in ("train", "validation", "test"):
        called = [name for name in listed if _part_called(name) == part]
        if part in called:
            splits[part] = part
        elif len(called) > 1:
            raise DataError(
                f"the TFDS dataset in {path} has several parts that can be its {part} part "
                f"({some(called)}): {_EXPORT}"
            )
        elif called:
            splits[part] = called[0]
    if "train" not in splits:
        there = some(list(listed)) or "none at all"
        raise DataError(
            f"the TFDS dataset in {path} has no part 'train' (but {there}): prepare that part, too"
        )
    if not own_validation:
        splits.pop("validation", None)
    rest = [name for name in listed if name not in splits.values() and listed[name]]
    passed_over = tuple(
        f"{sum(shard.images for shard in listed[name]):,} images in part '{name}'"
        + (f", for '{dataset}' is divided by its own rule" if _is_validation(name) else "")
        for name in rest
    )
    return (splits if len(splits) > 1 else {"all": splits["train"]}), passed_over


def _part_called(split: str) -> str | None:
    return "validation" if split == "dev" else part_called(split)


def _is_validation(split: str) -> bool:
    return _part_called(split) == "validation"


def _features(path: Path, top: Json) -> dict[str, Json]:
    """Return what each example has, by name; an image 'image' and a class 'label' among them."""
    _check_classes_of_features(path, top)
    content = top.get("featuresDict", top.get("content"))
    features = content.get("features", content) if isinstance(content, dict) else None
    if not isinstance(features, dict) or not all(isinstance(f, dict) for f in features.values()):
        raise DataError(f"the examples of the TFDS dataset in {path} have no features: {_EXPORT}")
    there = some([f"{name} ({_kind(feature)})" for name, feature in features.items()], 8)
    for name, kind in (("image", "Image"), ("label", "ClassLabel")):
        if name not in features or _kind(features[name]) != kind:
            raise DataError(
                f"the TFDS dataset in {path} lacks a feature '{name}' of the kind {kind} "
                f"(it has {printable(there) or 'none'}): {_EXPORT}"
            )
    dtype = str(_content(features["image"], "image").get("dtype") or "uint8").removeprefix("tf.")
    if dtype != "uint8":
        raise DataError(
            f"the images of the TFDS dataset in {path} are {printable(dtype, 20)}, and only uint8 "
            "is read: convert them to 8 bits where the dataset is made"
        )
    return features


def _check_classes_of_features(path: Path, top: Json) -> None:
    """Refuse features of anybody's classes: TFDS would import the module that the file names."""
    left: list[Any] = [top]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        if not isinstance(value, dict):
            continue
        left += value.values()
        for key in ("pythonClassName", "type"):
            name = value.get(key)
            if isinstance(name, str) and "." in name and not name.startswith(_OF_TFDS):
                raise DataError(
                    f"the TFDS dataset in {path} has a feature of the class {printable(name, 80)}, "
                    f"which is none of TensorFlow Datasets and is not imported: {_EXPORT}"
                )


def _class_names(path: Path, label: Json) -> tuple[str, ...]:
    """Return the lines of label.labels.txt as TFDS reads them: stripped, and no empty ones."""
    file = path / "label.labels.txt"
    content = _content(label, "classLabel")
    classes = _whole(content.get("numClasses", content.get("num_classes", 0)))
    try:
        text = files.read(file.resolve(), _LARGEST).decode("utf-8")
    except FileNotFoundError:
        raise DataError(
            f"{file} is missing, and the names of the {classes:,} classes are in no other file: "
            "copy it from where the dataset was made, or write it, a name on each line in the "
            "order of the labels"
        ) from None
    except files.UnfitError as error:
        raise _DamagedError(f"{file.name} {error}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise _DamagedError(f"{file.name} is damaged: {printable(str(error), 100)}") from error
    names = [name.strip() for name in text.split("\n") if name.strip()]
    if len(names) != classes or len(set(names)) != len(names):
        raise DataError(
            f"{file} has {len(set(names)):,} different names in {len(names):,} lines, and the "
            f"dataset has {classes:,} classes: copy it from where the dataset was made, or write "
            "it, a name on each line in the order of the labels"
        )
    if classes < 2:
        raise DataError(
            f"the TFDS dataset in {path} has only {classes} class, and there is nothing to tell "
            f"apart: {_EXPORT}"
        )
    return tuple(names)


def _other_format(path: Path, form: str) -> DataError:
    return DataError(
        f"the TFDS dataset in {path} is stored as {printable(form, 40)}, and only tfrecord is "
        'read: make it again with file_format="tfrecord", which is the default of TensorFlow '
        "Datasets"
    )


def _content(feature: Json, name: str) -> Json:
    content = feature.get(name, feature.get("content"))
    return content if isinstance(content, dict) else {}


def _kind(feature: Json) -> str:
    """Return the name of a feature's class, without its module."""
    return str(feature.get("pythonClassName", feature.get("type", "?"))).rpartition(".")[2]


def _is_text(feature: Json | None) -> bool:
    if feature is None:
        return False
    tensor = _content(feature, "tensor")
    return _kind(feature) == "Text" or (
        _kind(feature) in ("Scalar", "Tensor")
        and tensor.get("dtype") == "string"
        and not tensor.get("shape")
    )


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _whole(value: object) -> int:
    """Return a whole number, which TFDS writes as a word."""
    if type(value) is int and 0 <= value < 10**15:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise _DamagedError(f"{printable(repr(value), 40)} is no number of images or classes")
