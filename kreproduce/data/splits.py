"""Which images train, which validate and which test: by rule, without chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kreproduce.errors import DataError, SettingsError

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Indices into a source, each of train, validation and test (n,); and the rule in words."""

    train: Indices
    validation: Indices
    test: Indices
    rule: str


def split(
    labels: NDArray[np.int32],
    names: Sequence[str],
    parts: NDArray[np.str_],
    sequence: bool,
    class_names: Sequence[str],
) -> Split:
    """Divide a source of n images as the authors' code did.

    - With a training and a test part: the first tenth of each class.
    - With the two parts in one sequence: the first tenth of all in the original order, which the
      ids of TFDS and the files of the archive give (CIFAR-10: 5,000).
    - Without parts: in each class every tenth from the first to validation, of the rest every
      ninth from the first to test.
    - With a validation part of its own, which no set of the paper has: that one. Where there is
      no test part beside it, every tenth of each class of the training part.

    Names are compared by code point, whatever the language of the machine. Where there are none
    (TFDS' malaria), or not of all, the order is that of the source: TFDS' own, which a hash of
    the original file names decides, is the same on every machine, but not the authors'.

    Tenths are rounded up, which the paper's datasets do not need.

    Args:
        labels: (n,), from 0.
        names: n file names or ids that set the order; '' where reading order is to.
        parts: (n,) of 'train' with 'test', 'validation' or both, or of 'all'.
        sequence: Whether the images run across the classes in one sequence.
        class_names: What to call the labels in a message.

    Raises:
        DataError: A class has no image in the training or in the test part, or none in a
            validation part of its own.
    """
    named = all(names)
    order = np.array(sorted(range(len(labels)), key=names.__getitem__), np.int64)
    if not named:
        order.sort()
    how = "by name" if named else "in reading order, for they have no names"
    part_of = parts[order]
    training = order[(part_of == "train") | (part_of == "all")]
    validating, testing = order[part_of == "validation"], order[part_of == "test"]
    if len(validating):
        result = _as_given(_classes(training, labels), validating, testing, how)
    elif not len(testing):
        result = _by_tenths(_classes(training, labels), how)
    elif sequence:
        result = _first_of_all(training, testing, "by id" if named else how)
    else:
        result = _first_of_each_class(_classes(training, labels), testing, how)
    _check_classes(result, labels, parts, class_names)
    return result


def limit(whole: Split, labels: NDArray[np.int32], n: int) -> Split:
    """Keep the first `n` training images, the classes in turn, and that share of the other parts.

    The other parts keep at least an image of each class that they have.

    Args:
        whole: A split of the source.
        labels: All the source's labels, (images,).
        n: How many training images; all where there are not as many.

    Raises:
        SettingsError: `n` is less than the number of classes.
    """
    classes = len(np.unique(labels))
    if n < classes:
        raise SettingsError(f"{n} images cannot show all {classes} classes: ask for {classes}")
    if n >= len(whole.train):
        return whole

    def some(indices: Indices) -> Indices:
        share = math.ceil(len(indices) * n / len(whole.train))
        return _in_turn(indices, labels)[: max(share, len(np.unique(labels[indices])))]

    return Split(
        train=_in_turn(whole.train, labels)[:n],
        validation=some(whole.validation),
        test=some(whole.test),
        rule=f"{whole.rule}; of these only the first {n:,} for training, the classes in turn, "
        "and in proportion for validation and test",
    )


def _check_classes(
    result: Split, labels: NDArray[np.int32], parts: NDArray[np.str_], class_names: Sequence[str]
) -> None:
    """Refuse a split with a class that is not trained or not tested.

    Nor must one be absent from a validation part that was given: the weights are chosen there.
    By rule, each class has its share there; in one sequence, whatever part chance gave it.
    """
    divided = {"train": result.train, "test": result.test}
    if "validation" in parts:
        divided["validation"] = result.validation
    for part, indices in divided.items():
        absent = np.setdiff1d(labels, labels[indices])
        if not len(absent):
            continue
        name, members = class_names[absent[0]], labels == absent[0]
        count, called = np.count_nonzero(members), "training" if part == "train" else part
        if part in parts and not np.any(members & (parts == part)):
            raise DataError(
                f"no image of class '{name}' is in the {called} part, and the other parts have "
                f"{count:,}: put some of them there"
            )
        raise DataError(
            f"the {count} images of class '{name}' are too few: none is left for the "
            f"{called} part; give each class at least three"
        )


def _as_given(classes: list[Indices], validating: Indices, testing: Indices, how: str) -> Split:
    if len(testing):
        return Split(
            train=np.concatenate(classes),
            validation=validating,
            test=testing,
            rule=f"as given: a part to train, one to validate and one to test, images {how}",
        )
    return Split(
        train=np.concatenate([np.delete(members, np.s_[::10]) for members in classes]),
        validation=validating,
        test=np.concatenate([members[::10] for members in classes]),
        rule=f"the validation part validates; in each class of the training part, images {how}: "
        "every tenth from the first tests",
    )


def _by_tenths(classes: list[Indices], how: str) -> Split:
    rest = [np.delete(members, np.s_[::10]) for members in classes]
    return Split(
        train=np.concatenate([np.delete(members, np.s_[::9]) for members in rest]),
        validation=np.concatenate([members[::10] for members in classes]),
        test=np.concatenate([members[::9] for members in rest]),
        rule=f"in each class, images {how}: every tenth from the first validates, "
        "of the rest every ninth from the first tests",
    )


def _first_of_all(training: Indices, testing: Indices, how: str) -> Split:
    tenth = math.ceil(len(training) / 10)
    return Split(
        train=training[tenth:],
        validation=training[:tenth],
        test=testing,
        rule=f"of the training part, images {how}: the first tenth validates",
    )


def _first_of_each_class(classes: list[Indices], testing: Indices, how: str) -> Split:
    tenths = [math.ceil(len(members) / 10) for members in classes]
    pairs = list(zip(classes, tenths, strict=True))
    return Split(
        train=np.concatenate([members[tenth:] for members, tenth in pairs]),
        validation=np.concatenate([members[:tenth] for members, tenth in pairs]),
        test=testing,
        rule=f"in each class of the training part, images {how}: the first tenth validates",
    )


def _classes(indices: Indices, labels: NDArray[np.int32]) -> list[Indices]:
    """Group `indices` by class, the order kept within each."""
    return [indices[labels[indices] == label] for label in np.unique(labels)]


def _in_turn(indices: Indices, labels: NDArray[np.int32]) -> Indices:
    """Reorder `indices`: the first of each class, then the second of each, and so on."""
    turn = np.empty(len(indices), np.int64)
    for label in np.unique(labels):
        members = labels[indices] == label
        turn[members] = np.arange(np.count_nonzero(members))
    return indices[np.lexsort((labels[indices], turn))]
