"""Two families of Keras' own, grouped and checked, under the active backend."""

import keras
import pytest

from kreproduce import check_grouped, grouping_report


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV3Small"])
def test_a_family_is_grouped_and_all_checks_hold(name):
    model = getattr(keras.applications, name)(weights=None, classes=10, input_shape=(32, 32, 3))
    assert [check for check in check_grouped(model, ch=16) if not check.passed] == []


# With 10 classes, at Ch 8, 16 and 32: counted beforehand from the rule and Keras' layers alone.
TRAINABLE = {
    "MobileNet": (164_938, 244_298, 403_018),
    "MobileNetV3Small": (156_226, 224_962, 358_466),
    "MobileNetV3Large": (265_098, 390_922, 639_386),
    "EfficientNetB0": (444_346, 623_226, 950_650),
}


@pytest.mark.parametrize("name", TRAINABLE)
def test_parameters_of_four_families(name):
    model = getattr(keras.applications, name)(weights=None, classes=10, input_shape=(32, 32, 3))
    counted = tuple(grouping_report(model, ch=ch).parameters[1] for ch in (8, 16, 32))
    assert counted == TRAINABLE[name]
