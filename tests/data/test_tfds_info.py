"""What TFDS' sets say of themselves: read, or refused with the reason, without TensorFlow."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import pytest
from helpers.tfds_json import IMAGE, MODULE, NAMES, TEXT, label, record, write_version

from kreproduce.data.sources import class_names, locate
from kreproduce.data.tfds import _check_shards, read_tfds
from kreproduce.data.tfds_info import read_version
from kreproduce.errors import DataError


@pytest.fixture
def pets(tmp_path):
    return write_version(tmp_path / "pets" / "1.0.0")


def described(path, own_validation=True):
    return read_version(path, "pets", own_validation, "copy it again")


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_tfds(path, "pets")
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 700
    assert "kreproduce data prepare" not in message  # which has no 'pets'
    return message


def change(path, name, make):
    """A JSON file of a version, changed."""
    file = path / name
    values = json.loads(file.read_text())
    file.write_text(json.dumps(make(values) or values))


def test_what_is_read(pets):
    version = described(pets)
    assert version.splits == {"train": "train", "test": "test"}
    assert version.class_names == NAMES
    assert version.id_feature == "id"
    assert version.passed_over == ()
    assert [shard.images for shard in version.shards["train"]] == [4, 5]
    for part in version.shards.values():
        assert all(shard.path.is_file() for shard in part)


def test_the_older_way_of_writing_features(pets):
    def older(values):
        image = {"type": f"{MODULE}.image_feature.Image", "content": {"dtype": "uint8"}}
        name = f"{MODULE}.class_label_feature.ClassLabel"
        content = {"image": image, "label": {"type": name, "content": {"num_classes": 3}}}
        return {"type": f"{MODULE}.features_dict.FeaturesDict", "content": content}

    change(pets, "features.json", older)
    assert described(pets).class_names == NAMES
    assert described(pets).id_feature is None


def test_the_names_of_shards_follow_the_pattern_in_the_file(pets):
    def other(values):
        for split in values["splits"]:
            split["filepathTemplate"] = "{SPLIT}/{DATASET}-{SHARD_INDEX}.{FILEFORMAT}"

    change(pets, "dataset_info.json", other)
    shards = described(pets).shards["train"]
    assert [shard.path for shard in shards] == [
        pets / "train" / f"pets-0000{i}.tfrecord" for i in (0, 1)
    ]


@pytest.mark.parametrize("called", ["validation", "valid", "val", "dev"])
def test_a_validation_part_is_used_and_other_parts_are_counted(tmp_path, called):
    splits = {"train": [9], "test": [3], called: [2, 2], "unlabelled": [1000, 500], "empty": []}
    version = described(write_version(tmp_path / "pets" / "1.0.0", splits))
    assert version.splits == {"train": "train", "validation": called, "test": "test"}
    assert version.passed_over == ("1,500 images in part 'unlabelled'",)
    paper = described(tmp_path / "pets" / "1.0.0", own_validation=False)
    assert paper.splits == {"train": "train", "test": "test"}
    assert paper.passed_over[0] == (
        f"4 images in part '{called}', for 'pets' is divided by its own rule"
    )


@pytest.mark.parametrize(
    ("splits", "parts"),
    [
        ({"train": [9]}, {"all"}),
        ({"train": [9], "validation": [3]}, {"train", "validation"}),
        ({"train": [9], "test": [3]}, {"train", "test"}),
        ({"train": [3], "val": [3], "validation": [3]}, {"train", "validation"}),
    ],
)
def test_the_parts_that_there_may_be(tmp_path, splits, parts):
    version = described(write_version(tmp_path / "pets" / "1.0.0", splits))
    assert version.splits.keys() == parts


@pytest.mark.parametrize(
    ("splits", "why"),
    [
        ({"test": [3]}, "has no part 'train' (but test)"),
        ({}, "has no part 'train' (but none at all)"),
        ({"train": [9], "val": [2], "dev": [2]}, "can be its validation part (val, dev)"),
        ({"train": [9], "test": []}, "part 'test' of the TFDS dataset in"),
        ({"train": [0], "test": [3]}, "part 'train' of the TFDS dataset in"),
        ({"train": [9], "test": [3], "validation": [0]}, "part 'validation' of"),
    ],
)
def test_parts_that_are_refused(tmp_path, splits, why):
    assert why in refusal(write_version(tmp_path / "pets" / "1.0.0", splits))


IMAGE_OF_LABELS = {"pythonClassName": f"{MODULE}.labeled_image_feature.LabeledImage"}
TENSOR = {
    "pythonClassName": f"{MODULE}.tensor_feature.Tensor",
    "tensor": {"dtype": "int64", "shape": {}},
}
OWN = {"pythonClassName": "my_project.features.Scan", "jsonFeature": {"json": "{}"}}


def of(dtype):
    return IMAGE | {"image": {"dtype": dtype}}


FEATURES = {
    "no image": ({"image": None, "picture": IMAGE}, "lacks a feature 'image' of the kind Image"),
    "no label": ({"label": None, "class": label(3)}, "lacks a feature 'label'"),
    "a label that is a number": ({"label": TENSOR}, "label (Tensor)"),
    "a map of labels": ({"image": IMAGE_OF_LABELS}, "image (LabeledImage)"),
    "an array": ({"image": TENSOR}, "image (Tensor)"),
    "16 bits": ({"image": of("uint16")}, "are uint16, and only uint8 is read"),
    "numbers with a fraction": ({"image": of("float32")}, "are float32, and only uint8 is read"),
    "a class of somebody's": ({"scan": OWN}, "my_project.features.Scan, which is none of"),
}


@pytest.mark.parametrize(("features", "why"), FEATURES.values(), ids=list(FEATURES))
def test_features_that_are_refused(tmp_path, features, why):
    assert why in refusal(write_version(tmp_path / "pets" / "1.0.0", features=features))


def test_other_features_do_no_harm(tmp_path):
    features = {"mask": IMAGE, "caption": TEXT, "id": TENSOR, "filename": TEXT}
    version = described(write_version(tmp_path / "pets" / "1.0.0", features=features))
    assert version.id_feature == "filename"  # an id that is a number has no order by code point


def test_lost_names_of_classes(pets):
    (pets / "label.labels.txt").unlink()
    message = refusal(pets)
    assert "label.labels.txt is missing, and the names of the 3 classes are in no other" in message
    assert "a name on each line in the order of the labels" in message
    (pets / "label.labels.txt").write_text("zebra\nant\nmole")  # as the message says
    assert described(pets).class_names == NAMES


@pytest.mark.parametrize(
    "text", ["zebra\nant\n", "zebra\nant\nant\n", "zebra\nant\nmole\nowl\n", ""]
)
def test_names_of_classes_that_are_too_few_or_not_different(pets, text):
    (pets / "label.labels.txt").write_text(text)
    assert "and the dataset has 3 classes: copy it" in refusal(pets)


def test_names_of_classes_that_are_no_text(pets):
    (pets / "label.labels.txt").write_bytes(b"\xff\xfe\nant\nmole\n")
    assert "label.labels.txt is damaged" in refusal(pets)


@pytest.mark.parametrize("form", ["array_record", "riegeli", "parquet", "bagz"])
def test_other_formats(tmp_path, form):
    message = refusal(write_version(tmp_path / "pets" / "1.0.0", fileFormat=form))
    assert f"is stored as {form}, and only tfrecord is read" in message
    assert message.endswith("which is the default of TensorFlow Datasets")


def test_an_info_without_a_format_means_tfrecord(pets):
    change(pets, "dataset_info.json", lambda values: values.pop("fileFormat") and None)
    assert described(pets).class_names == NAMES


def test_old_formats(pets):
    def older(values):
        for split in values["splits"]:
            split["numShards"] = str(len(split.pop("shardLengths")))

    change(pets, "dataset_info.json", older)
    assert "make it again with TensorFlow Datasets 4.0 or newer" in refusal(pets)
    (pets / "features.json").unlink()
    assert "sizes of its shards are not listed" in refusal(pets)


def test_no_features(pets):
    (pets / "features.json").unlink()
    assert "has no features.json: it was left behind when the dataset was copied" in refusal(pets)


def in_info(**changes):
    return lambda text: json.dumps(json.loads(text) | changes)


def with_lengths(lengths):
    return in_info(splits=[{"name": "train", "shardLengths": lengths}])


HOSTILE = {
    "nothing": lambda text: "",
    "half": lambda text: text[: len(text) // 2],
    "brackets without end": lambda text: "[" * 200_000,
    "objects without end": lambda text: '{"splits":' * 200_000,
    "a list": lambda text: "[]",
    "a number": lambda text: "3",
    "null": lambda text: "null",
    "no text": lambda text: "\udcff\udcfe",
}
HOSTILE_INFO = {
    "a key twice": lambda text: text.replace('"splits": ', '"splits": [], "splits": '),
    "splits that are none": in_info(splits="train"),
    "a split that is none": in_info(splits=[[]]),
    "a split without a name": in_info(splits=[{"shardLengths": ["3"]}]),
    "two splits of a name": in_info(splits=[{"name": "train", "shardLengths": ["9"]}] * 2),
    "a name that leads elsewhere": in_info(name="../../pets"),
    "no name": in_info(name=None),
    "not a number": with_lengths(float("nan")),
    "lengths not finite": with_lengths([float("inf")]),
    "a huge length": with_lengths(["9" * 5000]),
    "a large length": with_lengths(["9" * 18]),
    "a negative length": with_lengths(["-3"]),
    "a length with a fraction": with_lengths([3.5]),
    "a length that is true": with_lengths([True]),
    "a length that is none": with_lengths([None]),
    "lengths that are no list": with_lengths({"0": "3"}),
    "a pattern that asks for width": in_info(
        splits=[{"name": "train", "filepathTemplate": "{SPLIT:>999999999}", "shardLengths": ["3"]}]
    ),
    "a pattern that asks for more": in_info(
        splits=[{"name": "train", "filepathTemplate": "{SPLIT.__class__}", "shardLengths": ["3"]}]
    ),
}


def spoil(path, change):
    path.write_bytes(change(path.read_text()).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "change", (HOSTILE | HOSTILE_INFO).values(), ids=list(HOSTILE | HOSTILE_INFO)
)
def test_an_info_that_is_damaged_or_crafted(pets, change):
    spoil(pets / "dataset_info.json", change)
    assert re.search(r"cannot be read \(.*\): copy it again from where it was", refusal(pets))


@pytest.mark.parametrize("change", HOSTILE.values(), ids=list(HOSTILE))
def test_features_that_are_damaged_or_crafted(pets, change):
    spoil(pets / "features.json", change)
    assert "cannot be read (features.json" in refusal(pets)


@pytest.mark.parametrize("depth", [300, 900, 960, 980])
def test_features_as_deep_as_can_be_read(pets, depth):
    deep = "[" * depth + "]" * depth
    spoil(pets / "features.json", lambda text: text.replace('"text": {}', f'"text": {deep}'))
    with contextlib.suppress(DataError):  # and nothing else
        assert described(pets).class_names == NAMES


@pytest.mark.parametrize("classes", ["9" * 5000, "-1", "x", None, 2.5, [3]])
def test_absurd_numbers_of_classes(tmp_path, classes):
    feature = label(3) | {"classLabel": {"numClasses": classes}}
    path = write_version(tmp_path / "pets" / "1.0.0", features={"label": feature})
    assert "no number of images or classes" in refusal(path)


def test_one_class_alone(tmp_path):
    message = refusal(write_version(tmp_path / "pets" / "1.0.0", names=["zebra"]))
    assert "has only 1 class, and there is nothing to tell apart" in message


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_of_shards_that_no_disk_has(pets, name):
    pattern = name + "{SPLIT}{SHARD_INDEX}"
    splits = [{"name": "train", "filepathTemplate": pattern, "shardLengths": ["3"]}]
    spoil(pets / "dataset_info.json", in_info(splits=splits))
    assert "cannot be read (missing: " in refusal(pets)


def test_more_classes_than_there_are_names(tmp_path):
    path = write_version(tmp_path / "pets" / "1.0.0", features={"label": label(10**14)})
    assert "the dataset has 100,000,000,000,000 classes" in refusal(path)


def test_a_file_too_large_to_be_one(pets, monkeypatch):
    monkeypatch.setattr("kreproduce.data.tfds_info._LARGEST", 100)
    assert "dataset_info.json is larger than 100 bytes" in refusal(pets)


def test_missing_shards_are_named_and_counted(tmp_path):
    path = write_version(tmp_path / "pets" / "1.0.0", {"train": [1] * 30, "test": [3]})
    for shard in path.glob("pets-train*-000[12]?-of-*"):
        shard.unlink()
    message = refusal(path)
    assert "missing: pets-train.tfrecord-00010-of-00030, " in message
    assert "-00012-of-00030 and 17 more)" in message


def test_a_shard_without_images_need_not_be_there(tmp_path):
    path = write_version(tmp_path / "pets" / "1.0.0", {"train": [4, 0, 5], "test": [3]})
    (path / "pets-train.tfrecord-00001-of-00003").unlink()
    _check_shards(path, "pets", described(path))


@pytest.mark.parametrize("content", [b"", record()[:-1], b"\xff" * 8 + bytes(20)])
def test_records_that_claim_more_than_the_file_has(pets, content):
    (pets / "pets-test.tfrecord-00000-of-00001").write_bytes(content)
    assert "(damaged: pets-test.tfrecord-00000-of-00001): copy it again" in refusal(pets)


def test_fewer_records_than_are_listed(pets):
    (pets / "pets-train.tfrecord-00000-of-00002").write_bytes(record() * 3)
    assert "cannot be read (8 of 9 train images are there)" in refusal(pets)


def test_only_one_configuration_is_found(tmp_path):
    for number in ("1.0.0", "1.0.10", "1.0.2"):
        write_version(tmp_path / "pets" / "small" / number, name="pets")
    location = locate("pets", tmp_path)
    assert location.path == tmp_path / "pets" / "small" / "1.0.10"
    assert class_names(location, "pets") == NAMES


def test_of_several_configurations_the_user_says_one(tmp_path):
    for config in ("small", "large"):
        write_version(tmp_path / "pets" / config / "1.0.0", name="pets")
    for folder in (tmp_path, tmp_path / "pets"):
        with pytest.raises(DataError) as caught:
            locate("pets", folder)
        assert f"{tmp_path / 'pets'} holds several configurations of 'pets' (large, small)" in str(
            caught.value
        )
        assert str(caught.value).endswith(f"--data-dir {tmp_path / 'pets' / 'large'}")
    for way_out in (tmp_path / "pets" / "large", tmp_path / "pets" / "large" / "1.0.0"):
        assert locate("pets", way_out).path == tmp_path / "pets" / "large" / "1.0.0"


def test_a_configuration_is_no_dataset(tmp_path, monkeypatch):
    write_version(tmp_path / "pets" / "small" / "1.0.0", name="pets")
    monkeypatch.chdir(tmp_path / "pets")
    assert locate("pets", Path()).path.resolve() == tmp_path / "pets" / "small" / "1.0.0"
    for folder in (Path(), tmp_path / "pets"):
        with pytest.raises(DataError, match="holds 'pets' of TensorFlow Datasets, and not 'small'"):
            locate("small", folder)
        with pytest.raises(DataError, match="pets") as caught:
            locate("dogs", folder)
        assert "small" not in str(caught.value)


def test_a_version_may_be_pinned(tmp_path):
    for number in ("1.0.0", "2.0.0"):
        write_version(tmp_path / "pets" / number)
    found = {
        "": "2.0.0",
        "pets": "2.0.0",
        "pets/1.0.0": "1.0.0",
        "pets/2.0.0": "2.0.0",
    }
    for folder, number in found.items():
        location = locate("pets", tmp_path / folder)
        assert (location.kind, location.path) == ("tfds", tmp_path / "pets" / number)


@pytest.mark.parametrize("folder", ["", "pets", "pets/small", "pets/small/1.0.0"])
def test_another_dataset_is_not_taken_for_it(tmp_path, folder):
    write_version(tmp_path / "pets" / "small" / "1.0.0", name="pets")
    with pytest.raises(DataError, match=r"pets"):
        locate("dogs", tmp_path / folder)


@pytest.mark.parametrize(
    ("dataset", "way_out"),
    [
        ("dogs", "say the name of what it holds, or pass another --data-dir"),
        ("malaria", "run `kreproduce data prepare malaria`, or pass another --data-dir"),
    ],
)
def test_what_is_advised_is_possible(tmp_path, dataset, way_out):
    for i in range(5):
        write_version(tmp_path / f"pets{i}" / "1.0.0")
    with pytest.raises(DataError) as caught:
        locate(dataset, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is a TFDS directory with pets0, pets1, pets2 and 2 more but without "
        f"'{dataset}': {way_out}"
    )


def test_what_is_not_finished_is_no_class(tmp_path):
    path = write_version(tmp_path / "pets" / "1.0.0")
    path.rename(path.with_name("incomplete.X1Y2Z3_1.0.0"))
    with pytest.raises(DataError, match="has begun of 'pets', and nothing is finished"):
        locate("pets", tmp_path)


def test_a_link_may_lead_to_each_file(tmp_path):
    """As a store of large files keeps them."""
    path = write_version(tmp_path / "pets" / "1.0.0")
    shutil.move(path, tmp_path / "annex")
    path.mkdir()
    for file in (tmp_path / "annex").iterdir():
        (path / file.name).symlink_to(file)
    assert described(path).class_names == NAMES
    _check_shards(path, "pets", described(path))
