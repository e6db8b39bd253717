"""Pictures, classified one after another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kreproduce.data.decode import decode_file
from kreproduce.data.remarks import Remarks
from kreproduce.data.resize import to_side
from kreproduce.errors import DataError
from kreproduce.export.classifier import Classifier


@dataclass(frozen=True)
class Classified:
    """One picture and its likeliest classes.

    Attributes:
        picture: where it lies.
        classes: names and probabilities, the likeliest first; none of a picture that is damaged.
        fault: why it could not be read; None if it could.
    """

    picture: Path
    classes: tuple[tuple[str, float], ...] = ()
    fault: str | None = None


def classified(
    classifier: Classifier,
    pictures: Sequence[Path],
    remarks: Remarks,
    *,
    top: int = 3,
    hflip: bool = False,
) -> Iterator[Classified]:
    """Yield what becomes of each picture, in order; as many at once as the network was tested with.

    Args:
        classifier: a trained network.
        pictures: files.
        remarks: is told what should be said of pictures that are read.
        top: how many classes to name.
        hflip: add the mirror image.
    """
    size = classifier.batch_size
    for first in range(0, len(pictures), size):
        batch = [_decoded(path, classifier, remarks) for path in pictures[first : first + size]]
        images = [image for image in batch if isinstance(image, np.ndarray)]
        probabilities: Iterator[np.ndarray] = iter(
            classifier.predict(images, hflip=hflip) if images else []
        )
        for path, image in zip(pictures[first : first + size], batch, strict=True):
            if isinstance(image, str):
                yield Classified(path, fault=image)
            else:
                yield Classified(path, _likeliest(classifier, next(probabilities), top))


def _decoded(path: Path, classifier: Classifier, remarks: Remarks) -> np.ndarray | str:
    """Return a picture in the network's size, so that large ones do not fill the memory."""
    try:
        if not path.is_file():
            return f"{path} is not a file"
        image = decode_file(path, remarks)
    except DataError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"
    return to_side(image, classifier.about.image_shape[0], classifier.about.settings.resize)


def _likeliest(
    classifier: Classifier, probabilities: np.ndarray, top: int
) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-probabilities, kind="stable")[:top]
    return tuple((classifier.class_names[i], float(probabilities[i])) for i in order)
