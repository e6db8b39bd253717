"""A contact sheet: training images as they are, and below each what the network is shown.

Imports Keras.
"""

import io
from collections.abc import Sequence

import numpy as np

from kreproduce.data import dataset as datasets
from kreproduce.data.dataset import Subset
from kreproduce.data.images import Image, Source
from kreproduce.data.layers import Enlarge, Warp
from kreproduce.data.resize import Rule
from kreproduce.data.views import training_views
from kreproduce.experiment.settings import Experiment
from kreproduce.text import printable

_COLUMNS = 8
_SIDE = (
    112  # pixels of a picture's side, at least; smaller ones are enlarged a whole number of times
)
_GAP, _CAPTION = 6, 14
_GROUND, _INK = 255, 0


def contact_sheet(experiment: Experiment, source: Source, count: int, epoch: int) -> bytes:
    """Return the first training images of an epoch, as PNG: originals above, augmented below.

    They are what a run of `experiment` is shown: the images in the order of that epoch, each
    through the warp that its seed draws for it, by the layers that training uses.

    Args:
        experiment: Whose input, augmentation and seed.
        source: The images.
        count: How many; all where there are not as many.
        epoch: From 0.

    Raises:
        DataError: One of them is damaged.
    """
    train = datasets.divide(source).train
    labels = source.labels[train]
    none = np.empty((len(labels), 0, 0, 3), np.uint8)
    views = training_views(experiment, Subset(none, labels), epoch)
    order, matrices = views.order[:count], views.matrices[:count]
    size, rule = experiment.input_size, experiment.resize
    images = datasets.read(source, train[order], size, rule)
    originals, augmented = _shown(images, matrices, size, rule)
    names = [source.class_names[label] for label in labels[order]]
    return _png(originals, augmented, names)


def _shown(images: Image, matrices: np.ndarray, size: int, rule: Rule) -> tuple[Image, Image]:
    """Enlarged, and enlarged and warped: each uint8 (n, size, size, 3)."""
    from keras import ops

    enlarged = Enlarge(size, rule)(images)
    warped = Warp()([enlarged, matrices])
    originals, augmented = (ops.convert_to_numpy(shown) for shown in (enlarged, warped * 255))
    return originals.astype(np.uint8), np.rint(augmented).astype(np.uint8)


def _png(originals: Image, augmented: Image, names: Sequence[str]) -> bytes:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    count, side = originals.shape[:2]
    times = max(1, -(-_SIDE // side))
    step = side * times + _GAP
    columns = min(count, _COLUMNS)
    band = _CAPTION + 2 * step + _GAP
    rows = -(-count // columns)
    sheet = Pillow.new("RGB", (columns * step + _GAP, rows * band + _GAP), (_GROUND,) * 3)
    draw = ImageDraw.Draw(sheet)
    for index, (original, changed, name) in enumerate(
        zip(originals, augmented, names, strict=True)
    ):
        left = _GAP + index % columns * step
        top = _GAP + index // columns * band
        draw.text((left, top), printable(name)[: step // 6], fill=(_INK,) * 3)
        for row, picture in enumerate((original, changed)):
            large = picture.repeat(times, axis=0).repeat(times, axis=1)
            sheet.paste(Pillow.fromarray(large), (left, top + _CAPTION + row * step))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
