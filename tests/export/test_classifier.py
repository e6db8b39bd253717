"""What images a classifier takes, and what it does with them."""

from pathlib import Path

import numpy as np
import pytest
from helpers.drawn_run import differ

from kreproduce import load
from kreproduce.errors import DataError, SettingsError


@pytest.fixture(scope="module")
def classifier():
    return load(Path(__file__).parent / "version-1" / "model.keras")


def images(count=6, shape=(8, 8, 3)):
    return np.random.default_rng(1).integers(0, 256, (count, *shape), np.uint8)


def test_probabilities(classifier):
    found = classifier.predict(images())
    assert found.shape == (6, 10)
    assert differ(found)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_one_image_gives_what_it_gives_among_others(classifier):
    together = classifier.predict(images())
    for place in range(6):
        alone = classifier.predict(images()[place : place + 1])
        np.testing.assert_allclose(alone, together[place : place + 1], atol=1e-6)


def test_floats_of_0_to_255_give_the_same(classifier):
    np.testing.assert_array_equal(
        classifier.predict(images().astype("float64")), classifier.predict(images())
    )


def test_hflip_is_the_mean_of_image_and_mirror_image(classifier):
    plain, mirrored = (classifier.predict(shown) for shown in (images(), images()[:, :, ::-1]))
    assert np.abs(plain - mirrored).max() > 0.01
    found = classifier.predict(images(), hflip=True)
    np.testing.assert_allclose(found, (plain + mirrored) / 2, atol=1e-6)


def test_images_of_other_sizes_are_brought_to_the_network_s(classifier):
    """By the nearest neighbour: of an enlarged image each pixel is seen once."""
    large = images().repeat(3, axis=1).repeat(5, axis=2)
    one = images(1, (24, 8, 3))[0]
    expected = classifier.predict(images())
    np.testing.assert_allclose(classifier.predict(large), expected, atol=1e-6)
    mixed = classifier.predict([images()[0], large[1], one])
    np.testing.assert_allclose(mixed[:2], expected[:2], atol=1e-6)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (images() / 255, "they seem to be of 0 to 1"),
        (images().astype("float32") / 255, "multiply them by 255"),
        (images().astype("int32") - 1, "image 1, with values of -1 to"),
        (images().astype("float32") + 1, "to 256, is refused"),
        (np.full((1, 8, 8, 3), np.nan), "with values of nan to nan"),
        (images()[0], "one image is a batch of one"),
        (images(shape=(8, 8, 4)), "of shape \\(8, 8, 4\\), is refused"),
        (images(shape=(8, 8)), "of shape \\(8,|one image is a batch"),
        (np.zeros((1, 8, 8, 3), bool), "of bool, is refused"),
        (np.zeros((1, 8, 8, 3), "complex64"), "of complex64, is refused"),
        (images(0), "there is no image"),
        ([], "there is no image"),
        ([np.zeros((0, 8, 3), "uint8")], "of shape \\(0, 8, 3\\), is refused"),
    ],
)
def test_what_is_refused(classifier, given, why):
    with pytest.raises(DataError, match=why):
        classifier.predict(given)


def test_a_black_picture_is_one(classifier):
    assert classifier.predict(np.zeros((1, 8, 8, 3), "uint8")).shape == (1, 10)


def test_load_names_what_was_meant(tmp_path):
    (tmp_path / "runs" / "digits-v2-16ch").mkdir(parents=True)
    with pytest.raises(SettingsError, match="did you mean 'digits-v2-16ch'"):
        load("digits-v2-8ch", tmp_path)
