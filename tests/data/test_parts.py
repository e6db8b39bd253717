"""Which folders are training, validation and test parts, and which are classes called so."""

import pytest
from helpers.support import write_images

from kreproduce.data.dataset import divide
from kreproduce.data.folders import read_folder
from kreproduce.data.parts import part_called
from kreproduce.data.sources import locate, open_source
from kreproduce.errors import DataError


def write_parts(folder, *parts, counts=(4, 4)):
    """Two classes in each part, no picture twice."""
    for number, part in enumerate(parts):
        write_images(folder / part, dict(zip(("cat", "dog"), counts, strict=True)), seed=number)


def refusal(folder, dataset="mine"):
    with pytest.raises(DataError) as caught:
        open_source(locate(dataset, folder), dataset)
    message = str(caught.value)
    for advice in ("remove", "delete"):
        assert advice not in message
    return message


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "Test"),
        ("TRAIN", "test"),
        ("training", "testing"),
        ("Training_Set", "Test-set"),
        ("train images", "testdata"),
    ],
)
def test_other_spellings_of_train_and_test(tmp_path, train, test):
    write_parts(tmp_path, train, test)
    source = read_folder(tmp_path, "mine")
    assert source.class_names == ("cat", "dog")
    assert source.parts.tolist() == ["train"] * 8 + ["test"] * 8
    assert source.passed_over == ()
    assert source.names[0] == f"{train}/cat/000.png"


@pytest.mark.parametrize("name", ["trains", "car", "latest", "contest", "set", "valley", "dataset"])
def test_other_names_are_no_parts(name):
    assert part_called(name) is None


@pytest.mark.parametrize("name", ["train", "test", "Test", "val", "valid", "Training"])
def test_a_class_that_is_called_like_a_part(tmp_path, name):
    write_images(tmp_path, {"bus": 6, "car": 6, name: 6})
    source = read_folder(tmp_path, "vehicles")
    assert source.class_names == tuple(sorted(("bus", "car", name)))
    assert set(source.parts) == {"all"}
    assert source.passed_over == ()


def test_such_a_class_with_a_folder_inside(tmp_path):
    write_images(tmp_path, {"bus": 6, "car": 6, "train": 6, "train/old": 2})
    source = read_folder(tmp_path, "vehicles")
    assert source.class_names == ("bus", "car", "train")
    assert source.passed_over == (
        f"2 images in folders inside class folders ({tmp_path / 'train' / 'old'} has 2)",
    )


def test_stray_images_make_no_class_of_a_part(tmp_path):
    write_images(tmp_path, {"train": 4, "samples": 4, "train/left": 6, "train/right": 6})
    assert refusal(tmp_path).startswith(f"{tmp_path / 'train'} holds more images in its folders")


def test_a_test_part_of_images_without_classes_has_a_way_out(tmp_path):
    write_images(tmp_path, {"train/left": 6, "train/right": 6, "test": 4})
    assert "pass the folder of the other part alone" in refusal(tmp_path)
    assert read_folder(tmp_path / "train", "mine").class_names == ("left", "right")


def test_classes_called_like_two_parts_are_undecided_and_have_a_way_in(tmp_path):
    write_images(tmp_path / "flat", {"bus": 6, "train": 6, "test": 6})
    message = refusal(tmp_path / "flat")
    assert "train and " in message
    assert "hold no class folders, and are called like parts" in message
    # The two ways out that it names.
    for part in ("train", "test"):
        write_images(tmp_path / "parted" / part, {"bus": 3, "train": 3, "test": 3})
    assert read_folder(tmp_path / "parted", "mine").class_names == ("bus", "test", "train")
    (tmp_path / "flat" / "train").rename(tmp_path / "flat" / "trains")
    assert read_folder(tmp_path / "flat", "mine").class_names == ("bus", "test", "trains")


def test_a_part_among_classes_is_refused_and_every_way_out_works(tmp_path):
    write_images(tmp_path / "a", {"bus": 6, "car": 6, "train/left": 6, "train/right": 6})
    message = refusal(tmp_path / "a")
    assert message.startswith(f"{tmp_path / 'a' / 'train'} holds more images in its folders")
    assert read_folder(tmp_path / "a" / "train", "mine").class_names == ("left", "right")
    (tmp_path / "a" / "train").rename(tmp_path / "elsewhere")
    assert read_folder(tmp_path / "a", "mine").class_names == ("bus", "car")


