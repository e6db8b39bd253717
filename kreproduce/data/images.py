"""A labelled set of images, decoded only as far as it is asked for."""

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kreproduce.errors import DataError

Image = NDArray[np.uint8]
"""One image: uint8 (height, width, 3), RGB."""

_READERS = 8
_AHEAD = 2 * _READERS  # blocks
_BLOCK = 64  # handing over one small image at a time would cost more than decoding it
_EIGHT_BIT_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


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
            classes, as CIFAR-10's were, and not in a folder a class.
        cached: Whether they are read from a cache of this package's.
        unpublished: The files of a folder that are not the published ones, none where all are;
            None where nobody compared them.
        passed_over: What lies in the folder of the images and is none of them, in words.
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

    @property
    def may_be_anything(self) -> bool:
        """Whether the images are a folder's that were not found to be published files."""
        return self.kind == "folder" and self.unpublished != ()

    def read(
        self, indices: Iterable[int] | NDArray[Any], then: Callable[[Image], Image] = lambda i: i
    ) -> Iterator[Image]:
        """The images of `indices`, each uint8 (h, w, 3), in their order.

        Args:
            indices: Which images.
            then: Done to each image as soon as it is decoded, by several at a time.

        Raises:
            DataError: One of them is damaged; the message names it.
        """
        wanted = [int(index) for index in indices]
        blocks = [wanted[i : i + _BLOCK] for i in range(0, len(wanted), _BLOCK)]

        def done(block: list[int]) -> list[Image]:
            return [then(self.decode(index)) for index in block]

        # `pool.map` would read on while nobody takes them, and have all in memory.
        ahead: deque[Future[list[Image]]] = deque()
        with ThreadPoolExecutor(_READERS) as pool:
            for block in blocks:
                ahead.append(pool.submit(done, block))
                if len(ahead) > _AHEAD:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()


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


def decode_image(data: bytes, name: str) -> Image:
    """An encoded image as uint8 (h, w, 3): grey and palettes become RGB, alpha is dropped.

    Args:
        data: The content of a PNG, JPEG, TIFF or BMP file.
        name: What to call the image in a message.

    Raises:
        DataError: The image is damaged, or has more than 8 bits a channel.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(io.BytesIO(data)) as image:
            if image.mode in _EIGHT_BIT_MODES:
                # Pillow warns when a palette with transparency goes to RGB in one step.
                opaque = image.convert("RGBA") if "transparency" in image.info else image
                return np.array(opaque.convert("RGB"))
            mode = image.mode
    # Each of Pillow's formats has its own exceptions for damaged content (SyntaxError among them).
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        why = "of no known format" if unknown else reason(error)
        raise DataError(
            f"{name} cannot be read as an image ({why}): replace it or remove it"
        ) from error
    raise DataError(
        f"{name} has more than 8 bits a channel (Pillow's mode {mode}): convert it to 8 bits"
    )


def fingerprint(images: Iterable[Image], labels: ArrayLike) -> str:
    """The SHA-256, in hexadecimal, of every image's shape and bytes, and of the labels.

    A list of images and the same images stacked into one array have the same fingerprint.
    """
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.asarray(image.shape, "<i4").tobytes())
        digest.update(np.ascontiguousarray(image).tobytes())
    digest.update(np.asarray(labels, "<i4").tobytes())
    return digest.hexdigest()


def reason(error: BaseException) -> str:
    """The first line of an exception's message, to stand inside a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(". :")
