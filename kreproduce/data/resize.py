"""Bringing images to one size by the two nearest-neighbour rules of the authors' code."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kreproduce.data.images import Image

Rule = Literal["pil", "opencv"]


def nearest_indices(source: int, target: int, rule: Rule) -> NDArray[np.int64]:
    """Return the source pixel of each of `target` pixels along an axis of `source`, (target,).

    'pil' is floor((d + 0.5) source/target) for output pixel d, with the step source/target added
    up in doubles as Pillow does: where the product is a whole number, rounding decides.
    'opencv' is floor(d · (1 / (target/source))) in doubles.
    """
    if rule == "pil":
        step = source / target
        steps = np.full(target, step)
        steps[0] = step * 0.5
        positions = np.add.accumulate(steps)
    else:
        positions = np.arange(target) * (1 / (target / source))
    return np.minimum(positions.astype(np.int64), source - 1)


def pad_to_square(image: NDArray[Any]) -> NDArray[Any]:
    """Put zeros of floor((longer - side) / 2) on both sides of the shorter axis of (h, w, c).

    As in the authors' code, an odd difference stays one pixel off square.
    """
    longer = max(image.shape[:2])
    before = [(longer - side) // 2 for side in image.shape[:2]]
    return np.pad(image, [(before[0],) * 2, (before[1],) * 2, (0, 0)])


def to_uniform(images: Iterable[Image], count: int, size: int, rule: Rule) -> Image:
    """Stack `count` images into uint8 (count, h, w, 3).

    Images that are all of one shape, square and no larger than `size` stay as they are: the
    `Enlarge` layer brings them to size later, on the device, for a fraction of the memory.
    Others are brought to size × size, by 'opencv' (the medical sets) after padding to a square.
    They are taken one after another, so that an iterator's are never in memory twice.
    """
    stacked: Image | None = None
    for index, image in enumerate(images):
        if stacked is None:
            shape = image.shape if _fits(image, size) else (size, size, 3)
            stacked = np.empty((count, *shape), np.uint8)
        elif image.shape != stacked.shape[1:] and stacked.shape[1] != size:
            alike, stacked = stacked[:index], np.empty((count, size, size, 3), np.uint8)
            for row, earlier in zip(stacked, alike, strict=False):
                row[...] = _resized(earlier, size, rule)
        fits = image.shape == stacked.shape[1:]
        stacked[index] = image if fits else _resized(image, size, rule)
    assert stacked is not None
    return stacked


def shrunk(image: Image, size: int, rule: Rule) -> Image:
    """Return the image as it is, or size × size where `to_uniform` would have to bring it to that.

    Done to each image as it is decoded, it keeps large photographs from filling the memory.
    """
    return image if _fits(image, size) else _resized(image, size, rule)


def to_side(image: NDArray[Any], side: int, rule: Rule) -> NDArray[Any]:
    """Return one image (h, w, 3) as (side, side, 3)."""
    return image if image.shape[:2] == (side, side) else _resized(image, side, rule)


def _fits(image: Image, size: int) -> bool:
    height, width, _ = image.shape
    return height == width <= size


def _resized(image: NDArray[Any], size: int, rule: Rule) -> NDArray[Any]:
    if rule == "opencv":
        image = pad_to_square(image)
    rows, columns = (nearest_indices(side, size, rule) for side in image.shape[:2])
    return image[rows[:, np.newaxis], columns]
