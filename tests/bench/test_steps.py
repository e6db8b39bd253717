"""What is measured is what was asked for."""

import pytest

from kreproduce.bench import case
from kreproduce.network.layers import GroupedPointwise
from kreproduce.training.devices import Devices
from kreproduce.training.model import compile_model


@pytest.mark.parametrize("lowering", ["naive", "native"])
def test_the_groups_are_computed_as_asked(lowering):
    measured = case.of(f"v2-32ch:{lowering}", batch=2, input_size=32, precision="auto")
    device = Devices(gpu=False, names=("a CPU",))
    network = compile_model(measured.experiment, (32, 32, 3), device, measured.lowering).network
    found = [layer.lowering for layer in network.layers if isinstance(layer, GroupedPointwise)]
    assert found
    assert set(found) == {lowering}
