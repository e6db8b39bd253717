"""How the rule of the splits divides the paper's datasets, from their image counts alone."""

from functools import cache

import numpy as np

from kreproduce import paper
from kreproduce.data.splits import split


@cache
def divided(dataset: str) -> dict[str, list[int]]:
    """Images of each class in "train", "validation" and "test"."""
    images = paper.IMAGES[dataset]
    # The classes in turn: how CIFAR-10 mixes them decides which images validate, not how many.
    labels = np.tile(np.arange(images.classes, dtype=np.int32), sum(images.parts.values()))
    counts = [images.classes * count for count in images.parts.values()]
    names = [str(label) for label in range(images.classes)]
    parts = np.repeat(list(images.parts), counts)
    result = split(labels, [""] * len(labels), parts, sequence=True, class_names=names)
    return {
        part: np.bincount(labels[getattr(result, part)], minlength=images.classes).tolist()
        for part in ("train", "validation", "test")
    }
