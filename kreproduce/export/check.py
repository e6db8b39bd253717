"""An exported file, run by its own runtime on test images and compared with the network."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kreproduce.data.dataset import Subset
from kreproduce.export.classifier import Classifier
from kreproduce.export.formats import Format
from kreproduce.text import printable

COMPARED = 16
"""Images on which the probabilities are compared."""
LARGEST_DIFFERENCE = 1e-4
_ALIKE = 0.01  # by which probabilities differ between images, at least, where equality says much
LARGEST_LOSS = 0.02
"""By how much the accuracy of quantised weights may be below that of the network."""

_LOG = logging.getLogger(__name__)
_Run = Callable[[Path, NDArray[np.uint8]], NDArray[Any]]


@dataclass(frozen=True)
class Checked:
    """What a file came to.

    Attributes:
        images: how many test images it was run on.
        accuracy: share of them whose class it found.
        expected: the share whose class the network found.
        difference: the largest of two probabilities, its and the network's, on `COMPARED` images.
    """

    images: int
    accuracy: float
    expected: float
    difference: float

    def fault(self, quantized: bool) -> str | None:
        """Return why the file is no good, as the end of a sentence; None if it is."""
        if quantized:
            if self.accuracy < self.expected - LARGEST_LOSS:
                return (
                    f"it finds the class of {self.accuracy:.2%} of {self.images:,} test images, "
                    f"and the run's network that of {self.expected:.2%}"
                )
            return None
        if not self.difference <= LARGEST_DIFFERENCE:  # what is not a number is no good either
            return (
                f"its probabilities are up to {self.difference:.1e} from those of the run's "
                f"network, more than {LARGEST_DIFFERENCE:g}"
            )
        return None


def check(wanted: Format, path: Path, network: Classifier, test: Subset, most: int) -> Checked:
    """Run a file on test images.

    Args:
        wanted: the file's format.
        path: of the file.
        network: the run's, in float32.
        test: the images.
        most: the number of images, spread over all; or all where there are fewer.

    Raises:
        RuntimeError: the runtime does not take the file.
    """
    chosen = _spread(len(test.labels), most)
    images, labels = test.images[chosen], test.labels[chosen]
    try:
        found = _runner(wanted)(path, images)
    # Whatever a runtime raises: that no runtime takes a file is what this is to find out.
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise RuntimeError(f"{wanted.runtime} does not take it ({printable(first)})") from error
    expected = network.predict(images)
    if found.shape != expected.shape:
        raise RuntimeError(f"{wanted.runtime} gives outputs of shape {found.shape} for it")
    compared = _spread(len(images), COMPARED)
    apart = np.abs(found[compared] - expected[compared])
    if np.ptp(expected[compared], axis=0).max() < _ALIKE:
        _LOG.warning(
            "the network gives nearly the same for all images, so that the file does proves little"
        )
    return Checked(
        len(images),
        float(np.mean(found.argmax(axis=1) == labels)),
        float(np.mean(expected.argmax(axis=1) == labels)),
        float(apart.max()),
    )


def _spread(images: int, most: int) -> NDArray[np.int64]:
    """Return the numbers of so many images, spread over all, for they may come class by class."""
    return np.linspace(0, images - 1, min(images, most)).astype(np.int64)


def _runner(wanted: Format) -> _Run:
    if wanted.name == "keras":
        return _run_keras
    if wanted.name == "savedmodel":
        from kreproduce.export import savedmodel

        return savedmodel.run
    if wanted.name == "onnx":
        from kreproduce.export import onnx

        return onnx.run
    from kreproduce.export import litert

    return litert.run


def _run_keras(path: Path, images: NDArray[np.uint8]) -> NDArray[Any]:
    import keras

    model = keras.models.load_model(path, compile=False, safe_mode=True)
    parts = (images[first : first + 64] for first in range(0, len(images), 64))
    return np.concatenate([np.asarray(model.predict_on_batch(part.astype("f4"))) for part in parts])
