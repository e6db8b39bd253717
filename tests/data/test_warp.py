"""The Keras half of the augmentation, against Keras-Preprocessing 1.1.2 itself."""

import tarfile
from pathlib import Path
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
from keras_preprocessing.image import ImageDataGenerator
from PIL import Image
from scipy import stats
from sklearn.datasets import load_sample_images

from kreproduce.data.augment import compose, draw_parameters, flips
from kreproduce.data.decode import decode_image
from kreproduce.data.layers import Enlarge, Warp
from kreproduce.data.remarks import Remarks

CIFAR10 = SimpleNamespace(
    rotation=20, shift=0.3, shear=0.2, zoom=0.3, horizontal_flip=True, vertical_flip=False
)
MEDICAL = SimpleNamespace(
    rotation=179, shift=0.3, shear=0.2, zoom=0.3, horizontal_flip=True, vertical_flip=True
)
STRONG_SHEAR = SimpleNamespace(
    rotation=0, shift=0, shear=45, zoom=0, horizontal_flip=False, vertical_flip=False
)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def unchanged(n):
    return flips(n, 1, horizontal=False, vertical=False)


def random_images(rng, n, size, dtype=np.uint8):
    return rng.integers(0, 256, (n, size, size, 3)).astype(dtype)


def photographs(rng, n, size):
    """Pieces of the two photographs that come with scikit-learn."""
    pieces = []
    for i in range(n):
        photograph = load_sample_images().images[i % 2]
        height, width, _ = photograph.shape
        top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
        pieces.append(photograph[top : top + size, left : left + size])
    return np.stack(pieces)


def cifar10_jpegs(rng, n, size):
    """The first images of the lossy CIFAR-10, where it is at hand."""
    archive = Path(__file__).parents[3] / "shared" / "data" / "cifar10-jpeg75.tar.xz"
    if not archive.is_file():
        pytest.skip("there is no lossy CIFAR-10 beside the checkout")
    with tarfile.open(archive, "r|xz") as content:
        images = (content.extractfile(m).read() for m in content if m.name.endswith(".jpg"))
        return np.stack([decode_image(next(images), "it", Remarks()) for _ in range(n)])


# Keras-Preprocessing reaches SciPy's function through a name that SciPy deprecates.
@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
@pytest.mark.parametrize("ranges", [CIFAR10, MEDICAL, STRONG_SHEAR])
@pytest.mark.parametrize(
    ("images_of", "size", "count"),
    [
        (random_images, 32, 48),
        (random_images, 56, 24),
        (random_images, 224, 12),
        (photographs, 32, 48),
        (photographs, 224, 12),
        (cifar10_jpegs, 32, 48),
    ],
)
def test_warp_is_keras_preprocessings(rng, images_of, size, count, ranges):
    """At every pixel, those where the edge repeats among them: the shifts reach beyond it."""
    images = images_of(rng, count, size)
    drawn = draw_parameters(rng, count, size, ranges)
    ours = np.asarray(Warp()([images, compose(size, **drawn)]))
    theirs = ImageDataGenerator(fill_mode="nearest")
    for i, image in enumerate(images):
        parameters = {key: values[i] for key, values in drawn.items()}
        expected = theirs.apply_transform(image.astype(np.float64) / 255, parameters)
        np.testing.assert_allclose(ours[i], expected, rtol=0, atol=1e-3)


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
@pytest.mark.parametrize("size", [32, 224])
def test_keras_preprocessing_draws_what_is_drawn_here(size):
    """Its own generator, asked for the protocol's ranges, keeps to the ranges of ours."""
    theirs = ImageDataGenerator(
        rotation_range=20,
        width_shift_range=0.3,
        height_shift_range=0.3,
        shear_range=0.2,
        zoom_range=0.3,
        horizontal_flip=True,
    )
    np.random.seed(0)
    asked = [theirs.get_random_transform((size, size, 3)) for _ in range(2_000)]
    drawn = draw_parameters(np.random.default_rng(0), 2_000, size, CIFAR10)
    for key, values in drawn.items():
        found = np.array([float(parameters[key]) for parameters in asked])
        if key != "flip_vertical":
            assert stats.ks_2samp(found, values).pvalue > 1e-3, key
        assert abs(found).max() == pytest.approx(abs(values).max(), rel=0.01), key


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("jit", [False, True])
def test_identity_and_flips_are_exact(rng, dtype, jit):
    images = random_images(rng, 8, 56, dtype)
    plain = images.astype(np.float32) / np.float32(255)
    warp = xla(Warp()) if jit else Warp()
    # Compilers turn the division by 255 into a product with 1/255, here and everywhere else.
    equal = np.testing.assert_array_max_ulp if jit else np.testing.assert_array_equal
    equal(np.asarray(warp([images, unchanged(8)])), plain)
    for h, v in [(True, False), (False, True), (True, True)]:
        flipped = plain[:, :: -1 if v else 1, :: -1 if h else 1]
        equal(np.asarray(warp([images, flips(8, 56, h, v)])), flipped)


