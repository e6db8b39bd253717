"""Which images are *original*: the published ones, whose results stand under a dataset's own name.

All others are foreign, and have a name of their own.
"""

import numpy as np

from kreproduce import paper
from kreproduce.data import heldout
from kreproduce.data.images import Source
from kreproduce.paper import Sizes

SIZES: dict[str, Sizes] = {
    **{dataset: images.sizes for dataset, images in paper.IMAGES.items()},
    heldout.NAME: Sizes(train=36_000, validation=4_000, test=10_000),
}
"""Images that train, validate and test, of every dataset whose images can be original."""

_DEMONSTRATION = "a demonstration, not a dataset of the paper"
_FOLDER = "read from a folder of images"


def counts(dataset: str) -> dict[str, list[int]]:
    """Return the original images of each class by part; empty where `dataset` has none."""
    if dataset == heldout.NAME:
        return heldout.COUNTS
    if dataset not in paper.IMAGES:
        return {}
    images = paper.IMAGES[dataset]
    return {part: [count] * images.classes for part, count in images.parts.items()}


def foreign_reason(source: Source, dataset: str) -> str | None:
    """Why `source` is not the original `dataset`, or None where it is.

    It is where TFDS, the published archive or published files gave it, directly or through a
    cache, and every class has as many images in every part as were published.
    """
    if source.kind == "builtin":
        return _DEMONSTRATION
    if source.kind == "folder":
        if source.unpublished is None:
            return _FOLDER
        if source.unpublished:
            return f"{source.unpublished[0]} is not the published file"
    expected = counts(dataset)
    return _other_counts(source, expected) if expected else "not a dataset of the paper"


def _other_counts(source: Source, expected: dict[str, list[int]]) -> str | None:
    found = {
        part: np.bincount(source.labels[source.parts == part], minlength=len(source.class_names))
        for part in dict.fromkeys(source.parts.tolist())
    }
    if found.keys() == expected.keys() and all(
        found[part].tolist() == wanted for part, wanted in expected.items()
    ):
        return None
    return f"other numbers of images a class than the original's: {_ranges(found)}"


def _ranges(found: dict[str, np.ndarray]) -> str:
    return "; ".join(
        f"{part} {numbers.min()} to {numbers.max()} in {len(numbers)} classes"
        for part, numbers in found.items()
    )
