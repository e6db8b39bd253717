import numpy as np
import pytest

from kreproduce.data import splits
from kreproduce.data.splits import limit
from kreproduce.errors import DataError, SettingsError


def split(*arguments):
    return splits.split(*arguments, class_names=[f"class {i}" for i in range(10)])


def unparted(classes, each, named):
    labels = np.repeat(np.arange(classes, dtype=np.int32), each)
    names = [f"{i:06d}.png" if named else "" for i in range(len(labels))]
    return labels, names, np.full(len(labels), "all")


def parted(train, test, classes=10):
    labels = np.concatenate([np.arange(n, dtype=np.int32) % classes for n in (train, test)])
    names = [f"train_{i:05d}" for i in range(train)] + [f"test_{i:05d}" for i in range(test)]
    return labels, names, np.repeat(["train", "test"], [train, test])


def sizes(result):
    return len(result.train), len(result.validation), len(result.test)


def is_partition(result, n):
    every = np.concatenate([result.train, result.validation, result.test])
    return sorted(every.tolist()) == list(range(n))


@pytest.mark.parametrize("kind", ["tfds", "folder"])
def test_cifar10_has_the_papers_sizes(kind):
    result = split(*parted(50_000, 10_000), kind)
    assert sizes(result) == (45_000, 5_000, 10_000)
    assert is_partition(result, 60_000)


@pytest.mark.parametrize(
    ("classes", "each", "named", "expected"),
    [(2, 13_779, False, (22_046, 2_756, 2_756)), (8, 625, True, (3_992, 504, 504))],
)
def test_medical_sets_have_the_papers_sizes(classes, each, named, expected):
    labels, names, parts = unparted(classes, each, named)
    result = split(labels, names, parts, "tfds")
    assert sizes(result) == expected
    assert is_partition(result, classes * each)
    assert len(set(np.bincount(labels[result.train]))) == 1


def test_ids_restore_the_original_order_of_tfds():
    labels, names, parts = parted(100, 20)
    shuffled = np.random.default_rng(0).permutation(120)
    result = split(labels[shuffled], [names[i] for i in shuffled], parts[shuffled], "tfds")
    assert shuffled[result.validation].tolist() == list(range(10))
    assert shuffled[result.train].tolist() == list(range(10, 100))
    assert shuffled[result.test].tolist() == list(range(100, 120))
    assert "by id" in result.rule


def test_class_folders_give_the_first_tenth_of_each_class():
    labels = np.repeat(np.array([0, 1, 0, 1], np.int32), [20, 30, 5, 5])
    names = [f"{i:03d}" for i in range(60)]
    parts = np.repeat(["train", "test"], [50, 10])
    result = split(labels, names, parts, "folder")
    assert result.validation.tolist() == [0, 1, 20, 21, 22]
    assert result.test.tolist() == list(range(50, 60))
    assert "each class" in result.rule


def test_every_tenth_validates_and_every_ninth_of_the_rest_tests():
    result = split(*unparted(1, 20, True), "folder")
    assert result.validation.tolist() == [0, 10]
    assert result.test.tolist() == [1, 11]
    assert result.train.tolist() == [*range(2, 10), *range(12, 20)]


def test_names_set_the_order_and_their_absence_is_said():
    labels, names, parts = unparted(1, 20, True)
    backwards = split(labels, names[::-1], parts, "folder")
    assert backwards.validation.tolist() == [19, 9]
    nameless = split(labels, [""] * 20, parts, "tfds")
    assert nameless.validation.tolist() == [0, 10]
    assert "reading order" in nameless.rule
    assert "reading order" not in backwards.rule


@pytest.mark.parametrize(("each", "empty"), [(1, "training"), (2, "training")])
def test_an_empty_part_is_refused(each, empty):
    with pytest.raises(
        DataError, match=f"the {each} images of class 'class 0' are too few.* {empty} part"
    ):
        split(*unparted(2, each, True), "folder")
    assert sizes(split(*unparted(2, 3, True), "folder")) == (2, 2, 2)


def test_limit_takes_the_classes_in_turn_and_keeps_their_order():
    labels = np.repeat(np.array([0, 1, 2], np.int32), [50, 100, 150])
    whole = split(labels, [f"{i:03d}" for i in range(300)], np.full(300, "all"), "folder")
    small = limit(whole, labels, 24)
    assert sizes(small) == (24, 3, 3)
    assert np.bincount(labels[small.train]).tolist() == [8, 8, 8]
    assert labels[small.train][:6].tolist() == [0, 1, 2, 0, 1, 2]
    for label in range(3):
        kept, all_of_it = (i[labels[i] == label] for i in (small.train, whole.train))
        assert kept.tolist() == all_of_it[:8].tolist()
    assert "first 24" in small.rule


def test_limit_goes_on_with_the_larger_classes_when_a_small_one_ends():
    labels = np.repeat(np.array([0, 1], np.int32), [5, 100])
    whole = split(labels, [f"{i:03d}" for i in range(105)], np.full(105, "all"), "folder")
    assert np.bincount(labels[limit(whole, labels, 20).train]).tolist() == [3, 17]


def test_limit_keeps_an_image_of_each_class_for_validation_and_test():
    labels, names, parts = parted(1000, 200)
    small = limit(split(labels, names, parts, "folder"), labels, 10)
    assert sizes(small) == (10, 10, 10)
    assert len(set(labels[small.validation])) == len(set(labels[small.test])) == 10


def test_limit_beyond_the_set_is_the_whole():
    labels, names, parts = parted(100, 20)
    whole = split(labels, names, parts, "folder")
    assert limit(whole, labels, 10_000) is whole


@pytest.mark.parametrize("n", [-1, 0, 9])
def test_limit_below_the_number_of_classes_is_refused(n):
    labels, names, parts = parted(100, 20)
    with pytest.raises(SettingsError, match="all 10 classes"):
        limit(split(labels, names, parts, "folder"), labels, n)


def test_limit_is_in_proportion_to_the_training_images():
    labels, names, parts = parted(1000, 500, classes=2)
    small = limit(split(labels, names, parts, "tfds"), labels, 90)
    assert sizes(small) == (90, 10, 50)  # of 900, 100 and 500: a tenth of each


def test_a_tenth_is_rounded_up():
    assert sizes(split(*parted(45, 10, classes=3), "tfds")) == (40, 5, 10)
    assert sizes(split(*parted(45, 10, classes=3), "folder")) == (39, 6, 10)
