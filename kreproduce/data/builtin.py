"""Datasets that come with a package: demonstrations, which need neither a network nor a file."""

from collections.abc import Callable

import numpy as np

from kreproduce.data.images import Image, Source


def digits() -> Source:
    """Return scikit-learn's handwritten digits: 1,797 of 8×8 pixels, as RGB."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)

    def decode(index: int) -> Image:
        return np.repeat(grey[index, ..., np.newaxis], 3, axis=-1)

    class_names = tuple(str(name) for name in digits.target_names)
    return Source(
        name="digits",
        kind="builtin",
        class_names=class_names,
        labels=digits.target.astype(np.int32),
        names=[""] * len(grey),
        parts=np.full(len(grey), "all"),
        decode=decode,
    )


BUILT_IN: dict[str, Callable[[], Source]] = {"digits": digits}
