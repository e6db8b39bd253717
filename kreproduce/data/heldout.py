"""cifar10-heldout: CIFAR-10's training images alone, its last batch of them held out for testing.

Settings are chosen and shorter protocols tried on it without a look at CIFAR-10's test images.
Whoever has CIFAR-10 has it, to the pixel.
"""

from dataclasses import replace

import numpy as np

from kreproduce.data.images import Image, Source

NAME = "cifar10-heldout"
ORIGIN = "cifar10"

# The published labels: of the first four batches, of which the first tenth validates, and of the
# fifth.
COUNTS = {
    "train": [3986, 3986, 4048, 3984, 4003, 3975, 4020, 4023, 3997, 3978],
    "test": [1014, 1014, 952, 1016, 997, 1025, 980, 977, 1003, 1022],
}
_BATCHES = 5


def origin(dataset: str) -> str:
    """Return the dataset whose files hold the images of `dataset`: mostly itself."""
    return ORIGIN if dataset == NAME else dataset


def taken_from(source: Source) -> Source:
    """Return what cifar10-heldout has of CIFAR-10.

    The training images in their order, the last fifth of them as the test part.

    Args:
        source: CIFAR-10, from wherever; its test images may be absent. The ids set the order,
            whatever the one in which it stores them.
    """
    training = np.flatnonzero(source.parts == "train").tolist()
    order = np.array(sorted(training, key=source.names.__getitem__), np.int64)
    tests = len(order) // _BATCHES

    def decode(index: int) -> Image:
        return source.decode(int(order[index]))

    return replace(
        source,
        name=NAME,
        labels=source.labels[order],
        names=[source.names[index] for index in order],
        parts=np.repeat(["train", "test"], [len(order) - tests, tests]),
        decode=decode,
    )