def xla(layer):
    import tensorflow as tf

    return tf.function(lambda inputs: layer(inputs), jit_compile=True)


def test_beyond_the_edge_its_pixels_repeat(rng):
    images = random_images(rng, 1, 8)
    far = np.array([[[1, 0, 100], [0, 1, 0]]], np.float32)
    warped = np.asarray(Warp()([images, far]))
    np.testing.assert_array_equal(warped[0], np.tile(images[0, -1:] / np.float32(255), (8, 1, 1)))


def test_oblong_images_warp_by_their_own_width(rng):
    images = rng.integers(0, 256, (2, 5, 9, 3)).astype(np.uint8)
    warped = np.asarray(Warp()([images, unchanged(2)]))
    np.testing.assert_array_equal(warped, images / np.float32(255))


@pytest.mark.parametrize("rule", ["pil", "opencv"])
@pytest.mark.parametrize("target", [32, 224])
def test_enlarge_is_pillows_or_opencvs_for_every_size(rng, rule, target):
    for source in range(20, target + 1):
        images = random_images(rng, 1, source)
        if rule == "pil":
            expected = Image.fromarray(images[0]).resize((target, target), Image.NEAREST)
        else:
            expected = cv2.resize(images[0], (target, target), interpolation=cv2.INTER_NEAREST)
        enlarged = np.asarray(Enlarge(target, rule)(images))
        assert enlarged.dtype == np.float32
        np.testing.assert_array_equal(enlarged[0], np.asarray(expected), str(source))


@pytest.fixture
def half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("half_precision")
def test_a_half_precision_policy_changes_nothing(rng):
    images = random_images(rng, 4, 32)
    matrices = compose(32, **draw_parameters(rng, 4, 32, CIFAR10))
    halved = Warp()([Enlarge(40, "pil")(images), matrices])
    keras.config.set_dtype_policy("float32")
    plain = Warp()([Enlarge(40, "pil")(images), matrices])
    assert keras.backend.standardize_dtype(halved.dtype) == "float32"
    np.testing.assert_array_equal(np.asarray(halved), np.asarray(plain))


def test_a_model_of_both_comes_back_from_its_configuration(rng):
    images = keras.Input((32, 32, 3), dtype="uint8")
    matrices = keras.Input((2, 3))
    model = keras.Model([images, matrices], Warp()([Enlarge(48, "opencv")(images), matrices]))
    assert model.output.shape == (None, 48, 48, 3)
    assert model.output.dtype == "float32"
    again = keras.Model.from_config(model.get_config())
    inputs = [random_images(rng, 2, 32), flips(2, 48, True, False)]
    np.testing.assert_array_equal(*(m.predict_on_batch(inputs) for m in (model, again)))
    for layer in (Enlarge(48, "opencv", name="large"), Warp(name="warp")):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
