"""What the headline's weights made of every test image: the true class and the predicted ones.

`predictions.csv.gz` lies beside a run's record, which has its hash: one line per image, in the
order of the split, with the numbers of the classes. So two runs on the same images can be compared
image by image, and whatever is computed from a confusion matrix can be computed later.
"""

import gzip
import io
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FILE = "predictions.csv.gz"
Labels = NDArray[np.integer[Any]]
Shown = Literal["plain", "hflip"]
_LARGEST = 2**28  # bytes, unpacked; 10,000 images of CIFAR-10 have 60,000
_COLUMNS = ("true", "predicted", "predicted_hflip")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Classes of n test images, as numbers from 0.

    Attributes:
        true: int (n,).
        plain: int (n,), chosen by the outputs for the image.
        hflip: int (n,), chosen by the sum of the outputs for it and its mirror image.
    """

    true: Labels
    plain: Labels
    hflip: Labels

    def predicted(self, shown: Shown = "plain") -> Labels:
        """Return the predicted classes, int (n,)."""
        return self.plain if shown == "plain" else self.hflip

    def accuracy(self, shown: Shown = "plain") -> float:
        """Share of the images whose class was found."""
        return float(np.mean(self.predicted(shown) == self.true))

    def confusion(self, classes: int, shown: Shown = "plain") -> NDArray[np.int64]:
        """Return the confusion matrix, (classes, classes): rows are true classes."""
        matrix = np.zeros((classes, classes), np.int64)
        np.add.at(matrix, (self.true, self.predicted(shown)), 1)
        return matrix

    def by_class(self, classes: int, shown: Shown = "plain") -> Mapping[str, NDArray[Any]]:
        """Precision, recall and F1 (each (classes,), 0 where undefined), and images of each class.

        The keys are "precision", "recall", "f1" and "images".
        """
        from sklearn.metrics import precision_recall_fscore_support

        values = precision_recall_fscore_support(
            self.true, self.predicted(shown), labels=range(classes), zero_division=0.0
        )
        return dict(zip(("precision", "recall", "f1", "images"), values, strict=True))


def encoded(predictions: Predictions) -> bytes:
    """Return the content of the file; equal predictions give equal bytes."""
    columns = (predictions.true, predictions.plain, predictions.hflip)
    lines = [",".join(_COLUMNS)]
    lines += [f"{true},{plain},{hflip}" for true, plain, hflip in np.stack(columns, 1).tolist()]
    return gzip.compress("\n".join([*lines, ""]).encode(), mtime=0)


def decoded(content: bytes, images: int, classes: int) -> Predictions | str:
    """Return the predictions in the content of the file, or what is wrong with it.

    Args:
        content: of the file.
        images: how many there must be.
        classes: how many there can be.
    """
    largest = len(",".join(_COLUMNS)) + 1 + images * 3 * (len(str(classes)) + 1)
    largest = min(largest, _LARGEST)
    try:
        with gzip.open(io.BytesIO(content)) as file:
            text = file.read(largest + 1).decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return "is damaged"
    header, _, body = text.partition("\n")
    if len(text) > largest or header != ",".join(_COLUMNS):
        return "has other columns or more lines than it should have"
    # Five times faster than splitting the text, which was half the time of `table` and `status`.
    # What is no number raises, or in older NumPy warns and ends the array.
    try:
        with warnings.catch_warnings(action="error"):
            values = np.fromstring(body.replace("\n", ","), np.int64, sep=",").reshape(-1, 3)
    except (ValueError, DeprecationWarning):
        return "has a line that is not three numbers"
    if len(values) != images or values.min() < 0 or values.max() >= classes:
        return f"is not of {images:,} images and {classes:,} classes"
    true, plain, hflip = values.T
    return Predictions(true, plain, hflip)
