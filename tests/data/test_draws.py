"""The parameters of the warps have the protocol's distributions.

They are read back out of the matrices that training and validation really use, by undoing the
composition of Keras-Preprocessing: rotation · shift · shear · zoom about size/2 + 0.5, then the
flip. All seeds are fixed, so the p-values are the same at every run.
"""

import itertools

import numpy as np
import pytest
from scipy import stats

from kreproduce.data.augment import compose, draw_parameters
from kreproduce.data.dataset import Subset
from kreproduce.data.views import training_views, validation_views
from kreproduce.experiment.settings import resolve

COUNT = 20_000
RANGES = {  # docs/protocol.md, "Images": degrees, and pixels of 32
    "rotation": (-20, 20),
    "row shift": (-9.6, 9.6),
    "column shift": (-9.6, 9.6),
    "shear": (-0.2, 0.2),
    "row zoom": (0.7, 1.3),
    "column zoom": (0.7, 1.3),
}
CERTAIN = 1e-4  # of some hundred independent p-values the least is rarely below


def parameters_of(matrices, size=32):
    """What the matrices (n, 2, 3) were composed of; each (n,)."""
    matrices = matrices.astype(np.float64)
    flip = np.linalg.det(matrices[:, :, :2]) < 0
    sign = np.where(flip, -1.0, 1.0)
    linear = np.stack([matrices[:, :, 0], sign[:, None] * matrices[:, :, 1]], axis=-1)
    angle = np.arctan2(linear[:, 1, 0], linear[:, 0, 0])
    cos, sin = np.cos(angle), np.sin(angle)
    back = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], axis=1)
    slanted = np.einsum("nij,nj->ni", back, linear[:, :, 1])
    centre = np.full(2, size / 2 + 0.5)
    flipped = np.stack([np.zeros(len(flip)), np.where(flip, size - 1, 0)], axis=-1)
    turned = matrices[:, :, 2] - centre + np.einsum("nij,nj->ni", linear, centre - flipped)
    shift = np.einsum("nij,nj->ni", back, turned)
    return {
        "rotation": np.rad2deg(angle),
        "row shift": shift[:, 0],
        "column shift": shift[:, 1],
        "shear": np.rad2deg(np.arctan2(-slanted[:, 0], slanted[:, 1])),
        "row zoom": np.linalg.norm(linear[:, :, 0], axis=1),
        "column zoom": np.linalg.norm(slanted, axis=1),
        "flip": flip.astype(np.float64),
    }


@pytest.fixture(scope="module")
def experiment():
    return resolve({"dataset": "cifar10", "ch": 16, "seed": 1})


@pytest.fixture(scope="module")
def drawn(experiment):
    """Of each epoch and purpose the parameters of every image, in the images' order."""
    subset = Subset(np.empty((COUNT, 0, 0, 3), np.uint8), np.zeros(COUNT, np.int32))

    def of(views):
        found = parameters_of(views.matrices)
        return {name: values[np.argsort(views.order)] for name, values in found.items()}

    return {
        (epoch, purpose.__name__): of(purpose(experiment, subset, epoch))
        for epoch in (0, 1, 2)
        for purpose in (training_views, validation_views)
    }


def test_the_reading_back_is_exact(experiment):
    drawn = draw_parameters(np.random.default_rng(5), 500, 32, experiment.augmentation)
    found = parameters_of(compose(32, **drawn))
    names = dict(zip(RANGES, ("theta", "tx", "ty", "shear", "zx", "zy"), strict=True))
    for name, key in names.items():
        np.testing.assert_allclose(found[name], drawn[key], atol=1e-4)
    np.testing.assert_array_equal(found["flip"], drawn["flip_horizontal"])


@pytest.mark.parametrize("name", RANGES)
def test_each_is_uniform_in_its_range(drawn, name):
    low, high = RANGES[name]
    slack = 1e-5 * max(-low, high)
    for parameters in drawn.values():
        values = parameters[name]
        assert low - slack <= values.min()
        assert values.max() <= high + slack
        assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > CERTAIN


def test_every_second_image_is_mirrored(drawn):
    for parameters in drawn.values():
        flips = int(parameters["flip"].sum())
        assert stats.binomtest(flips, COUNT, 0.5).pvalue > CERTAIN


def dependence(one, other):
    """The p-value of the hypothesis that two parameters have nothing to do with each other.

    The lesser of that of their ranks, which finds what rises and falls together, and that of a
    table of fifths, which finds any other relation.
    """
    fifths = [np.digitize(v, np.quantile(v, [0.2, 0.4, 0.6, 0.8])) for v in (one, other)]
    table = np.zeros((5, 5))
    np.add.at(table, tuple(fifths), 1)
    table = table[table.any(axis=1)][:, table.any(axis=0)]  # a flip has two values
    return min(stats.spearmanr(one, other).pvalue, stats.chi2_contingency(table).pvalue)


def test_the_parameters_of_an_image_are_independent(drawn):
    for parameters in drawn.values():
        pairs = itertools.combinations(parameters, 2)
        least = min(dependence(parameters[one], parameters[other]) for one, other in pairs)
        assert least > CERTAIN


def test_one_image_says_nothing_of_the_next(drawn):
    for purpose in ("training_views", "validation_views"):
        parameters = drawn[0, purpose]
        for one, other in itertools.product(parameters, repeat=2):
            assert dependence(parameters[one][:-1], parameters[other][1:]) > CERTAIN, (one, other)


def test_one_epoch_says_nothing_of_another_nor_training_of_validation(drawn):
    for one, other in itertools.combinations(drawn.values(), 2):
        for name in one:
            # Not even the same numbers given to other images.
            assert name == "flip" or not np.array_equal(np.sort(one[name]), np.sort(other[name]))
            assert dependence(one[name], other[name]) > CERTAIN, name


@pytest.mark.parametrize("dataset", ["malaria", "colorectal_histology"])
def test_the_medical_sets_turn_all_the_way_and_flip_both_ways(dataset):
    ranges = resolve({"dataset": dataset, "ch": 4}).augmentation
    drawn = draw_parameters(np.random.default_rng(2), COUNT, 224, ranges)
    ends = {"theta": 179, "tx": 67.2, "ty": 67.2, "shear": 0.2}
    for key, end in ends.items():
        assert stats.kstest(drawn[key], stats.uniform(-end, 2 * end).cdf).pvalue > CERTAIN
        assert np.abs(drawn[key]).max() <= end
    for key in ("zx", "zy"):
        assert stats.kstest(drawn[key], stats.uniform(0.7, 0.6).cdf).pvalue > CERTAIN
    for key in ("flip_horizontal", "flip_vertical"):
        assert stats.binomtest(int(drawn[key].sum()), COUNT, 0.5).pvalue > CERTAIN
    for one, other in itertools.combinations(drawn, 2):
        assert dependence(drawn[one], drawn[other]) > CERTAIN
