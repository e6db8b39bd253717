"""Folders that the published archives were unpacked in: recognised without being told."""

import locale
import os
import random

import numpy as np
import pytest
from helpers import published
from PIL import Image

from kreproduce.data import cifar
from kreproduce.data.archives import PUBLISHED
from kreproduce.data.dataset import divide, load
from kreproduce.data.originals import foreign_reason
from kreproduce.data.sources import locate, open_source
from kreproduce.errors import DataError
from kreproduce.experiment.settings import resolve

CLASSES = {
    "cifar10": [
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ],
    "malaria": ["Parasitized", "Uninfected"],
    "colorectal_histology": list(published.COLORECTAL),
}
IMAGES = {"cifar10": 60, "malaria": 40, "colorectal_histology": 80}


def opened(folder, dataset):
    return open_source(locate(dataset, folder), dataset)


@pytest.mark.parametrize("dataset", PUBLISHED)
@pytest.mark.parametrize("inside", [False, True])
def test_the_folder_itself_or_the_one_that_holds_it(tmp_path, dataset, inside):
    top = published.unpacked(tmp_path, dataset)
    (tmp_path / "something else").mkdir()
    location = locate(dataset, top if inside else tmp_path)
    assert (location.kind, location.path, location.of_folder) == ("folder", top, True)
    source = open_source(location, dataset)
    assert list(source.class_names) == CLASSES[dataset]
    assert len(source.labels) == IMAGES[dataset]
    assert foreign_reason(source, dataset) == "read from a folder of images"
    assert len(list(source.read(range(IMAGES[dataset])))) == IMAGES[dataset]


def test_cifar10s_batches_keep_their_order(tmp_path):
    published.unpacked(tmp_path, "cifar10")
    source = opened(tmp_path, "cifar10")
    assert source.names == [f"train_{i:05d}" for i in range(40)] + [
        f"test_{i:05d}" for i in range(20)
    ]
    assert source.parts.tolist() == ["train"] * 40 + ["test"] * 20
    assert source.labels.tolist() == [i % 10 for i in range(60)]
    assert [int(image[5, 6, 1]) for image in source.read(range(60))] == [
        *range(40),
        *range(100, 120),
    ]
    assert divide(source).validation.tolist() == [0, 1, 2, 3]


def test_cifar10s_planes_are_red_green_and_blue_row_by_row(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    record = b"\x07" + b"".join(image[:, :, channel].tobytes() for channel in range(3))
    contents = dict.fromkeys(cifar.FILES, record)
    source = cifar.from_batches(contents, tmp_path, "folder")
    np.testing.assert_array_equal(source.decode(0), image)
    assert source.labels.tolist() == [7] * 6


@pytest.mark.parametrize("name", cifar.FILES)
def test_a_missing_batch_is_named(tmp_path, name):
    top = published.unpacked(tmp_path, "cifar10")
    (top / name).unlink()
    with pytest.raises(DataError, match=f"{top / name} is missing"):
        opened(top, "cifar10")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "0 bytes"), (bytes(3072), "3,072 bytes"), (b"\x0a" + bytes(3072), "a label above 9")],
)
def test_a_damaged_batch_is_named(tmp_path, content, what):
    top = published.unpacked(tmp_path, "cifar10")
    (top / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError, match=f"data_batch_3.bin is damaged .it has {what}"):
        opened(tmp_path, "cifar10")


def test_pickles_are_not_read(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    for folder in (tmp_path, tmp_path / "cifar-10-batches-py"):
        with pytest.raises(DataError, match=r"can run any code: get cifar-10-binary\.tar\.gz"):
            locate("cifar10", folder)


def test_another_dataset_is_not_looked_for_in_it(tmp_path):
    published.unpacked(tmp_path, "malaria")
    assert locate("colorectal_histology", tmp_path).path == tmp_path
    assert locate("my-cells", tmp_path).path == tmp_path


@pytest.fixture(scope="module")
def colorectal(tmp_path_factory):
    """All of its 5,000 files in their layout, each of four pixels, written in a random order."""
    root = tmp_path_factory.mktemp("colorectal")
    top = root / "Kather_texture_2016_image_tiles_5000"
    places = []
    for number, name in enumerate(published.COLORECTAL):
        (top / name).mkdir(parents=True)
        places += [(name, number, i) for i in range(625)]
    random.Random(0).shuffle(places)
    for name, number, i in places:
        tile = np.full((2, 2, 3), (number, i // 256, i % 256), np.uint8)
        Image.fromarray(tile).save(top / name / f"{i * 7919 % 100_000:05X}_CRC-{i:03d}.tif")
    return root


def test_colorectal_histology_in_full(colorectal):
    e = resolve({"dataset": "colorectal_histology", "ch": 4, "input_size": 64})
    e = resolve(e.model_dump(), {"data_name": "tiny-tiles"})
    data = load(e, locate("colorectal_histology", colorectal))
    parts = [data.train, data.validation, data.test]
    assert [len(part.labels) for part in parts] == [3_992, 504, 504]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[499] * 8, [63] * 8, [63] * 8]
    shown = [tuple(image[0, 0]) for part in parts for image in part.images]
    assert len(set(shown)) == 5_000  # every one, and none twice
    # By the sorted file names: every tenth from the first; of the rest every ninth.
    order = sorted(range(625), key=lambda i: f"{i * 7919 % 100_000:05X}_CRC-{i:03d}.tif")
    rest = [i for place, i in enumerate(order) if place % 10]
    expected = {1: order[::10], 2: rest[::9], 0: [i for p, i in enumerate(rest) if p % 9]}
    for part, members in expected.items():
        mine = parts[part].images[parts[part].labels == 5][:, 0, 0]
        assert [int(pixel[1]) * 256 + int(pixel[2]) for pixel in mine] == members


def test_the_order_of_the_directory_and_the_language_do_not_matter(colorectal, monkeypatch):
    before = divide(opened(colorectal, "colorectal_histology"))
    scandir = os.scandir

    class Backwards:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = list(entries)[::-1]

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *error):
            pass

        def close(self):
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    # In a language whose order of letters is not that of their codes, were it asked.
    monkeypatch.setattr(locale, "strxfrm", lambda text: text[::-1])
    monkeypatch.setattr(locale, "strcoll", lambda one, other: (one < other) - (one > other))
    after = divide(opened(colorectal, "colorectal_histology"))
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(before, part), getattr(after, part))
