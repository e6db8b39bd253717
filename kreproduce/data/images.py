"""A labelled set of images, decoded only as far as it is asked for."""

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kreproduce.data.remarks import Remarks

Image = NDArray[np.uint8]
"""One image: uint8 (height, width, 3), RGB."""

_LOG = logging.getLogger(__name__)

_READERS = 8
_MOST_BLOCKS = 2 * _READERS  # decoded ahead of whoever takes the images
_MOST_IMAGES = 64  # of a block: handing over small ones singly would cost more than decoding them
_AHEAD = 2**28  # bytes
_BLOCK = _AHEAD // _MOST_BLOCKS  # bytes


@dataclass(frozen=True, eq=False)
class Source:
    """A listed set of n images; `read` decodes those asked for.

    Attributes:
        name: The dataset's name.
        kind: 'builtin', 'tfds', 'archive' or 'folder'; through a cache, what that was made from.
        class_names: The classes in the order of their labels.
        labels: int32 (n,).
        names: n file names or ids, all '' where the set has none.
        parts: n of 'train' with 'test', 'validation' or both, or of 'all' where the set is not
            divided.
        decode: One image by its index; raises DataError where it is damaged.
        sequence: Whether the images were published as one sequence that runs across the
            classes, as CIFAR-10's were, and not in one folder per class.
        cached: Whether they are read from a cache of this package's.
        unpublished: The files of a folder that are not the published ones, none where all are;
            None where nobody compared them.
        passed_over: What lies in the folder of the images and is none of them, in words.
        remarks: What `decode` has to say of images that it decoded.
    """

    name: str
    kind: Literal["builtin", "tfds", "archive", "folder"]
    class_names: tuple[str, ...]
    labels: NDArray[np.int32]
    names: list[str]
    parts: NDArray[np.str_]
    decode: Callable[[int], Image]
    sequence: bool = False
    cached: bool = False
    unpublished: tuple[str, ...] | None = None
    passed_over: tuple[str, ...] = ()
    remarks: Remarks = field(default_factory=Remarks)

    @property
    def may_be_anything(self) -> bool:
        """Whether the images are a folder's that were not found to be published files."""
        return self.kind == "folder" and self.unpublished != ()

    def read(
        self, indices: Iterable[int] | NDArray[Any], then: Callable[[Image], Image] = lambda i: i
    ) -> Iterator[Image]:
        """Yield the images of `indices`, each uint8 (h, w, 3), in their order.

        Some are decoded ahead, up to 256 MiB of them. What is to be said of those that were read
        is logged as warnings after the last.

        Args:
            indices: Which images.
            then: Done to each image as soon as it is decoded, by several at a time.

        Raises:
            DataError: One of them is damaged; the message names it.
        """

        def decode(block: list[int]) -> _Decoded:
            done = _Decoded([], 0)
            size = 0
            for index in block:
                image = self.decode(index)
                shown = then(image)
                done.images.append(shown)
                done.largest = max(done.largest, image.nbytes, shown.nbytes)
                size += shown.nbytes
                if max(size, image.nbytes) >= _BLOCK:  # larger than those before
                    break
            return done

        with ThreadPoolExecutor(_READERS) as pool:
            yield from _in_order(lambda block: pool.submit(decode, block), map(int, indices))
        for line in self.remarks.take():
            _LOG.warning(line)


@dataclass
class _Decoded:
    """The first images of a block, or all; and the bytes of the largest, as it was decoded."""

    images: list[Image]
    largest: int


def _in_order(
    submit: Callable[[list[int]], "Future[_Decoded]"], indices: Iterable[int]
) -> Iterator[Image]:
    """Yield the images of `indices`, decoded in blocks by several threads.

    No more than `_AHEAD` bytes are decoded ahead. How many that is follows the largest
    of the block that was taken last; where they suddenly grow, each block stops at the first
    image that is too large for it.
    """
    left = iter(indices)
    # `pool.map` would read on while nobody takes them, and have all in memory.
    ahead: deque[tuple[list[int], Future[_Decoded]]] = deque()
    images, blocks = 1, 1
    while True:
        while len(ahead) < blocks and (block := list(islice(left, images))):
            ahead.append((block, submit(block)))
        if not ahead:
            return
        block, future = ahead.popleft()
        done = future.result()
        yield from done.images
        yield from _in_order(submit, block[len(done.images) :])
        largest = max(done.largest, 1)
        images = min(2 * images, _MOST_IMAGES, max(1, _BLOCK // largest))
        blocks = min(_MOST_BLOCKS, max(1, _AHEAD // (images * largest)))


def same(one: Source, other: Source) -> bool:
    """Whether two sources have the same images, names and classes in the same order.

    Every image of both is decoded, up to the first that differs.

    Raises:
        DataError: One of them is damaged.
    """
    if not (
        (one.class_names, one.names, one.sequence)
        == (other.class_names, other.names, other.sequence)
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.parts, other.parts)
    ):
        return False
    every = range(len(one.labels))
    pairs = zip(one.read(every), other.read(every), strict=True)
    return all(np.array_equal(image, counterpart) for image, counterpart in pairs)


def fingerprint(images: Iterable[Image], labels: ArrayLike) -> str:
    """Return the SHA-256, in hexadecimal, of every image's shape and bytes, and of the labels.

    A list of images and the same images stacked into one array have the same fingerprint.
    """
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.asarray(image.shape, "<i4").tobytes())
        digest.update(np.ascontiguousarray(image).tobytes())
    digest.update(np.asarray(labels, "<i4").tobytes())
    return digest.hexdigest()


def reason(error: BaseException) -> str:
    """Return the first line of an exception's message, to stand inside a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(". :")
