"""The contact sheet shows what training shows."""

import io

import numpy as np
import pytest
from helpers.support import write_images
from PIL import Image

from kreproduce.data.contact_sheet import contact_sheet
from kreproduce.data.dataset import of_source
from kreproduce.data.layers import Enlarge, Warp
from kreproduce.data.sources import locate, open_source
from kreproduce.data.views import training_views
from kreproduce.experiment.settings import resolve
from kreproduce.training.batches import Batches


def pictures(png, side, times, count):
    """The originals and what is below them, each (count, side, side, 3), cut out of a sheet."""
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    step = side * times + 6
    originals, augmented = [], []
    for i in range(count):
        left, top = 6 + i % 8 * step, 6 + i // 8 * (14 + 2 * step + 6) + 14
        for row, found in enumerate((originals, augmented)):
            y = top + row * step
            large = sheet[y : y + side * times, left : left + side * times]
            small = large[::times, ::times]
            np.testing.assert_array_equal(large, small.repeat(times, 0).repeat(times, 1))
            found.append(small)
    return np.stack(originals), np.stack(augmented)


def expected(experiment, source, count, epoch):
    """The first training images of an epoch, as a run reads, enlarges and warps them."""
    train = of_source(experiment, source).train
    inputs, _ = Batches(training_views(experiment, train, epoch), count)[0]
    enlarged = Enlarge(experiment.input_size, experiment.resize)(inputs["source"])
    warped = np.asarray(Warp()([enlarged, inputs["warp"]]))
    return np.asarray(enlarged), np.rint(warped * 255)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("epoch", [0, 3])
def test_digits(seed, epoch):
    e = resolve({"dataset": "digits", "seed": seed})
    source = open_source(locate("digits", None), "digits")
    sheet = contact_sheet(e, source, 10, epoch)
    for found, wanted in zip(
        pictures(sheet, 16, 7, 10), expected(e, source, 10, epoch), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_medical_images_are_brought_to_size_first(tmp_path):
    for i, (name, size) in enumerate({"cat": 150, "dog": 260}.items()):
        write_images(tmp_path / str(i), {name: 7}, size=size)
        (tmp_path / str(i) / name).rename(tmp_path / name)
        (tmp_path / str(i)).rmdir()
    e = resolve({"dataset": "cells", "ch": 16, "classes": 2})
    source = open_source(locate("cells", tmp_path), "cells")
    sheet = contact_sheet(e, source, 3, 0)
    for found, wanted in zip(pictures(sheet, 224, 1, 3), expected(e, source, 3, 0), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_fewer_images_than_asked_for(tmp_path):
    write_images(tmp_path, {"cat": 4, "dog": 4})
    e = resolve({"dataset": "pets", "ch": 16, "classes": 2, "input_size": 32})
    source = open_source(locate("pets", tmp_path), "pets")
    sheet = Image.open(io.BytesIO(contact_sheet(e, source, 99, 0)))
    assert sheet.size == (4 * (128 + 6) + 6, 14 + 2 * (128 + 6) + 6 + 6)