@pytest.mark.parametrize("name", ["val", "validation", "Valid", "validation_set"])
def test_a_validation_part_validates(tmp_path, name):
    write_parts(tmp_path, "train", name, "test")
    source = open_source(locate("mine", tmp_path), "mine")
    assert source.passed_over == ()
    split = divide(source)
    assert {source.names[i].split("/")[0] for i in split.validation} == {name}
    assert [len(part) for part in (split.train, split.validation, split.test)] == [8, 8, 8]


def test_a_validation_part_without_a_test_part(tmp_path):
    write_parts(tmp_path, "train", "val", counts=(20, 20))
    source = open_source(locate("mine", tmp_path), "mine")
    split = divide(source)
    assert [len(part) for part in (split.train, split.validation, split.test)] == [36, 40, 4]
    assert "every tenth from the first tests" in split.rule


def test_the_papers_datasets_keep_their_split_and_name_a_validation_part(tmp_path):
    write_parts(tmp_path, "train", "test", counts=(10, 10))
    before = divide(open_source(locate("cifar10", tmp_path), "cifar10"))
    write_parts(tmp_path, "val")
    source = open_source(locate("cifar10", tmp_path), "cifar10")
    assert source.passed_over == (
        "8 images in a validation part, not used, for the split is the paper's "
        f"({tmp_path / 'val'} has 8)",
    )
    after = divide(source)
    assert after.rule == before.rule
    for part in ("train", "validation", "test"):
        assert getattr(before, part).tolist() == getattr(after, part).tolist()


def test_a_validation_part_without_class_folders_is_named(tmp_path):
    write_parts(tmp_path, "train", "test")
    write_images(tmp_path, {"val": 3})
    source = read_folder(tmp_path, "mine")
    assert source.parts.tolist() == ["train"] * 8 + ["test"] * 8
    assert source.passed_over == (
        f"3 images in a validation part, which has no class folders ({tmp_path / 'val'} has 3)",
    )


def test_other_folders_beside_the_parts_are_named(tmp_path):
    write_parts(tmp_path, "train", "test")
    write_images(tmp_path, {"unlabelled": 3, "holdout/cat": 2})
    (tmp_path / "annotations").mkdir()
    assert read_folder(tmp_path, "mine").passed_over == (
        f"5 images in other folders than the parts ({tmp_path / 'holdout'} has 2, "
        f"{tmp_path / 'unlabelled'} has 3)",
    )


@pytest.mark.parametrize("parts", [("train", "Train"), ("training", "train")])
def test_a_part_that_is_there_twice(tmp_path, parts):
    write_parts(tmp_path, *parts, "test")
    assert "two folders that can be its train part" in refusal(tmp_path)
    (tmp_path / parts[0]).rename(tmp_path / "older")  # the way out that it names
    assert "8 images in other folders" in read_folder(tmp_path, "mine").passed_over[0]


@pytest.mark.parametrize(
    ("there", "missing"), [("Training", "test"), ("TEST", "train"), ("val", "train")]
)
def test_a_part_alone(tmp_path, there, missing):
    write_parts(tmp_path, there)
    message = refusal(tmp_path)
    assert f"no '{missing}'" in message
    assert f"add {tmp_path / missing}" in message
    assert set(read_folder(tmp_path / there, "mine").parts) == {"all"}  # the other way out


def test_a_validation_part_alone_under_a_name_of_the_paper(tmp_path):
    write_parts(tmp_path, "val")
    assert f"add {tmp_path / 'train'} and {tmp_path / 'test'}" in refusal(tmp_path, "malaria")
    write_parts(tmp_path, "train", "test")
    source = open_source(locate("malaria", tmp_path), "malaria")
    assert set(source.parts) == {"train", "test"}


def test_a_test_part_without_labels(tmp_path):
    write_parts(tmp_path, "train")
    write_images(tmp_path, {"test": 3, "sample": 3})
    assert refusal(tmp_path).startswith(f"{tmp_path / 'test'} holds no class folders")


def test_a_class_that_validation_lacks(tmp_path):
    write_parts(tmp_path, "train", "test")
    write_images(tmp_path / "val", {"cat": 2})
    assert refusal(tmp_path).startswith(f"{tmp_path / 'val' / 'dog'} is missing")
