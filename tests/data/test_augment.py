from types import SimpleNamespace

import numpy as np
import pytest

from kreproduce.data.augment import compose, draw, draw_parameters, flips

CIFAR10 = SimpleNamespace(
    rotation=20, shift=0.3, shear=0.2, zoom=0.3, horizontal_flip=True, vertical_flip=False
)
NONE = SimpleNamespace(
    rotation=0, shift=0, shear=0, zoom=0, horizontal_flip=False, vertical_flip=False
)


def test_a_draw_is_a_function_of_its_generator():
    first, again, other = (draw(np.random.default_rng(s), 5, 32, CIFAR10) for s in (1, 1, 2))
    assert first.shape == (5, 2, 3)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_draws_fill_their_ranges():
    drawn = draw_parameters(np.random.default_rng(0), 10_000, 32, CIFAR10)
    ends = {key: (low, high) for key, (low, high) in {
        "theta": (-20, 20), "tx": (-9.6, 9.6), "ty": (-9.6, 9.6), "shear": (-0.2, 0.2),
        "zx": (0.7, 1.3), "zy": (0.7, 1.3),
    }.items()}  # fmt: skip
    for key, (low, high) in ends.items():
        values, slack = drawn[key], (high - low) / 100
        assert low <= values.min() < low + slack, key
        assert high - slack < values.max() <= high, key
    assert set(drawn["flip_horizontal"]) == {0, 1}
    assert drawn["flip_horizontal"].mean() == pytest.approx(0.5, abs=0.03)
    assert not drawn["flip_vertical"].any()
    assert abs(np.corrcoef(drawn["zx"], drawn["zy"])[0, 1]) < 0.05


def test_ranges_of_nothing_are_the_identity():
    drawn = draw(np.random.default_rng(0), 3, 33, NONE)
    np.testing.assert_array_equal(drawn, np.tile(np.eye(2, 3), (3, 1, 1)))


@pytest.mark.parametrize("size", [32, 56, 224])
def test_a_flip_mirrors_exactly(size):
    both = flips(2, size, horizontal=True, vertical=True)
    assert both.tolist() == [[[-1, 0, size - 1], [0, -1, size - 1]]] * 2
    np.testing.assert_array_equal(flips(2, size, False, False), np.tile(np.eye(2, 3), (2, 1, 1)))


def test_the_centre_is_half_a_pixel_beyond_the_middle():
    one = {key: np.ones(1) for key in ("zx", "zy")}
    none = {key: np.zeros(1) for key in ("tx", "ty", "shear", "flip_horizontal", "flip_vertical")}
    (turned,) = compose(32, theta=np.full(1, 180.0), **one, **none)
    np.testing.assert_allclose(turned, [[-1, 0, 33], [0, -1, 33]], atol=1e-5)


def test_vertical_flips_are_drawn_where_they_are_asked_for():
    ranges = SimpleNamespace(**{**vars(CIFAR10), "horizontal_flip": False, "vertical_flip": True})
    drawn = draw_parameters(np.random.default_rng(0), 10_000, 32, ranges)
    assert drawn["flip_vertical"].mean() == pytest.approx(0.5, abs=0.03)
    assert not drawn["flip_horizontal"].any()
    both = SimpleNamespace(**{**vars(CIFAR10), "vertical_flip": True})
    drawn = draw_parameters(np.random.default_rng(0), 10_000, 32, both)
    flips_drawn = drawn["flip_horizontal"], drawn["flip_vertical"]
    shifts = drawn["tx"], drawn["ty"]
    for one, other in (flips_drawn, shifts):  # each by itself
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
