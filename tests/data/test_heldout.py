"""cifar10-heldout: CIFAR-10's training images, the same from wherever they come."""

import hashlib
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from helpers import published
from helpers.published import picture
from helpers.support import write_images
from helpers.tfds_sets import store_cifar10

from kreproduce.data import archives, cache, cifar, heldout, originals
from kreproduce.data.archives import PUBLISHED
from kreproduce.data.check import check
from kreproduce.data.dataset import load
from kreproduce.data.images import Source, fingerprint
from kreproduce.data.originals import foreign_reason
from kreproduce.data.prepare import prepare, prepare_archive, prepare_folder
from kreproduce.data.sources import locate, open_source
from kreproduce.errors import DataError
from kreproduce.experiment.settings import resolve
from kreproduce.training.request import resolve_request

NAME = "cifar10-heldout"
FILES = published.cifar_files(per_batch=10)


@pytest.fixture
def small(monkeypatch):
    """What was published is the small set of these tests."""
    md5 = {name: hashlib.md5(FILES[name]).hexdigest() for name in cifar.MD5}
    monkeypatch.setattr(cifar, "MD5", md5)
    monkeypatch.setattr(heldout, "COUNTS", {"train": [4] * 10, "test": [1] * 10})


def loaded(location, name=NAME):
    return load(resolve({"dataset": NAME, "ch": 16, "data_name": name}), location)


def archived(folder):
    """The published archive in small, and what it is known by."""
    files = {f"{cifar.FOLDER}/{name}": content for name, content in FILES.items()}
    path = published.archive(folder, "cifar10", files)
    return path, {"cifar10": published.described(path)}


def from_tfds(folder):
    store_cifar10(folder, 50)
    return locate(NAME, folder)


def from_archive(folder):
    path, known = archived(folder)
    return cached(prepare_archive(NAME, path, folder / "kept", known))


def from_folder(folder):
    top = published.unpacked(folder, "cifar10", FILES)
    (top / "test_batch.bin").unlink()
    return locate(NAME, folder)


def from_a_prepared_folder(folder):
    top = published.unpacked(folder, "cifar10", FILES)
    return cached(prepare_folder(NAME, top, folder / "kept"))


def from_prepared_tfds(folder):
    store_cifar10(folder, 50)
    path = prepare(NAME, folder)
    shutil.rmtree(folder / "cifar10")
    return cached(path)


def from_cifar10s_cache(folder):
    path, known = archived(folder)
    prepare_archive("cifar10", path, folder / "kept", known)
    return locate(NAME, folder / "kept")


def from_a_cache_of_cifar10s_cache(folder):
    return cached(prepare(NAME, from_cifar10s_cache(folder).path.parent))


def cached(path):
    location = locate(NAME, path.parent)
    assert (location.path, path.name) == (path, "cifar10-heldout.kreproduce.npz")
    return location


