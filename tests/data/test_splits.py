import numpy as np
import pytest

from kreproduce.data import splits
from kreproduce.data.splits import limit
from kreproduce.errors import DataError, SettingsError

IN_SEQUENCE, IN_CLASSES = True, False


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


def true_sets():
    """By how they come: the paper's numbers of images, and the sizes of its three parts."""
    cifar10, malaria = (45_000, 5_000, 10_000), (22_046, 2_756, 2_756)
    yield "cifar10 as a sequence", parted(50_000, 10_000), IN_SEQUENCE, cifar10
    yield "cifar10 in class folders", in_folders(10, 5_000, 1_000), IN_CLASSES, cifar10
    yield "malaria with names", unparted(2, 13_779, True), IN_CLASSES, malaria
    yield "malaria without", unparted(2, 13_779, False), IN_SEQUENCE, malaria
    yield "colorectal", unparted(8, 625, True), IN_CLASSES, (3_992, 504, 504)


def in_folders(classes, train, test):
    """Numbered from the start in every folder, as the names of CIFAR-10's files are."""
    each = [("train", train), ("test", test)]
    places = [(part, c, i) for part, n in each for c in range(classes) for i in range(n)]
    return (
        np.array([c for _, c, _ in places], np.int32),
        [f"{part}/class {c}/{i:04d}.png" for part, c, i in places],
        np.array([part for part, _, _ in places]),
    )


@pytest.mark.parametrize(
    ("images", "sequence", "expected"),
    [case[1:] for case in true_sets()],
    ids=[case[0] for case in true_sets()],
)
def test_the_papers_sets_divide_as_the_paper_says(images, sequence, expected):
    labels, names, parts = images
    result = split(labels, names, parts, sequence)
    assert sizes(result) == expected
    assert is_partition(result, len(labels))
    assert set(parts[result.test]) <= {"test", "all"}
    every = np.concatenate([result.train, result.validation])
    assert set(parts[every]) <= {"train", "all"}
    for part in (result.train, result.validation, result.test):
        assert len(set(np.bincount(labels[part]))) == 1  # as many of each class
    # The same images whatever order they are listed in, on another machine.
    shuffled = np.random.default_rng(0).permutation(len(labels))
    if all(names):
        mixed = [names[i] for i in shuffled]
        again = split(labels[shuffled], mixed, parts[shuffled], sequence)
        for one, other in zip(
            (result.train, result.validation, result.test),
            (again.train, again.validation, again.test),
            strict=True,
        ):
            np.testing.assert_array_equal(one, shuffled[other])


def test_ids_restore_the_original_order_of_tfds():
    labels, names, parts = parted(100, 20)
    shuffled = np.random.default_rng(0).permutation(120)
    result = split(labels[shuffled], [names[i] for i in shuffled], parts[shuffled], IN_SEQUENCE)
    assert shuffled[result.validation].tolist() == list(range(10))
    assert shuffled[result.train].tolist() == list(range(10, 100))
    assert shuffled[result.test].tolist() == list(range(100, 120))
    assert "by id" in result.rule


def test_class_folders_give_the_first_tenth_of_each_class():
    labels = np.repeat(np.array([0, 1, 0, 1], np.int32), [20, 30, 5, 5])
    names = [f"{i:03d}" for i in range(60)]
    parts = np.repeat(["train", "test"], [50, 10])
    result = split(labels, names, parts, IN_CLASSES)
    assert result.validation.tolist() == [0, 1, 20, 21, 22]
    assert result.test.tolist() == list(range(50, 60))
    assert "each class" in result.rule


def in_parts(names="{part}_{i:05d}", **each):
    """Of classes 0, 1 and 2, `each` so many of them in a part, class by class."""
    places = [(part, c, i) for part, n in each.items() for c in range(3) for i in range(n)]
    return (
        np.array([c for _, c, _ in places], np.int32),
        [names.format(part=part, i=100 * c + i) for part, c, i in places],
        np.array([part for part, _, _ in places]),
    )


def test_ids_that_run_class_by_class_leave_every_class_something_to_validate():
    labels, names, parts = in_parts(train=8, test=3)
    result = split(labels, names, parts, IN_CLASSES)
    assert labels[result.validation].tolist() == [0, 1, 2]
    assert set(labels[result.train]) == set(labels[result.test]) == {0, 1, 2}


def test_a_validation_part_validates():
    labels, names, parts = in_parts(train=8, validation=2, test=3)
    for sequence in (IN_SEQUENCE, IN_CLASSES):
        result = split(labels, names, parts, sequence)
        for part in ("train", "validation", "test"):
            assert sorted(getattr(result, part)) == np.flatnonzero(parts == part).tolist()
        assert result.rule.startswith("as given: a part to train, one to validate and one to test")


