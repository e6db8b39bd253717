"""The same picture in training and test, or in two classes."""

import shutil

import pytest
from helpers.support import write_images

from kreproduce.data.check import check
from kreproduce.data.dataset import load
from kreproduce.data.sources import locate
from kreproduce.experiment.settings import resolve


@pytest.fixture
def pets(tmp_path):
    for number, part in enumerate(("train", "val", "test")):
        write_images(tmp_path / part, {"cat": 4, "dog": 4}, seed=number)
    return tmp_path


@pytest.fixture
def repeated(caplog):
    """What `check` says of a folder, which must be what loading it logs."""

    def said(folder):
        location = locate("pets", folder)
        found = check("pets", location)
        caplog.clear()
        load(resolve({"dataset": "pets", "ch": 16, "classes": 2}), location)
        assert caplog.messages == (
            [f"repeated: {'; '.join(found.repeated)}"] if found.repeated else []
        )
        return found.repeated

    return said


def test_none(pets, repeated):
    assert repeated(pets) == ()


def test_in_training_and_test(pets, repeated):
    for i in range(2):
        shutil.copy(pets / f"train/cat/00{i}.png", pets / f"test/cat/copy{i}.png")
    shutil.copy(pets / "train/cat/000.png", pets / "test/cat/once more.png")
    assert repeated(pets) == (
        "2 pictures stand in both training and test (say train/cat/000.png and test/cat/copy0.png)",
    )


def test_in_two_classes_and_in_validation(pets, repeated):
    shutil.copy(pets / "train/cat/000.png", pets / "train/dog/copy.png")
    shutil.copy(pets / "train/dog/001.png", pets / "val/dog/copy.png")
    assert repeated(pets) == (
        "1 picture stands in both training and validation "
        "(say train/dog/001.png and val/dog/copy.png)",
        "1 picture stands in two classes (say train/cat/000.png and train/dog/copy.png)",
    )


def test_in_one_class_and_part_it_does_no_harm(pets, repeated):
    shutil.copy(pets / "train/cat/000.png", pets / "train/cat/copy.png")
    assert repeated(pets) == ()


def test_the_same_pixels_in_another_format(pets, repeated):
    from PIL import Image

    Image.open(pets / "train/cat/000.png").save(pets / "test/cat/copy.bmp")
    assert "1 picture stands in both training and test" in repeated(pets)[0]


def test_damaged_images_are_not_the_same_picture(pets):
    for part in ("train", "test"):
        (pets / part / "cat/000.png").write_bytes(b"")
    found = check("pets", locate("pets", pets))
    assert len(found.faults) == 2
    assert found.repeated == ()
