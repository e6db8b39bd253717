import numpy as np
import pytest
from PIL import Image

from kreproduce.data.resize import nearest_indices, pad_to_square, to_uniform


@pytest.mark.parametrize("target", [32, 56, 224])
def test_pil_rule_is_pillows_for_every_size(target):
    for source in range(20, 401):
        ramp = Image.fromarray(np.arange(source, dtype=np.int32)[np.newaxis])
        resized = np.asarray(ramp.resize((target, 1), Image.Resampling.NEAREST))[0]
        np.testing.assert_array_equal(nearest_indices(source, target, "pil"), resized, str(source))


def test_pil_rule_is_the_formula_for_cifar10():
    d = np.arange(224)
    assert (nearest_indices(32, 224, "pil") == np.floor((d + 0.5) * 32 / 224)).all()


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
    np.testing.assert_array_equal(to_uniform(images, 224, "pil"), np.stack(images))
    assert to_uniform(images, 32, "opencv").shape == (5, 32, 32, 3)


@pytest.mark.parametrize("shape", [(40, 40, 3), (20, 30, 3)])
def test_large_or_oblong_images_are_brought_to_size(shape):
    assert to_uniform([np.zeros(shape, np.uint8)] * 2, 32, "pil").shape == (2, 32, 32, 3)


def test_images_of_several_sizes_by_pillow():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in [(50, 60), (32, 32), (9, 99)]]
    expected = [np.asarray(Image.fromarray(i).resize((32, 32), 0)) for i in images]
    np.testing.assert_array_equal(to_uniform(images, 32, "pil"), np.stack(expected))


def test_oblong_images_by_opencv_are_padded_first():
    wide = np.full((2, 8, 3), 9, np.uint8)
    result = to_uniform([wide, np.full((8, 8, 3), 9, np.uint8)], 4, "opencv")
    assert result[0, :, 0, 0].tolist() == [0, 0, 9, 0]
    assert (result[1] == 9).all()
