import numpy as np
import pytest
from helpers import published
from helpers.support import write_images
from helpers.tfds_sets import store_colorectal

from kreproduce import paper
from kreproduce.data.check import check
from kreproduce.data.dataset import load
from kreproduce.data.sources import locate
from kreproduce.experiment.settings import resolve
from kreproduce.paper import Images


@pytest.fixture
def pets(tmp_path):
    write_images(tmp_path, {"cat": 11, "dog": 20})
    return tmp_path


def recorded(dataset, location, **settings):
    return load(resolve({"dataset": dataset, "ch": 16}, settings), location).record


def test_a_sound_folder(pets):
    location = locate("pets", pets)
    findings = check("pets", location)
    assert findings.faults == []
    assert findings.sizes == [(12, 12)]
    assert findings.counts.tolist() == [[8, 2, 1], [16, 2, 2]]
    assert findings.foreign == "read from a folder of images"
    assert findings.fingerprint == recorded("pets", location, classes=2).fingerprint


def test_the_digits():
    location = locate("digits", None)
    findings = check("digits", location)
    assert (findings.faults, findings.sizes) == ([], [(8, 8)])
    assert findings.fingerprint == recorded("digits", location).fingerprint
    assert findings.counts.sum() == 1797


def test_every_damaged_and_unreadable_image_is_named(pets):
    (pets / "cat" / "003.png").write_bytes(b"")
    image = pets / "dog" / "007.png"
    image.write_bytes(image.read_bytes()[:70])
    location = locate("pets", pets)
    findings = check("pets", location)
    assert [fault.partition(" cannot be read")[0] for fault in findings.faults] == [
        str(pets / "cat" / "003.png"),
        str(pets / "dog" / "007.png"),
    ]
    assert findings.fingerprint is None
    assert findings.sizes == [(12, 12)]


def test_classes_of_the_paper_with_images_missing_or_too_many(tmp_path, monkeypatch):
    monkeypatch.setitem(paper.IMAGES, "malaria", Images(2, {"all": 20}))
    top = published.unpacked(tmp_path, "malaria")
    location = locate("malaria", tmp_path)
    findings = check("malaria", location)
    assert findings.faults == []
    assert len(findings.sizes) == 40
    e = {"data_name": "malaria-folder"}
    assert findings.fingerprint == recorded("malaria", location, **e).fingerprint
    (top / "Uninfected" / "C105.png").rename(top / "Parasitized" / "C105.png")
    assert check("malaria", location).faults == [
        "class Parasitized has 21 images, and 20 in the original",
        "class Uninfected has 19 images, and 20 in the original",
    ]


def test_another_number_of_classes_and_of_parts(pets):
    faults = check("cifar10", locate("cifar10", pets)).faults
    assert faults == [
        "2 classes, and the original has 10",
        "class cat has 11 images, and 0 in the original",
        "class dog has 20 images, and 0 in the original",
        *(
            f"class {name} has 0 {part} images, and {count} in the original"
            for part, count in (("test", "1,000"), ("train", "5,000"))
            for name in ("cat", "dog")
        ),
    ]


def test_through_tfds(tmp_path):
    store_colorectal(tmp_path)
    findings = check("colorectal_histology", locate("colorectal_histology", tmp_path))
    assert findings.sizes == [(150, 150)]
    assert len(findings.faults) == 8
    assert findings.faults[0] == "class tumor has 10 images, and 625 in the original"
    np.testing.assert_array_equal(findings.counts, [[8, 1, 1]] * 8)
