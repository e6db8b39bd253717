"""Whether the images of a dataset are all there and sound, and what they are."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kreproduce.data import dataset as datasets
from kreproduce.data import originals, sources
from kreproduce.data.images import Image, Source, fingerprint
from kreproduce.data.repeats import repeated
from kreproduce.data.splits import Split
from kreproduce.errors import DataError
from kreproduce.experiment import recipes


@dataclass(frozen=True, eq=False)
class Findings:
    """What a look at every image found.

    Attributes:
        source: The images.
        split: How they are divided.
        foreign: Why they are not the original ones, or None where they are.
        sizes: The heights and widths of the sound ones, each (height, width), sorted.
        fingerprint: As in the record of a run on all of them with the dataset's usual input;
            None where one is damaged.
        faults: What is wrong, in words, each with the name of a class or an image.
        repeated: Which pictures stand in two parts or two classes, in words; no fault, for there
            are some in published datasets.
    """

    source: Source
    split: Split
    foreign: str | None
    sizes: list[tuple[int, int]]
    fingerprint: str | None
    faults: list[str]
    repeated: tuple[str, ...]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images by class and by training, validation and test, (classes, 3)."""
        labels, classes = self.source.labels, len(self.source.class_names)
        parts = (self.split.train, self.split.validation, self.split.test)
        return np.stack([np.bincount(labels[part], minlength=classes) for part in parts], axis=1)


def check(dataset: str, location: sources.Location) -> Findings:
    """Decode every image at `location`.

    Raises:
        DataError: They cannot even be listed, or a class has too few to be divided.
    """
    source = sources.open_source(location, dataset)
    split = datasets.divide(source)
    values = recipes.complete({"dataset": dataset})
    sizes: set[tuple[int, int]] = set()
    damaged: dict[int, str] = {}

    def decode(index: int) -> Image:
        try:
            image = source.decode(index)
        except DataError as error:
            damaged[index] = str(error)
            return np.zeros((1, 1, 3), np.uint8)
        sizes.add(image.shape[:2])
        return image

    order = np.concatenate([split.train, split.validation, split.test])
    images = datasets.read(
        replace(source, decode=decode), order, values["input_size"], values["resize"]
    )
    return Findings(
        source=source,
        split=split,
        foreign=originals.foreign_reason(source, dataset),
        sizes=sorted(sizes),
        fingerprint=None if damaged else fingerprint(images, source.labels[order]),
        faults=[*_other_counts(source, dataset), *(damaged[index] for index in sorted(damaged))],
        repeated=repeated(images, source.labels, split, source.names, damaged),
    )


def _other_counts(source: Source, dataset: str) -> list[str]:
    """Return the classes of a published dataset that have more or fewer images than there."""
    expected = originals.counts(dataset)
    if not expected:
        return []
    classes, published = len(source.class_names), len(next(iter(expected.values())))
    faults = []
    if classes != published:
        faults.append(f"{classes} classes, and the original has {published}")
    for part in sorted(set(source.parts.tolist()) | set(expected)):
        found = np.bincount(source.labels[source.parts == part], minlength=classes).tolist()
        where = "" if part == "all" else f"{part} "
        faults += [
            f"class {name} has {count:,} {where}images, and {wanted:,} in the original"
            for name, count, wanted in zip(
                source.class_names, found, _of_each(expected.get(part), classes), strict=True
            )
            if count != wanted
        ]
    return faults


def _of_each(expected: list[int] | None, classes: int) -> list[int]:
    """Return the published numbers for so many classes, 0 for those that are too many."""
    return [*(expected or []), *[0] * classes][:classes]
