"""From a network's outputs on the test images to classes and a loss, with the flip sums."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kreproduce.runs.predictions import Labels

Logits = NDArray[np.floating[Any]]

# How an image may be shown, and whose softmax outputs are added before the class is chosen: the
# paper's H Flip rows (section 2.11), and the three terms of the authors' notebooks.
SHOWN = ("plain", "horizontal", "vertical")
SUMS = {
    "plain": ("plain",),
    "hflip": ("plain", "horizontal"),
    "vflip": ("plain", "vertical"),
    "hflip_vflip": ("plain", "horizontal", "vertical"),
}


def predict(logits: Mapping[str, Logits]) -> dict[str, Labels]:
    """Return the classes that each sum of `SUMS` chooses, each of shape (images,).

    Args:
        logits: of each of `SHOWN`, shape (images, classes).
    """
    probabilities = {shown: softmax(values) for shown, values in logits.items()}
    return {
        name: np.sum([probabilities[which] for which in shown], axis=0).argmax(axis=1)
        for name, shown in SUMS.items()
    }


def softmax(logits: Logits) -> NDArray[np.float64]:
    """Class probabilities, shape (images, classes)."""
    exponentials = np.exp(_shifted(logits))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def cross_entropy(logits: Logits, labels: Labels) -> float:
    """Mean of -log(probability of the true class)."""
    shifted = _shifted(logits)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sums - shifted[np.arange(len(labels)), labels]))


def _shifted(logits: Logits) -> NDArray[np.float64]:
    logits = logits.astype(np.float64)
    return logits - logits.max(axis=1, keepdims=True)
