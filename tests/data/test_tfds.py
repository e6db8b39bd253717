"""The product's own reading code on small datasets in TFDS' on-disk format."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tfds_sets import COLORECTAL, store, store_all, store_cifar10

from kreproduce.data.dataset import divide
from kreproduce.data.originals import foreign_reason
from kreproduce.data.sources import locate, open_source
from kreproduce.data.tfds import prepared
from kreproduce.errors import DataError

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


def test_features_that_are_no_labelled_images(tmp_path):
    tfds.dataset_builders.store_as_tfds_dataset(
        name="cifar10",
        version="1.0.0",
        data_dir=tmp_path,
        features=tfds.features.FeaturesDict({"number": tfds.features.Scalar(np.int64)}),
        split_datasets={"train": iter([(0, {"number": 1})])},
    )
    with pytest.raises(DataError, match="lacks a feature 'image' or a class 'label'"):
        opened(tmp_path, "cifar10")


def test_a_damaged_image_in_a_sound_shard(tmp_path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"\x89PNG no more")
    names, example = ["parasitized", "uninfected"], {"image": damaged, "label": 0}
    splits = {"train": iter([(0, example)])}  # TFDS stores a file's bytes as they are
    store(tmp_path, "malaria", "1.0.0", (None, None, 3), names, [], splits)
    source = opened(tmp_path, "malaria")
    with pytest.raises(DataError, match=r"image 0 of .*malaria/1\.0\.0 cannot be read as an image"):
        list(source.read([0]))
