"""The product's own reading code on small datasets in TFDS' on-disk format."""

import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds
from helpers.encoded import encoded, png
from helpers.tfds_sets import COLORECTAL, picture, store, store_all, store_cifar10

from kreproduce.data.dataset import divide, load
from kreproduce.data.originals import foreign_reason
from kreproduce.data.sources import locate, open_source
from kreproduce.data.tfds import prepared
from kreproduce.errors import DataError
from kreproduce.training.request import resolve_request

SHARDED = "train.tfrecord-00000-of-00001"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    store_all(root)
    return root


def opened(root, name):
    return open_source(locate(name, root), name)


def test_cifar10(root):
    source = opened(root, "cifar10")
    assert (source.name, source.kind) == ("cifar10", "tfds")
    assert source.class_names == tuple("abcdefghij")
    assert source.labels.dtype == np.int32
    assert source.parts.tolist() == ["train"] * 40 + ["test"] * 20
    assert source.names[:40] != sorted(source.names[:40])  # TFDS shuffled it when it wrote it
    numbers = [int(name[-5:]) + 100 * name.startswith("test") for name in source.names]
    assert [int(image[0, 0, 0]) for image in source.read(range(60))] == numbers
    assert source.labels.tolist() == [number % 10 for number in numbers]


def test_the_ids_bring_back_the_original_order(root):
    source = opened(root, "cifar10")
    divided = divide(source)
    assert [source.names[i] for i in divided.validation] == [f"train_{i:05d}" for i in range(4)]
    assert [source.names[i] for i in divided.train] == [f"train_{i:05d}" for i in range(4, 40)]


def test_malaria_has_images_of_many_sizes_and_no_names(root):
    source = opened(root, "malaria")
    assert source.class_names == ("parasitized", "uninfected")
    assert set(source.names) == {""}
    assert set(source.parts) == {"all"}
    images = list(source.read(range(40)))
    assert sorted(image.shape[0] for image in images) == list(range(20, 60))
    assert [image[0, 0, 0] % 2 for image in images] == source.labels.tolist()


def test_colorectal_histology_is_ordered_by_file_name(root):
    source = opened(root, "colorectal_histology")
    assert source.class_names == COLORECTAL
    divided = divide(source)
    first = [source.names[i] for i in divided.validation]
    assert sorted(first) == [f"{n:03d}.tif" for n in range(1, 9)]
    assert next(source.read([3])).shape == (150, 150, 3)


@pytest.mark.parametrize("name", ["cifar10", "malaria", "colorectal_histology"])
def test_reading_twice_gives_the_same(root, name):
    one, two = opened(root, name), opened(root, name)
    assert one.names == two.names
    np.testing.assert_array_equal(one.labels, two.labels)
    for image, again in zip(one.read(range(20)), two.read(range(20)), strict=True):
        np.testing.assert_array_equal(image, again)


@pytest.mark.parametrize("name", ["cifar10", "malaria", "colorectal_histology"])
def test_a_small_copy_is_not_the_original(root, name):
    assert "other numbers of images" in foreign_reason(opened(root, name), name)


def test_the_newest_version_counts(tmp_path):
    for version in ("3.0.2", "3.0.10", "3.0.1", "incomplete.X_4.0.0"):
        (tmp_path / "cifar10" / version).mkdir(parents=True)
        (tmp_path / "cifar10" / version / "dataset_info.json").touch()
    assert prepared(tmp_path, "cifar10") == tmp_path / "cifar10" / "3.0.10"
    assert prepared(tmp_path, "malaria") is None


def test_another_dataset_than_the_folder_has(root):
    with pytest.raises(DataError, match=r"with cifar10, .*malaria but without 'mnist'"):
        locate("mnist", root)


def truncate(shard):
    shard.write_bytes(shard.read_bytes()[:1000])


def flip_a_byte(shard):
    data = bytearray(shard.read_bytes())
    data[500] ^= 1
    shard.write_bytes(data)


def empty(shard):
    shard.write_bytes(b"")


def remove(shard):
    shard.unlink()


def spoil_info(shard):
    (shard.parent / "dataset_info.json").write_text("{")


NAMES = {  # what is said of the shard
    truncate: f"damaged: cifar10-{SHARDED}",
    flip_a_byte: f"damaged: cifar10-{SHARDED}",
    empty: f"damaged: cifar10-{SHARDED}",
    remove: f"missing: cifar10-{SHARDED}",
    spoil_info: "",
}


