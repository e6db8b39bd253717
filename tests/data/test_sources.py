import subprocess
import sys

import numpy as np
import pytest

from kreproduce.data import builtin
from kreproduce.data.images import Source
from kreproduce.data.originals import foreign_reason
from kreproduce.data.sources import DATASETS, locate, open_source
from kreproduce.errors import DataError, SettingsError
from kreproduce.experiment.recipes import RECIPES


@pytest.fixture(autouse=True)
def nothing_prepared(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    return tmp_path / "none"


def counted(kind, counts):
    """A source of nothing but labels: {part: images of each class}."""
    labels = [np.repeat(np.arange(len(c), dtype=np.int32), c) for c in counts.values()]
    return Source(
        name="it",
        kind=kind,
        class_names=tuple(str(i) for i in range(len(next(iter(counts.values()))))),
        labels=np.concatenate(labels),
        names=[],
        parts=np.repeat(list(counts), [len(part) for part in labels]),
        decode=lambda i: np.zeros((1, 1, 3), np.uint8),
    )


ORIGINAL = {
    "cifar10": {"train": [5000] * 10, "test": [1000] * 10},
    "malaria": {"all": [13_779] * 2},
    "colorectal_histology": {"all": [625] * 8},
}


@pytest.mark.parametrize("dataset", ORIGINAL)
def test_the_papers_counts_through_tfds_are_the_original(dataset):
    assert foreign_reason(counted("tfds", ORIGINAL[dataset]), dataset) is None
    assert foreign_reason(counted("folder", ORIGINAL[dataset]), dataset) == (
        "read from a folder of images"
    )


@pytest.mark.parametrize(
    "counts",
    [
        {"train": [5000] * 9 + [4999], "test": [1000] * 10},
        {"train": [5000] * 10},
        {"train": [5000] * 9, "test": [1000] * 9},
        {"all": [6000] * 10},
    ],
)
def test_other_counts_are_foreign(counts):
    assert "other numbers of images" in foreign_reason(counted("tfds", counts), "cifar10")


def test_another_name_is_foreign():
    source = counted("tfds", ORIGINAL["cifar10"])
    assert foreign_reason(source, "mnist") == "not a dataset of the paper"


BUILT_IN = {"digits": (10, 1797, (8, 8, 3))}
"""By name: classes, images, the shape of an image."""


@pytest.mark.parametrize(("dataset", "has"), BUILT_IN.items())
def test_what_is_built_in_is_a_demonstration(dataset, has):
    location = locate(dataset, None)
    assert (location.kind, location.path) == ("builtin", None)
    source = open_source(location, dataset)
    assert "demonstration" in foreign_reason(source, dataset)
    first, *others = source.read(range(len(source.labels)))
    assert (len(source.class_names), 1 + len(others), first.shape) == has
    assert {image.dtype for image in (first, *others)} == {np.dtype(np.uint8)}
    assert first.max() > 200
    assert len(source.labels) == len(source.names) == len(source.parts)
    assert RECIPES[dataset]["classes"] == len(source.class_names)
    assert np.array_equal(np.unique(source.labels), np.arange(len(source.class_names)))


def test_digits_are_grey():
    image = next(open_source(locate("digits", None), "digits").read([0]))
    assert (image[..., 0] == image[..., 2]).all()


def test_every_known_dataset_is_built_in_or_published_and_has_a_recipe():
    assert set(builtin.BUILT_IN) == set(BUILT_IN)
    assert set(DATASETS) == set(RECIPES)


@pytest.mark.parametrize("dataset", ORIGINAL)
def test_what_is_not_prepared_says_how_to(dataset, nothing_prepared):
    location = locate(dataset, None)
    assert (location.kind, location.path) == ("tfds", None)
    with pytest.raises(DataError) as caught:
        open_source(location, dataset)
    message = str(caught.value)
    assert message.startswith(f"'{dataset}' is not prepared in {nothing_prepared}")
    assert f"`kreproduce data prepare {dataset}`" in message
    assert "--data-dir" in message
    assert not nothing_prepared.exists()


def test_an_unknown_name_names_the_nearest_and_the_way_out():
    with pytest.raises(SettingsError, match=r"'cifar100' .* --data-dir: did you mean 'cifar10'"):
        locate("cifar100", None)


def test_a_prepared_dataset_is_found_by_its_info(nothing_prepared):
    version = nothing_prepared / "malaria" / "1.0.0"
    version.mkdir(parents=True)
    (version / "dataset_info.json").touch()
    assert locate("malaria", None) == locate("malaria", nothing_prepared)
    assert locate("malaria", None).path == version


def test_any_other_folder_is_of_images(tmp_path):
    location = locate("my-cells", tmp_path)
    assert (location.kind, location.path) == ("folder", tmp_path)


def test_the_pure_half_imports_nothing_heavy():
    modules = (
        "sources, folders, tfds, prepare, images, splits, resize, augment, "
        "archives, cache, check, cifar, dataset, layouts, heldout, originals, "
        "entries, parts, repeats, views"
    )
    code = (
        f"from kreproduce.data import {modules}; import sys;"
        "heavy = {'tensorflow', 'keras', 'tensorflow_datasets', 'sklearn', 'PIL', 'pandas'};"
        "print(*(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
