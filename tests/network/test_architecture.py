"""Choices that make no network, or another than their names say, are refused in Python, too."""

from dataclasses import replace

import pytest

from kreproduce.errors import SettingsError
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import count

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
