import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image

from kreproduce.data.resize import nearest_indices, pad_to_square, to_uniform

SIZES = range(20, 401)
TARGETS = (32, 56, 224)


def shapes():
    """Of every size a square, and two oblong ones: the difference even and odd."""
    for side in SIZES:
        yield from ((side, side), (side, 420 - side), (421 - side, side))


def noise(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("target", TARGETS)
def test_cifar10s_rule_is_pillows_for_every_size(target):
    for height, width in shapes():
        image = noise(height, width)
        expected = Image.fromarray(image).resize((target, target), Image.Resampling.NEAREST)
        (found,) = to_uniform([image], 1, target, "pil")
        if found.shape[0] != target:  # left to the device, see test_warp
            found = found[nearest_indices(height, target, "pil")]
            found = found[:, nearest_indices(width, target, "pil")]
        np.testing.assert_array_equal(found, np.asarray(expected), f"{height}x{width}")


@pytest.mark.parametrize("target", TARGETS)
def test_the_medical_rule_is_padding_and_then_opencvs_for_every_size(target):
    for height, width in shapes():
        image = noise(height, width)
        longer = max(height, width)
        above, left = (longer - height) // 2, (longer - width) // 2
        square = cv2.copyMakeBorder(image, above, above, left, left, cv2.BORDER_CONSTANT, value=0)
        expected = cv2.resize(square, (target, target), interpolation=cv2.INTER_NEAREST)
        (found,) = to_uniform([image], 1, target, "opencv")
        if found.shape[0] != target:
            found = found[nearest_indices(height, target, "opencv")]
            found = found[:, nearest_indices(width, target, "opencv")]
        np.testing.assert_array_equal(found, expected, f"{height}x{width}")


def test_pillow_departs_from_the_formula_only_where_that_is_a_whole_number():
    """It adds up steps in doubles; the sizes of the paper's images are not among those."""
    departed = []
    for target in TARGETS:
        for source in SIZES:
            taken = nearest_indices(source, target, "pil")
            formula = [(2 * d + 1) * source // (2 * target) for d in range(target)]
            for d in np.flatnonzero(taken != formula):
                assert (2 * d + 1) * source % (2 * target) == 0
                departed.append((source, target))
    assert 0 < len(set(departed)) < 30
    assert not {(32, 224), (224, 224), (150, 224)} & set(departed)


@pytest.mark.parametrize("source", [20, 31, 32, 113, 150, 224, 300, 391, 400])
def test_opencv_rule_is_the_formula_and_stays_inside(source):
    indices = nearest_indices(source, 224, "opencv")
    assert indices.tolist() == [int(d * (1 / (224 / source))) for d in range(224)]
    assert indices[0] == 0
    assert indices[-1] < source


def test_opencv_rule_takes_the_lower_pixel_where_pil_takes_the_nearer():
    assert nearest_indices(4, 2, "opencv").tolist() == [0, 2]
    assert nearest_indices(4, 2, "pil").tolist() == [1, 3]


@pytest.mark.parametrize("rule", ["pil", "opencv"])
@pytest.mark.parametrize("size", [1, 7, 224])
def test_the_same_size_changes_nothing(rule, size):
    assert nearest_indices(size, size, rule).tolist() == list(range(size))


def test_padding_to_a_square():
    image = np.ones((4, 8, 3), np.uint8)
    padded = pad_to_square(image)
    assert padded.shape == (8, 8, 3)
    assert padded[:, 0, 0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert pad_to_square(image.swapaxes(0, 1)).shape == (8, 8, 3)


def test_padding_an_odd_difference_stays_one_pixel_off_square():
    assert pad_to_square(np.ones((5, 8, 3), np.uint8)).shape == (7, 8, 3)
    assert pad_to_square(np.ones((8, 7, 3), np.uint8)).shape == (8, 7, 3)


def test_equal_small_squares_stay_as_they_are():
    images = [np.full((32, 32, 3), n, np.uint8) for n in range(5)]
    np.testing.assert_array_equal(to_uniform(images, 5, 224, "pil"), np.stack(images))
    assert to_uniform(images, 5, 32, "opencv").shape == (5, 32, 32, 3)


@pytest.mark.parametrize("shape", [(40, 40, 3), (20, 30, 3)])
def test_large_or_oblong_images_are_brought_to_size(shape):
    assert to_uniform([np.zeros(shape, np.uint8)] * 2, 2, 32, "pil").shape == (2, 32, 32, 3)


def test_an_iterator_is_taken_one_by_one():
    """Only while all are small and alike are they kept beside the result."""
    taken = []

    def images():
        for n, side in enumerate([8, 8, 9, 8, 40]):
            taken.append(n)
            yield np.full((side, side, 3), n + 1, np.uint8)

    result = to_uniform(images(), 5, 16, "pil")
    assert taken == [0, 1, 2, 3, 4]
    assert result.shape == (5, 16, 16, 3)
    assert (result == np.arange(1, 6)[:, None, None, None]).all()


def test_images_of_several_sizes_by_pillow():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in [(50, 60), (32, 32), (9, 99)]]
    expected = [np.asarray(Image.fromarray(i).resize((32, 32), 0)) for i in images]
    np.testing.assert_array_equal(to_uniform(images, 3, 32, "pil"), np.stack(expected))


def test_oblong_images_by_opencv_are_padded_first():
    wide = np.full((2, 8, 3), 9, np.uint8)
    result = to_uniform([wide, np.full((8, 8, 3), 9, np.uint8)], 2, 4, "opencv")
    assert result[0, :, 0, 0].tolist() == [0, 0, 9, 0]
    assert (result[1] == 9).all()


def test_images_of_the_networks_size_are_not_kept_beside_their_stack():
    """As malaria's are once each is brought to size; they would be in memory twice."""
    tracemalloc.start()
    try:
        stacked = to_uniform(
            (np.full((64, 64, 3), i, np.uint8) for i in range(200)), 200, 64, "pil"
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * stacked.nbytes
    assert stacked[:, 0, 0, 0].tolist() == list(range(200))
