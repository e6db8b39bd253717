"""What the doctor says of each dataset: prepared, where, original or why not."""

import shlex

import numpy as np
import pytest
from helpers import tfds_json
from helpers.support import write_images

from kreproduce.data import cache, prepare
from kreproduce.data.images import Source
from kreproduce.doctor.datasets import check_dataset
from kreproduce.errors import DataError

NAME = "colorectal_histology"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """TFDS' folder, with nothing in it."""
    folder = tmp_path / "tfds"
    folder.mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


def write_cache(folder, per_class, kind="archive"):
    """As many images a class, of one pixel each."""
    classes = [f"class {number}" for number in range(8)]
    source = Source(
        name=NAME,
        kind=kind,
        class_names=tuple(classes),
        labels=np.repeat(np.arange(8, dtype=np.int32), per_class),
        names=[f"{number:05}" for number in range(8 * per_class)],
        parts=np.full(8 * per_class, "all"),
        decode=lambda index: np.full((1, 1, 3), index % 251, np.uint8),
    )
    path = cache.path_in(folder, NAME)
    cache.write(source, path)
    return path


def test_the_original_images(root):
    path = write_cache(root, 625)
    check = check_dataset(NAME)
    assert (check.state, check.found) == ("ok", f"original, 5,000 images in {path}")
    assert check.values == {"images": 5000, "path": str(path), "original": True}


def test_too_few_of_them(root):
    write_cache(root, 624)
    check = check_dataset(NAME)
    assert check.state == "warning"
    assert "are not the original ones: other numbers of images a class" in check.found


def test_those_of_a_folder(root, tmp_path):
    write_images(tmp_path / "pets", {"cat": 5, "dog": 5})
    prepare.prepare_folder("malaria", tmp_path / "pets", root)
    check = check_dataset("malaria")
    assert check.state == "warning"
    assert "not the original ones: read from a folder of images" in check.found
    command = "run `kreproduce data prepare malaria --data-dir FOLDER` with another folder"
    assert command in check.remedy


@pytest.mark.parametrize("name", ["cifar10", "cifar10-heldout", "malaria", NAME])
def test_none_prepared(name, root):
    check = check_dataset(name)
    assert check.sentence == f"not prepared in {root}; run `kreproduce data prepare {name}`"
    assert check.state == "warning"
    check = check_dataset(name, root)
    assert check.remedy == f"run `kreproduce data prepare {name} --data-dir {root}`"


def test_the_folder_of_all_is_not_there(root, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(root / "nowhere"))
    assert check_dataset("cifar10").state == "warning"


def test_one_that_is_half_prepared(root):
    path = tfds_json.write_version(root / NAME / "2.0.0")
    path.rename(path.with_name("incomplete.X1Y2Z3_2.0.0"))
    check = check_dataset(NAME)
    assert check.state == "warning"
    assert "was begun by TensorFlow Datasets, and is not finished" in check.found
    assert check.remedy == f"wait until it is, or run `kreproduce data prepare {NAME}`"


def test_a_cache_that_is_cut_short(root):
    path = write_cache(root, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"is damaged or no cache .*make or copy it again"):
        check_dataset(NAME)


def test_a_set_of_tfds_is_read_by_another_process(root):
    """Which finds the damage before it needs TensorFlow."""
    path = tfds_json.write_version(root / NAME / "2.0.0", {"train": [4, 5]})
    (path / f"{NAME}-train.tfrecord-00001-of-00002").unlink()
    check = check_dataset(NAME)
    assert check.state == "fault"
    assert f"move that folder away and prepare it again with `kreproduce data prepare {NAME}`" in (
        check.found
    )


@pytest.mark.slow
def test_a_set_of_tfds(root):
    from helpers import tfds_sets

    tfds_sets.store_colorectal(root)
    check = check_dataset(NAME)
    assert check.state == "warning"
    assert check.values["images"] == 80
    assert check.remedy.startswith("they count for no row of a table; for those that do, run")


def test_what_an_archive_was_unpacked_in(root, tmp_path):
    classes = {"Parasitized": 5, "Uninfected": 5}
    write_images(tmp_path / "data" / "cell_images", classes)
    check = check_dataset("malaria", tmp_path / "data")
    assert check.values["path"] == str(tmp_path / "data" / "cell_images")
    assert check_dataset(NAME, tmp_path / "data").found == f"not prepared in {tmp_path / 'data'}"


def test_the_command_can_be_copied(tmp_path):
    (tmp_path / "my data").mkdir()
    remedy = check_dataset("malaria", tmp_path / "my data").remedy
    assert shlex.split(remedy.strip("`"))[-1] == f"{tmp_path}/my data"


def test_a_data_dir_that_is_none(root, tmp_path):
    with pytest.raises(DataError, match="pass another --data-dir"):
        check_dataset(NAME, tmp_path / "nowhere")


def test_digits_are_always_there():
    check = check_dataset("digits")
    assert (check.state, check.values["original"]) == ("ok", False)
