"""Pictures that a dataset has twice where it does harm: in two parts, or in two classes."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from kreproduce.data.images import Image
from kreproduce.data.splits import Split

_TRAIN, _VALIDATION, _TEST = range(3)


def repeated(
    images: Image,
    labels: NDArray[np.int32],
    split: Split,
    names: Sequence[str],
    damaged: Collection[int] = (),
) -> tuple[str, ...]:
    """How many pictures stand in two parts and how many in two classes, each with an example.

    Pictures are the same if all pixels are, as the network gets them: a copied file is found, one
    that was compressed again is not. Nothing is decoded for it.

    Args:
        images: Those of `split`, training, validation and test one after another, (n, h, w, 3).
        labels: All the source's, (m,).
        split: Indices into the source.
        names: All the source's, m; '' where it has none.
        damaged: Indices into the source of what could not be decoded.
    """
    parts = (split.train, split.validation, split.test)
    indices = np.concatenate(parts).tolist()
    part_of = np.repeat(range(len(parts)), [len(part) for part in parts]).tolist()
    groups = _alike(images, [index not in damaged for index in indices])

    def stands_in(group: list[int], *wanted: int) -> list[int]:
        """Return an image of the group in each of the two parts, where there is one."""
        found = {part_of[position]: position for position in reversed(group)}
        return [found[part] for part in wanted if part in found]

    def of_classes(group: list[int]) -> list[int]:
        found = {int(labels[indices[position]]): position for position in reversed(group)}
        return [found[label] for label in sorted(found)][:2]

    harms: dict[str, Callable[[list[int]], list[int]]] = {
        "both training and test": lambda group: stands_in(group, _TRAIN, _TEST),
        "both training and validation": lambda group: stands_in(group, _TRAIN, _VALIDATION),
        "two classes": of_classes,
    }
    said = []
    for where, images_of in harms.items():
        pairs = [pair for pair in map(images_of, groups) if len(pair) == 2]
        if pairs:
            one, other = (names[indices[i]] or f"image {indices[i]}" for i in pairs[0])
            count = f"{len(pairs):,} picture{' stands' if len(pairs) == 1 else 's stand'}"
            said.append(f"{count} in {where} (say {one} and {other})")
    return tuple(said)


def _alike(images: Image, sound: Sequence[bool]) -> list[list[int]]:
    """Return the positions of each picture that is there more than once."""
    positions = defaultdict(list)
    for position, image in enumerate(images):
        if sound[position]:
            digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            positions[digest].append(position)
    return [group for group in positions.values() if len(group) > 1]