@pytest.mark.parametrize(("damage", "why"), NAMES.items())
def test_damaged_files_are_named(tmp_path, damage, why):
    store_cifar10(tmp_path)
    version = tmp_path / "cifar10" / "3.0.2"
    damage(version / f"cifar10-{SHARDED}")
    with pytest.raises(DataError) as caught:
        opened(tmp_path, "cifar10")
    message = str(caught.value)
    assert message.startswith(f"the TFDS dataset in {version} cannot be read ({why}")
    assert message.endswith("`kreproduce data prepare cifar10`")
    assert "\n" not in message


def test_a_missing_shard_is_told_without_tensorflow(tmp_path):
    store_cifar10(tmp_path)
    remove(tmp_path / "cifar10" / "3.0.2" / f"cifar10-{SHARDED}")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from pathlib import Path\n"
        "from kreproduce.data.tfds import read_tfds\n"
        "from kreproduce.errors import DataError\n"
        "for version in sys.argv[1:]:\n"
        "    try:\n"
        "        read_tfds(Path(version), 'cifar10')\n"
        "    except DataError as error:\n"
        "        print(error)\n"
    )
    (tmp_path / "other").mkdir()
    store_cifar10(tmp_path / "other")
    folders = [tmp_path / "cifar10" / "3.0.2", tmp_path / "other" / "cifar10" / "3.0.2"]
    command = [sys.executable, "-c", code, *map(str, folders)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    missing, absent = ran.stdout.splitlines()
    assert "cannot be read (missing: cifar10-train" in missing
    assert absent.startswith("TensorFlow Datasets cannot be imported (")
    assert "copy the cache that `kreproduce data prepare cifar10` writes" in absent


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Of three classes, class by class in every part; a part without labels; a mask each."""
    root = tmp_path_factory.mktemp("pets")

    def examples(part, each):
        for i in range(3 * each):
            label = -1 if part == "unlabelled" else i // each
            mask = np.zeros((4 + i, 4, 1), np.uint8)
            pixels = picture(i, 8)
            yield (
                i,
                {"image": pixels, "label": label, "id": f"{part}_{i:03d}", "mask": mask, "n": i},
            )

    counts = {"train": 8, "validation": 2, "test": 3, "unlabelled": 1}
    features = {
        "image": tfds.features.Image(shape=(8, 8, 3)),
        "label": tfds.features.ClassLabel(names=["zebra", "ant", "mole"]),
        "id": tfds.features.Text(),
        "mask": tfds.features.Image(shape=(None, None, 1)),
        "n": tfds.features.Scalar(np.int64),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pets",
        version="1.0.0",
        data_dir=root,
        features=tfds.features.FeaturesDict(features),
        split_datasets={part: examples(part, each) for part, each in counts.items()},
    )
    return root


@pytest.fixture
def pets(stored, tmp_path):
    """A copy of it, and what changes its parts: {part: the one that it was stored as}."""
    shutil.copytree(stored, tmp_path / "copy")
    info = tmp_path / "copy" / "pets" / "1.0.0" / "dataset_info.json"

    def with_parts(parts):
        values = json.loads(info.read_text())
        known = {split["name"]: split for split in values["splits"]}
        values["splits"] = [
            known[stored]
            | {
                "name": part,
                "filepathTemplate": "{DATASET}-" + stored + ".{FILEFORMAT}-{SHARD_X_OF_Y}",
            }
            for part, stored in parts.items()
        ]
        info.write_text(json.dumps(values))
        return tmp_path / "copy"

    return with_parts


def test_of_ids_that_run_class_by_class_each_class_validates(pets):
    source = opened(pets({"train": "train", "test": "test"}), "pets")
    assert not source.sequence
    divided = divide(source)
    assert sorted(source.names[i] for i in divided.validation) == [
        *("train_000", "train_008", "train_016")
    ]
    assert source.labels[divided.validation].tolist() == [0, 1, 2]
    assert len(divided.train) == 21
    assert "in each class of the training part, images by name" in divided.rule


def test_a_validation_part_validates_and_other_parts_are_said(stored):
    source = opened(stored, "pets")
    divided = divide(source)
    found = {part: getattr(divided, part) for part in ("train", "validation", "test")}
    for part, indices in found.items():
        assert {source.names[i].partition("_")[0] for i in indices} == {part}
    assert {part: len(indices) for part, indices in found.items()} == {
        "train": 24,
        "validation": 6,
        "test": 9,
    }
    assert source.passed_over == ("3 images in part 'unlabelled'",)


def test_a_part_of_no_labels_is_named(pets):
    root = pets({"train": "train", "test": "unlabelled"})
    with pytest.raises(DataError) as caught:
        opened(root, "pets")
    assert str(caught.value).startswith("3 of the 3 images in part 'test' of the TFDS dataset in")
    assert "have no label (it is -1): write its images into folders" in str(caught.value)


def with_classes(root, *names):
    version = root / "pets" / "1.0.0"
    (version / "label.labels.txt").write_text("\n".join(names))
    features = json.loads((version / "features.json").read_text())
    features["featuresDict"]["features"]["label"]["classLabel"] = {"numClasses": str(len(names))}
    (version / "features.json").write_text(json.dumps(features))


def test_labels_beyond_the_classes(pets):
    root = pets({"train": "train", "test": "test"})
    with_classes(root, "zebra", "ant")
    with pytest.raises(DataError, match=r"part 'train' .* has the label 2, and there are only 2"):
        opened(root, "pets")


def test_a_class_that_no_image_has(pets):
    root = pets({"train": "train", "test": "test"})
    with_classes(root, "zebra", "ant", "mole", "owl")
    with pytest.raises(DataError, match=r"no image of the TFDS dataset in .* is of class 'owl'"):
        opened(root, "pets")


def test_a_prepared_version_says_its_number_of_classes(stored):
    experiment, location, _ = resolve_request("pets", {"ch": 16}, [], stored)
    assert experiment.classes == 3
    assert load(experiment, location).record.class_names == ("zebra", "ant", "mole")


@pytest.mark.slow
def test_the_check_says_what_is_passed_over_and_nothing_of_tfds(kreproduce, stored):
    result = kreproduce("data", "check", "pets", "--data-dir", stored)
    assert (result.code, result.message) == (0, "")
    assert "passed over  3 images in part 'unlabelled'\n" in result.output
    assert re.search(r"\nzebra +8 +2 +3 +13\n", result.output)


def test_features_that_are_no_labelled_images(tmp_path):
    tfds.dataset_builders.store_as_tfds_dataset(
        name="cifar10",
        version="1.0.0",
        data_dir=tmp_path,
        features=tfds.features.FeaturesDict({"number": tfds.features.Scalar(np.int64)}),
        split_datasets={"train": iter([(0, {"number": 1})])},
    )
    with pytest.raises(DataError, match=r"lacks a feature 'image' .* \(it has number \(Scalar\)\)"):
        opened(tmp_path, "cifar10")


def test_a_damaged_image_in_a_sound_shard(tmp_path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"\x89PNG no more")
    names = ["parasitized", "uninfected"]
    examples = [(label, {"image": damaged, "label": label}) for label in (0, 1)]
    splits = {"train": iter(examples)}  # TFDS stores a file's bytes as they are
    store(tmp_path, "malaria", "1.0.0", (None, None, 3), names, [], splits)
    source = opened(tmp_path, "malaria")
    with pytest.raises(DataError, match=r"image 0 of .*malaria/1\.0\.0 cannot be read as an image"):
        list(source.read([0]))


def test_encoded_images_are_read_as_those_of_folders_are(tmp_path):
    tag = PIL.Image.Exif()
    tag[274] = 6
    black, grey = (PIL.Image.new("RGB", (4, 2), (shade,) * 3) for shade in (0, 9))
    files = [
        encoded(black, "jpeg", exif=tag),
        encoded(PIL.Image.new("RGBA", (4, 2))),
        encoded(black, save_all=True, append_images=[grey]),
        png(np.zeros((2, 4, 3), np.uint16), 2),
    ]
    examples = ((i, {"image": io.BytesIO(data), "label": i % 2}) for i, data in enumerate(files))
    store(tmp_path, "shots", "1.0.0", (None, None, None), ["a", "b"], [], {"train": examples})
    source = opened(tmp_path, "shots")
    seen = []
    for index in range(4):
        try:
            image = source.decode(index)
            seen.append((image.shape[:2], int(image.max())))
        except DataError as error:
            seen.append(str(error).partition("1.0.0 ")[2].partition(":")[0])
    assert sorted(seen, key=str) == [
        ((2, 4), 255), ((4, 2), 0), "has 2 frames", "has more than 8 bits a channel",
    ]  # fmt: skip
    assert source.remarks.take()
