"""A dataset as an experiment uses it: read, brought to one size and divided."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kreproduce.data import originals, resize, sources, splits
from kreproduce.data.images import Image, fingerprint
from kreproduce.data.record import Images
from kreproduce.data.repeats import repeated
from kreproduce.errors import DataError
from kreproduce.experiment.settings import Experiment
from kreproduce.text import printable

_LOG = logging.getLogger(__name__)
_LONGEST_WARNING = 2000  # characters
_LONGEST_NAMES = 4_000_000  # characters


@dataclass(frozen=True, eq=False)
class Subset:
    """Images uint8 (n, height, width, 3), no larger than the network's input; labels int32 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Dataset:
    """The three subsets, the class names, and what a record says about them."""

    class_names: tuple[str, ...]
    train: Subset
    validation: Subset
    test: Subset
    record: Images


def load(experiment: Experiment, location: sources.Location) -> Dataset:
    """Read an experiment's images from where they lie.

    Raises:
        DataError: they are missing, damaged, of another number of classes, or foreign under the
            name of a dataset that has original ones.
        SettingsError: the limit takes fewer images than there are classes.
    """
    return of_source(experiment, sources.open_source(location, experiment.dataset))


def of_source(experiment: Experiment, source: sources.Source) -> Dataset:
    """Return the images of `source` as `load` reads them, with its errors.

    Logs, as a warning each, what in their folder is passed over, and which pictures stand in two
    parts or in two classes.
    """
    foreign = originals.foreign_reason(source, experiment.dataset)
    _check(experiment, source, foreign)
    split = divide(source)
    if experiment.limit is not None:
        split = splits.limit(split, source.labels, experiment.limit)
    indices = [split.train, split.validation, split.test]
    labels = source.labels[np.concatenate(indices)]
    images = read(source, np.concatenate(indices), experiment.input_size, experiment.resize)
    ends = np.cumsum([len(part) for part in indices])[:-1]
    train, validation, test = (
        Subset(*part) for part in zip(np.split(images, ends), np.split(labels, ends), strict=True)
    )
    record = Images(
        name=experiment.data_name,
        source=source.kind,
        cached=source.cached,
        original=foreign is None,
        not_original_because=foreign,
        split=split.rule,
        train=len(train.labels),
        validation=len(validation.labels),
        test=len(test.labels),
        image_shape=images.shape[1:],
        class_names=tuple(map(_unicode, source.class_names)),
        fingerprint=fingerprint(images, labels),
    )
    warn("passed over", source.passed_over)
    warn("repeated", repeated(images, source.labels, split, source.names))
    return Dataset(source.class_names, train, validation, test, record)


class Fingerprints:
    """Fingerprints of the images of experiments; alike ones read their images once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], str] = {}

    def of(self, experiment: Experiment, location: sources.Location) -> str:
        """Return the fingerprint of an experiment's images, as a record of its run has it.

        Raises:
            DataError, SettingsError: Same as for `load`.
        """
        names = ("dataset", "data_name", "classes", "input_size", "resize", "limit")
        key = (location, *(getattr(experiment, name) for name in names))
        if key not in self._known:
            self._known[key] = load(experiment, location).record.fingerprint
        return self._known[key]


def warn(what: str, found: tuple[str, ...]) -> None:
    """Log, in one line, what was found and does not stop the work."""
    if found:
        _LOG.warning(printable(f"{what}: {'; '.join(found)}", _LONGEST_WARNING))


def divide(source: sources.Source) -> splits.Split:
    """Which images of `source` train, validate and test.

    Raises:
        DataError: a class has none to train or to test with.
    """
    return splits.split(
        source.labels, source.names, source.parts, source.sequence, source.class_names
    )


def read(source: sources.Source, indices: splits.Indices, size: int, rule: resize.Rule) -> Image:
    """Return the images of `indices` as a network of `size` × `size` gets them, see `to_uniform`.

    Raises:
        DataError: one of them is damaged.
    """
    images = source.read(indices, lambda image: resize.shrunk(image, size, rule))
    return resize.to_uniform(images, len(indices), size, rule)


def _unicode(name: str) -> str:
    """Return a folder's name as text, with what is no text in it spelled out in hexadecimal."""
    return name.encode("utf-8", "backslashreplace").decode()


def _check(experiment: Experiment, source: sources.Source, foreign: str | None) -> None:
    found = len(source.class_names)
    if found != experiment.classes:
        raise DataError(
            f"the images have {found} classes and the network {experiment.classes}; "
            f"say --set classes={found}, or give the right images"
        )
    if sum(map(len, source.class_names)) > _LONGEST_NAMES:
        raise DataError(
            f"the names of the {found:,} classes have more than {_LONGEST_NAMES:,} characters "
            "together, too many for a record; give them shorter names"
        )
    if foreign is not None and experiment.data_name in originals.SIZES:
        raise DataError(
            f"these are not the original images of {experiment.data_name} ({foreign}); "
            f"give them a name of their own, say --data-name {experiment.dataset}-mine"
        )
