"""What an experiment gets: images of one size, divided, and a record of what they are."""

import numpy as np
import pytest
from helpers.support import write_images
from helpers.tfds_sets import store_all
from PIL import Image

from kreproduce.data.dataset import load
from kreproduce.data.sources import locate
from kreproduce.errors import DataError
from kreproduce.experiment.settings import resolve

CLASSES = {"cifar10": 10, "malaria": 2, "colorectal_histology": 8}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    store_all(root)
    return root


def experiment(dataset, **settings):
    return resolve({"dataset": dataset, "ch": 16, "input_size": 64}, settings)


@pytest.mark.parametrize("name", CLASSES)
def test_small_sets_of_the_papers_names_are_foreign(root, name):
    e = experiment(name, data_name="tiny")
    data = load(e, locate(name, root))
    assert data.record.source == "tfds"
    assert data.record.original is False
    assert "than the original's" in data.record.not_original_because
    assert len(data.class_names) == CLASSES[name]
    for part in ("train", "validation", "test"):
        subset = getattr(data, part)
        assert len(subset.images) == len(subset.labels) == getattr(data.record, part) > 0
        assert subset.images.dtype == np.uint8


@pytest.mark.parametrize("name", CLASSES)
def test_they_cannot_take_the_papers_names(root, name):
    with pytest.raises(DataError, match=f"not the original images of {name}"):
        load(experiment(name), locate(name, root))


def test_images_of_one_size_stay_as_they_are_and_others_are_brought_to_the_input(root):
    cifar10 = load(experiment("cifar10", data_name="tiny"), locate("cifar10", root))
    assert cifar10.train.images.shape[1:] == (32, 32, 3)
    malaria = load(experiment("malaria", data_name="tiny"), locate("malaria", root))
    assert malaria.train.images.shape[1:] == (64, 64, 3)


def test_the_digits():
    data = load(resolve({"dataset": "digits"}), locate("digits", None))
    assert (data.record.train, data.record.validation, data.record.test) == (
        1429,
        185,
        183,
    )
    assert data.train.images.shape == (1429, 8, 8, 3)
    assert data.record.original is False
    assert set(np.bincount(data.test.labels)) <= {17, 18, 19}


def test_the_fingerprint_follows_the_images(tmp_path):
    write_images(tmp_path / "pets", {"cat": 9, "dog": 9})
    e = resolve({"dataset": "pets", "ch": 16, "classes": 2})

    def fingerprint(**settings):
        location = locate("pets", tmp_path / "pets")
        return load(resolve(e.model_dump() | settings), location).record.fingerprint

    first = fingerprint()
    assert fingerprint(seed=3) == first
    assert fingerprint(limit=6) != first
    image = tmp_path / "pets" / "cat" / "001.png"
    image.write_bytes((tmp_path / "pets" / "cat" / "002.png").read_bytes())
    assert fingerprint() != first


@pytest.mark.parametrize("rule", ["pil", "opencv"])
@pytest.mark.parametrize("side", [20, 150])
def test_images_are_resized_by_the_experiments_rule(tmp_path, rule, side):
    """Brought to the input's 64 pixels as they are decoded (150) or when they are stacked (20)."""
    rng = np.random.default_rng(0)
    images = {}
    for name in ("cat", "dog"):
        images[name] = rng.integers(0, 256, (side, side, 3), np.uint8)
        (tmp_path / name).mkdir()
        Image.fromarray(images[name]).save(tmp_path / name / "0.png")
        for i in range(1, 4):  # of another size, so that none stays as it is
            Image.fromarray(images[name][i:, i:]).save(tmp_path / name / f"{i}.png")
    e = resolve({"dataset": "pets", "ch": 16, "classes": 2, "input_size": 64, "resize": rule})
    shown = load(e, locate("pets", tmp_path)).validation.images  # the first of each class
    d = np.arange(64)
    places = (d + 0.5) * side / 64 if rule == "pil" else d * (1 / (64 / side))
    places = places.astype(int)
    for image, original in zip(shown, images.values(), strict=True):
        np.testing.assert_array_equal(image, original[places][:, places])
