"""From a network's outputs on the test images to accuracies, with the flip sums."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

# How an image may be shown, and whose softmax outputs are added before the class is chosen: the
# paper's H Flip rows (section 2.11), and the three terms of the authors' notebooks.
SHOWN = ("plain", "horizontal", "vertical")
SUMS = {
    "plain": ("plain",),
    "hflip": ("plain", "horizontal"),
    "vflip": ("plain", "vertical"),
    "hflip+vflip": ("plain", "horizontal", "vertical"),
}


def evaluate(
    logits: dict[str, Logits], labels: Labels, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """Loss and accuracy on the test images, for each sum of `SUMS`.

    Args:
        logits: of each of `SHOWN`, shape (images, classes).
        labels: the true classes, shape (images,).
        class_names: in the order of the labels.

    Returns:
        "loss" (mean cross-entropy of the plain outputs), and by name of the sum "accuracy", the
        "confusion_matrix" (rows: true classes) and, by class, precision, recall and F1.
    """
    probabilities = {shown: softmax(values) for shown, values in logits.items()}
    report: dict[str, Any] = {"loss": cross_entropy(logits["plain"], labels)}
    for name, shown in SUMS.items():
        total = np.sum([probabilities[which] for which in shown], axis=0)
        report[name] = _classification(total.argmax(axis=1), labels, class_names)
    return report


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


def _classification(
    predicted: Labels, labels: Labels, class_names: tuple[str, ...]
) -> dict[str, Any]:
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    classes = range(len(class_names))
    precision, recall, f1, count = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0.0
    )
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "confusion_matrix": confusion_matrix(labels, predicted, labels=classes).tolist(),
        "classes": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "images": int(count[i]),
            }
            for i, name in enumerate(class_names)
        },
    }