def test_beside_a_validation_part_alone_every_tenth_of_the_training_part_tests():
    labels, names, parts = in_parts(train=11, validation=2)
    result = split(labels, names, parts, IN_CLASSES)
    assert sizes(result) == (27, 6, 6)
    assert is_partition(result, len(labels))
    assert set(parts[result.validation]) == {"validation"}
    assert labels[result.test].tolist() == [0, 0, 1, 1, 2, 2]
    assert "the validation part validates" in result.rule


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_class_that_is_absent_from_a_part_is_named_with_the_part(part):
    labels, names, parts = in_parts(train=4, validation=4, test=4)
    kept = ~((labels == 1) & (parts == part))
    called = "training" if part == "train" else part
    with pytest.raises(
        DataError,
        match=f"no image of class 'class 1' is in the {called} part, and the other parts have 8",
    ):
        split(labels[kept], np.array(names)[kept].tolist(), parts[kept], IN_CLASSES)


def test_names_of_some_images_alone_set_no_order():
    labels, names, parts = unparted(1, 20, True)
    some = ["", *names[:0:-1]]
    result = split(labels, some, parts, IN_CLASSES)
    assert result.validation.tolist() == [0, 10]
    assert "reading order" in result.rule


def test_every_tenth_validates_and_every_ninth_of_the_rest_tests():
    result = split(*unparted(1, 20, True), IN_CLASSES)
    assert result.validation.tolist() == [0, 10]
    assert result.test.tolist() == [1, 11]
    assert result.train.tolist() == [*range(2, 10), *range(12, 20)]


def test_names_set_the_order_and_their_absence_is_said():
    labels, names, parts = unparted(1, 20, True)
    backwards = split(labels, names[::-1], parts, IN_CLASSES)
    assert backwards.validation.tolist() == [19, 9]
    nameless = split(labels, [""] * 20, parts, IN_SEQUENCE)
    assert nameless.validation.tolist() == [0, 10]
    assert "reading order" in nameless.rule
    assert "reading order" not in backwards.rule


@pytest.mark.parametrize(("each", "empty"), [(1, "training"), (2, "training")])
def test_an_empty_part_is_refused(each, empty):
    with pytest.raises(
        DataError, match=f"the {each} images of class 'class 0' are too few.* {empty} part"
    ):
        split(*unparted(2, each, True), IN_CLASSES)
    assert sizes(split(*unparted(2, 3, True), IN_CLASSES)) == (2, 2, 2)


def test_limit_takes_the_classes_in_turn_and_keeps_their_order():
    labels = np.repeat(np.array([0, 1, 2], np.int32), [50, 100, 150])
    whole = split(labels, [f"{i:03d}" for i in range(300)], np.full(300, "all"), IN_CLASSES)
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
    whole = split(labels, [f"{i:03d}" for i in range(105)], np.full(105, "all"), IN_CLASSES)
    assert np.bincount(labels[limit(whole, labels, 20).train]).tolist() == [3, 17]


def test_limit_keeps_an_image_of_each_class_for_validation_and_test():
    labels, names, parts = parted(1000, 200)
    small = limit(split(labels, names, parts, IN_CLASSES), labels, 10)
    assert sizes(small) == (10, 10, 10)
    assert len(set(labels[small.validation])) == len(set(labels[small.test])) == 10


def test_limit_beyond_the_set_is_the_whole():
    labels, names, parts = parted(100, 20)
    whole = split(labels, names, parts, IN_CLASSES)
    assert limit(whole, labels, 10_000) is whole


@pytest.mark.parametrize("n", [-1, 0, 9])
def test_limit_below_the_number_of_classes_is_refused(n):
    labels, names, parts = parted(100, 20)
    with pytest.raises(SettingsError, match="all 10 classes"):
        limit(split(labels, names, parts, IN_CLASSES), labels, n)


def test_limit_is_in_proportion_to_the_training_images():
    labels, names, parts = parted(1000, 500, classes=2)
    small = limit(split(labels, names, parts, IN_SEQUENCE), labels, 90)
    assert sizes(small) == (90, 10, 50)  # of 900, 100 and 500: a tenth of each


def test_a_tenth_is_rounded_up():
    assert sizes(split(*parted(45, 10, classes=3), IN_SEQUENCE)) == (40, 5, 10)
    assert sizes(split(*parted(45, 10, classes=3), IN_CLASSES)) == (39, 6, 10)
