"""Images of any size to class probabilities, by a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kreproduce.data import resize
from kreproduce.errors import DataError
from kreproduce.export.about import About
from kreproduce.runs.logits import softmax

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network for use, as `load` gives it.

    Attributes:
        about: where it comes from, and how images go in.
        model: from images (batch, size, size, 3) of 0 to 255, in the network's own input size, to
            logits (batch, classes).
        batch_size: images that it is given at once.
    """

    about: About
    model: "keras.Model"
    batch_size: int

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self.about.label_names

    def predict(
        self, images: NDArray[Any] | Sequence[NDArray[Any]], *, hflip: bool = False
    ) -> NDArray[np.float64]:
        """Return the class probabilities of images, (images, classes).

        Args:
            images: each (height, width, 3), red, green and blue of 0 to 255; in one array, or a
                sequence if their sizes differ. Those of another size than the network's are brought
                to it by the recipe's nearest neighbour.
            hflip: average the outputs for each image and its mirror image (section 2.11).

        Raises:
            DataError: they are no such images.
        """
        shown = self._sized(images)
        views = [shown, shown[:, :, ::-1]] if hflip else [shown]
        outputs = [softmax(self._logits(view)) for view in views]
        return np.mean(outputs, axis=0)

    def _logits(self, images: NDArray[Any]) -> NDArray[Any]:
        if len(images) == 1:  # `predict` of Keras takes 0.1 s to begin, four times what it computes
            return np.asarray(self.model.predict_on_batch(images))
        return np.asarray(self.model.predict(images, batch_size=self.batch_size, verbose=0))

    def _sized(self, images: NDArray[Any] | Sequence[NDArray[Any]]) -> NDArray[Any]:
        if isinstance(images, np.ndarray) and images.ndim == 3:
            raise DataError(
                "one image is a batch of one: give an array of shape (1, height, width, 3)"
            )
        if not len(images):
            raise DataError("there is no image; give at least one")
        settings, side = self.about.settings, self.about.image_shape[0]
        # Enlarged here, because an image is mirrored only after that, as in the test of a run.
        return np.stack(
            [
                resize.to_side(
                    resize.to_side(_checked(np.asarray(image), index), side, settings.resize),
                    settings.input_size,
                    settings.resize,
                )
                for index, image in enumerate(images)
            ]
        )


def _checked(image: NDArray[Any], index: int) -> NDArray[Any]:
    """Return an image, when it is one of 0 to 255; `index` is for the message."""
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise DataError(
            f"image {index}, of shape {image.shape}, is refused: give (height, width, 3), red, "
            "green and blue"
        )
    if image.dtype == np.uint8:
        return image
    if not (np.issubdtype(image.dtype, np.integer) or np.issubdtype(image.dtype, np.floating)):
        raise DataError(f"image {index}, of {image.dtype}, is refused: give numbers of 0 to 255")
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 255):  # what is not a number is nowhere between
        raise DataError(
            f"image {index}, with values of {low:g} to {high:g}, is refused: give values of 0 to "
            "255"
        )
    if 0 < high <= 1 and np.issubdtype(image.dtype, np.floating):
        raise DataError(
            f"image {index}, with values of {low:g} to {high:g}, is refused: they seem to be of 0 "
            "to 1, and the network takes 0 to 255 and divides by itself; multiply them by 255"
        )
    return image.astype(np.float32)
