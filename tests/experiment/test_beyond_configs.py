"""configs/beyond: a Ch for every layer beside one number, at equal parameters."""

from pathlib import Path

import keras
import pytest
import yaml

from kreproduce import grouping_report
from kreproduce.experiment.settings import read, resolve
from kreproduce.training.record import cost_of

CONFIGS = Path(__file__).parents[2] / "configs"
REDUCED = resolve(read(CONFIGS / "reduced" / "cifar10-heldout-25epochs-v2-16ch.yaml"))
EQUAL = {
    None: ([13, "sqrt", "share:0.079"], [16, "share:0.1"]),
    "keras:MobileNetV2": ([8, "share:0.021"], [16, "share:0.09"], [15, "sqrt"]),
}


def found():
    return [resolve(read(path)) for path in sorted((CONFIGS / "beyond").glob("*.yaml"))]


def test_they_are_of_the_reduced_protocol():
    """As the campaign's runs but for Ch, or for the network."""
    for one in found():
        other = {"model", "skip_strides"} if one.model else set()
        left = {"ch", *other}
        assert one.model_dump(exclude=left) == REDUCED.model_dump(exclude=left)


def test_every_file_is_in_a_comparison():
    named = {(model, ch) for model, sets in EQUAL.items() for chs in sets for ch in chs}
    of_the_campaign = {(None, 16)}
    assert {(one.model, one.ch) for one in found()} == named - of_the_campaign


@pytest.mark.parametrize(
    ("folder", "model", "common", "more"),
    [
        ("digits", None, {}, {8}),
        ("digits-mobilenetv2", "keras:MobileNetV2", {"model": "mobilenet.keras"}, set()),
    ],
)
def test_on_the_digits_the_same_networks_are_trained(folder, model, common, more):
    """And one of Ch 8, near which no rule comes; the model's file is made by whoever trains it."""
    settings = [
        yaml.safe_load(path.read_text()) for path in (CONFIGS / "beyond" / folder).glob("*.yaml")
    ]
    chs = {ch for alike in EQUAL[model] for ch in alike} | more
    expected = [{"dataset": "digits", "ch": ch} | common for ch in chs]
    assert sorted(settings, key=lambda one: str(one["ch"])) == sorted(
        expected, key=lambda one: str(one["ch"])
    )


@pytest.mark.parametrize("model", EQUAL)
def test_what_is_compared_has_equal_parameters(model):
    """Within 2%."""
    whole = keras.applications.MobileNetV2(weights=None, classes=10, input_shape=(32, 32, 3))
    for alike in EQUAL[model]:
        if model is None:
            made = [REDUCED.model_copy(update={"ch": ch}) for ch in alike]
            counts = [cost_of(resolve(one.model_dump())).parameters for one in made]
        else:
            counts = [grouping_report(whole, ch=ch).parameters[1] for ch in alike]
        assert max(counts) < 1.02 * min(counts), alike
