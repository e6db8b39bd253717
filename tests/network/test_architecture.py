"""Choices that make no network, or another than their names say, are refused in Python, too."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import count
from kreproduce.network.description import describe

REFUSED = {
    "the baseline with the default of ch": (
        {"variant": "baseline"},
        "ch has no meaning for the baseline, .* in Python pass ch=None",
    ),
    "the baseline with groups": ({"variant": "baseline", "ch": 16}, "ch has no meaning"),
    "v2 without groups": ({"ch": None}, "v2 needs the channels per group"),
    "v1 without groups": ({"variant": "v1", "ch": None}, "v1 needs the channels per group"),
    "v1 without L": ({"variant": "v1", "layer_l": False}, "has no meaning for v1"),
    "interleaving without L": (
        {"layer_l": False, "interleaving": "paper"},
        "interleaving can be chosen only for v2",
    ),
    "a variant that is none": ({"variant": "V1"}, "variant: 'V1' is refused; did you mean 'v1'"),
    "a size that is none": ({"size": "B8"}, "size: 'B8' is refused; known are B0, "),
    "an activation that is none": ({"activation": "gelu"}, "activation: 'gelu' is refused"),
    "a padding that is none": ({"padding": "same"}, "padding: 'same' is refused"),
    "no channel": ({"ch": 0}, "ch: 0 is refused"),
    "no class": ({"classes": 0}, "classes: 0 is refused"),
    "no pixel": ({"input_size": 0}, "0 pixels is too small .* input_size must be at least 32$"),
    "pixels below none": ({"input_size": -5}, "input of -5 pixels is too small"),
    "a pixel too few": (
        {"input_size": 31},
        "an input of 31 pixels is too small for the network's strides: input_size must be at "
        "least 32, or skip_strides 1$",
    ),
    "a pixel too few for two strides": (
        {"input_size": 4, "skip_strides": 3},
        "at least 5, or skip_strides 4$",
    ),
    "a pixel too few as counted": (
        {"input_size": 16, "padding": "counted"},
        "input_size must be at least 17, or skip_strides 1$",
    ),
    "more strides than there are": ({"skip_strides": 6}, "skip_strides: 6 is refused"),
}


@pytest.mark.parametrize(("choices", "message"), REFUSED.values(), ids=list(REFUSED))
def test_choices_that_make_no_network(choices, message):
    with pytest.raises(SettingsError, match=message):
        Architecture(**choices)


def test_the_way_out_that_the_message_names():
    baseline = Architecture(variant="baseline", ch=None)
    assert count(baseline).parameters == 4_020_358  # the paper's Table 5
    with pytest.raises(SettingsError, match="ch has no meaning"):
        replace(baseline, ch=32)


@pytest.mark.parametrize("padding", ["trained", "counted"])
@pytest.mark.parametrize("skip", range(6))
def test_the_least_input_is_what_the_description_has_something_left_of(padding, skip):
    """And no layer halves a single pixel."""
    taken = []
    for size in range(1, 36):
        try:
            network = describe(Architecture(input_size=size, skip_strides=skip, padding=padding))
        except SettingsError:
            continue
        taken.append(size)
        for node in network.nodes:
            strides = getattr(node.operation, "stride", 1) > 1
            before = network.input_shape if node.layer == "stem" else _before(network, node)
            assert not strides or before[0] > 1
    assert taken == list(range(taken[0], 36))


def _before(network, node):
    """The shape of what a strided layer has before it is padded."""
    return next(n for n in network.nodes if n.layer == node.layer).input_shape


def test_an_experiment_refuses_what_is_too_small_as_its_network_does():
    settings = resolve({"dataset": "digits"}).model_dump()
    with pytest.raises(ValidationError, match="input of 3 pixels is too small"):
        Experiment(**settings | {"input_size": 3, "skip_strides": 0})
