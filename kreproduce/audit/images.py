"""How the rule of the splits divides the paper's datasets, from their image counts alone."""

from functools import cache

import numpy as np

from kreproduce.data.splits import split

# Classes, and images of each class by part: sections 3.1 to 3.3.
_COUNTS: dict[str, tuple[int, dict[str, int]]] = {
    "cifar10": (10, {"train": 5000, "test": 1000}),
    "malaria": (2, {"all": 13_779}),
    "colorectal_histology": (8, {"all": 625}),
}


@cache
def divided(dataset: str) -> dict[str, list[int]]:
    """Images of each class in "train", "validation" and "test"."""
    classes, counts = _COUNTS[dataset]
    # The classes in turn: how CIFAR-10 mixes them decides which images validate, not how many.
    labels = np.tile(np.arange(classes, dtype=np.int32), sum(counts.values()))
    parts = np.repeat(list(counts), [classes * count for count in counts.values()])
    names = [str(label) for label in range(classes)]
    result = split(labels, [""] * len(labels), parts, "tfds", names)
    return {
        part: np.bincount(labels[getattr(result, part)], minlength=classes).tolist()
        for part in ("train", "validation", "test")
    }
