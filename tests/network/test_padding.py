"""How the built networks pad: as they were trained, and as the paper counted them."""

import itertools

import pytest

from kreproduce.network.architecture import Architecture
from kreproduce.network.model import build


def pixels(model):
    """The heights that layers give in turn, without those of pads and pooled ones."""
    heights = [
        layer.output.shape[1]
        for layer in model.layers[1:]
        if len(layer.output.shape) == 4 and "_se_" not in layer.name and "pad" not in layer.name
    ]
    return [height for height, _ in itertools.groupby(heights)]


def pads(model):
    found = {layer.name: layer.padding for layer in model.layers if layer.name.endswith("_pad")}
    assert all(rows == columns for rows, columns in found.values())
    return {name: rows for name, (rows, _) in found.items()}


@pytest.mark.parametrize(
    ("padding", "heights", "fourth"),
    [("trained", [31, 15, 7], (0, 1)), ("counted", [31, 16, 8], (1, 1))],
)
@pytest.mark.parametrize("ch", [16, 32])
def test_at_32_pixels_the_trained_network_has_fewer(ch, padding, heights, fourth):
    """The stem's stride is skipped and its padding is not: 32 become 31."""
    model = build(Architecture("v2", ch, input_size=32, skip_strides=3, padding=padding))
    assert pixels(model) == heights
    expected = {"stem_pad": (0, 1), "block4a_depthwise_pad": fourth}
    assert pads(model) == expected | {"block6a_depthwise_pad": (1, 2)}


@pytest.mark.parametrize("padding", ["trained", "counted"])
def test_at_224_pixels_they_are_the_same(padding):
    model = build(Architecture("v2", 32, input_size=224, padding=padding))
    assert pixels(model) == [112, 56, 28, 14, 7]
    by_three = ["stem_pad", "block2a_depthwise_pad", "block4a_depthwise_pad"]
    by_five = ["block3a_depthwise_pad", "block6a_depthwise_pad"]
    assert pads(model) == dict.fromkeys(by_three, (0, 1)) | dict.fromkeys(by_five, (1, 2))