WAYS = {
    "tfds": from_tfds,
    "archive": from_archive,
    "folder": from_folder,
    "folder, prepared": from_a_prepared_folder,
    "tfds, prepared": from_prepared_tfds,
    "archive, prepared as cifar10": from_cifar10s_cache,
    "archive, prepared as cifar10 and from that": from_a_cache_of_cifar10s_cache,
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("way", WAYS)
def test_the_same_original_images_from_everywhere(tmp_path, way):
    location = WAYS[way](tmp_path)
    assert not location.of_folder
    data = loaded(location)
    shown = [[*range(4, 40)], [*range(4)], [*range(40, 50)]]  # the last: batch 5
    for subset, numbers in zip((data.train, data.validation, data.test), shown, strict=True):
        np.testing.assert_array_equal(subset.images, [picture(number, 32) for number in numbers])
        assert subset.labels.tolist() == [number % 10 for number in numbers]
    assert (data.record.name, data.record.original) == (NAME, True)
    assert data.record.source == way.split(",")[0]
    assert data.record.cached == ("prepared" in way or way == "archive")
    assert data.record.split == "of the training part, images by id: the first tenth validates"
    found, order = check(NAME, location), [number for numbers in shown for number in numbers]
    expected = fingerprint([picture(n, 32) for n in order], [n % 10 for n in order])
    assert data.record.fingerprint == found.fingerprint == expected
    assert (found.foreign, found.faults) == (None, [])


def test_the_published_sizes():
    assert originals.SIZES[NAME] == (36_000, 4_000, 10_000)
    assert sum(heldout.COUNTS["train"]) == 40_000
    assert np.add(heldout.COUNTS["train"], heldout.COUNTS["test"]).tolist() == [5_000] * 10
    labels = [np.repeat(np.arange(10), heldout.COUNTS[part]) for part in ("train", "test")]
    source = Source(
        name=NAME,
        kind="tfds",
        class_names=tuple("abcdefghij"),
        labels=np.concatenate(labels),
        names=[],
        parts=np.repeat(["train", "test"], [40_000, 10_000]),
        decode=lambda _: np.zeros((1, 1, 3), np.uint8),
    )
    assert foreign_reason(source, NAME) is None
    other = replace(source, labels=np.roll(source.labels, 10_000))
    assert foreign_reason(other, NAME).startswith("other numbers of images a class than the orig")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("batch", cifar.PARTS["train"])
@pytest.mark.parametrize("prepared", [False, True])
def test_a_batch_that_is_not_the_published_one_is_named(tmp_path, batch, prepared):
    top = published.unpacked(tmp_path, "cifar10", FILES)
    content = bytearray((top / batch).read_bytes())
    content[-1] ^= 1
    (top / batch).write_bytes(content)
    location = locate(NAME, top)
    if prepared:
        location = cached(prepare_folder(NAME, top, tmp_path / "kept"))
    assert location.of_folder
    reason = f"{batch} is not the published file"
    assert loaded(location, "mine").record.not_original_because == reason
    with pytest.raises(DataError, match=rf"not the original images of {NAME} \({reason}\)"):
        loaded(location)


def test_one_that_was_changed_since_it_was_looked_for_is_refused(tmp_path, small):
    top = published.unpacked(tmp_path, "cifar10", FILES)
    location = locate(NAME, top)
    assert not location.of_folder
    (top / "data_batch_2.bin").write_bytes((top / "data_batch_1.bin").read_bytes())
    with pytest.raises(DataError, match=r"data_batch_2\.bin is not the published file"):
        loaded(location)


def test_the_published_files_are_too_few_here(tmp_path):
    """Without the fixture `small` nothing of these tests is original."""
    for way, location in ((way, WAYS[way](tmp_path / way)) for way in ("tfds", "folder")):
        reason = loaded(location, "mine").record.not_original_because
        assert ("other numbers" if way == "tfds" else "data_batch_1.bin is not") in reason


@pytest.mark.parametrize("name", cifar.PARTS["train"])
def test_a_missing_batch_is_named(tmp_path, name):
    top = published.unpacked(tmp_path, "cifar10", FILES)
    (top / name).unlink()
    with pytest.raises(DataError, match=f"{top / name} is missing"):
        locate(NAME, tmp_path)


def test_folders_without_the_batches_are_refused(tmp_path):
    write_images(tmp_path / "images" / "train", {"cat": 3, "dog": 3})
    write_images(tmp_path / "images" / "test", {"cat": 3, "dog": 3})
    with pytest.raises(DataError, match=r"holds no cifar-10-batches-bin: .* in their order"):
        locate(NAME, tmp_path / "images")
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError, match="can run any code"):
        locate(NAME, tmp_path)


def test_a_folder_names_its_images(tmp_path, monkeypatch, small):
    published.unpacked(tmp_path, "cifar10", FILES)
    kept = prepare_folder(NAME, tmp_path, tmp_path / "kept").parent
    for folder in (tmp_path, kept):
        experiment, location, _ = resolve_request(NAME, {"ch": 4}, [], folder)
        assert (experiment.data_name, experiment.may_enter_tables) == (NAME, True)
        assert experiment.published() is None
        assert load(experiment, location).record.original
    monkeypatch.setitem(cifar.MD5, "data_batch_5.bin", "")
    experiment, location, _ = resolve_request(NAME, {"ch": 4}, [], tmp_path)
    assert experiment.data_name == f"{NAME}-folder"
    assert not load(experiment, location).record.original
    assert not experiment.may_enter_tables


def test_older_caches_of_folders_stay_foreign(tmp_path, small):
    """They say nothing of the files that they were made of."""
    top = published.unpacked(tmp_path, "cifar10", FILES)
    source = replace(open_source(locate(NAME, top), NAME), unpublished=None)
    cache.write(source, cache.path_in(tmp_path, NAME))
    assert b"unpublished" not in cache.path_in(tmp_path, NAME).read_bytes()
    location = locate(NAME, tmp_path)
    assert location.of_folder
    assert loaded(location, "mine").record.not_original_because == "read from a folder of images"


def test_a_cache_of_any_cifar10_folder_is_not_taken_for_it(tmp_path):
    top = published.unpacked(tmp_path, "cifar10", FILES)
    prepare_folder("cifar10", top, tmp_path / "kept")
    with pytest.raises(DataError, match="holds no cifar-10-batches-bin"):
        locate(NAME, tmp_path / "kept")


def test_its_own_cache_is_preferred(tmp_path):
    path, known = archived(tmp_path)
    for dataset in ("cifar10", NAME):
        prepare_archive(dataset, path, tmp_path, known)
        assert locate(NAME, tmp_path).path == cache.path_in(tmp_path, dataset)


def test_another_archive_is_refused(tmp_path):
    path, _ = archived(tmp_path)
    with pytest.raises(DataError, match=f"{PUBLISHED['cifar10'].size:,} are expected"):
        prepare_archive(NAME, path, tmp_path / "kept")


def test_cifar10_keeps_its_test_images(tmp_path):
    """The two datasets share files, and no more."""
    path, known = archived(tmp_path)
    with archives.opened(path, "cifar10", known) as source:
        assert np.count_nonzero(source.parts == "test") == 20
        part = heldout.taken_from(source)
        assert not {name for name in part.names if re.match("test", name)}
    store_cifar10(tmp_path, 50)
    source = open_source(locate("cifar10", tmp_path), "cifar10")
    assert (source.name, len(source.labels)) == ("cifar10", 70)
