"""The checks find what is wrong, and hold where nothing is; the file is opened by plain Keras."""

from collections import Counter

import keras
import numpy as np
import pytest
from keras import layers

from kreproduce import check_grouped, group_pointwise, grouping_report
from kreproduce.network.any_model import check, cost, group
from kreproduce.network.lowering import LOWERINGS
from kreproduce.network.stock import StockGrouped


def model():
    image = keras.Input((6, 6, 32))
    wide = layers.Conv2D(47, 1, use_bias=False, name="wide")(image)
    wide = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(wide))
    other = layers.Conv2D(47, 3, padding="same", name="other")(wide)
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(other)))


def outcomes(model, **settings):
    return {one.name: one.passed for one in check_grouped(model, ch=8, **settings)}


def test_all_of_it_holds_of_a_model_file_included():
    given = check_grouped(model(), ch=8)
    assert [one for one in given if not one.passed] == []
    names = {one.name for one in given}
    assert {f"{way} gives the same" for way in LOWERINGS} < names
    assert {"file gives the same", "mixed_float16 comes near", "original untouched"} < names
    assert all(one.detail for one in given)


def failing(model, monkeypatch, of, name, value):
    monkeypatch.setattr(check, "_LOAD", "raise SystemExit('not asked here')")
    monkeypatch.setattr(of, name, value)
    failed = {name for name, passed in outcomes(model).items() if not passed}
    return failed - {"file gives the same"}


def test_weights_that_are_lost_are_found(monkeypatch):
    lost = failing(model(), monkeypatch, group, "_take", lambda original, new: None)
    assert lost == {"only grouped layers differ", "wired as the model"}


def test_a_layer_that_is_shared_with_the_model_is_found(monkeypatch):
    def shared(operation, name):
        return operation if operation.name == "other" else made(operation, name)

    made = group.renamed
    # Its weights are the model's: drawing and training change both.
    assert "original untouched" in failing(model(), monkeypatch, group, "renamed", shared)


def test_a_wrong_count_is_found(monkeypatch):
    assert failing(model(), monkeypatch, cost, "size", lambda shape: 7) >= {"counts as foretold"}


def test_a_wrong_order_of_channels_is_found(monkeypatch):
    made = StockGrouped._split

    def turned(self, inputs, groups, what):
        return made(self, inputs[..., ::-1], groups, what)

    lost = failing(model(), monkeypatch, StockGrouped, "_split", turned)
    assert {f"{way} gives the same" for way in LOWERINGS} <= lost


def test_wrong_wiring_is_found(monkeypatch):
    made = group.Grouped.absorbed

    def forgetful(self, call):
        return made(self, call) + Counter(["other"])  # as if that, too, were part of the unit

    found = failing(model(), monkeypatch, group.Grouped, "absorbed", forgetful)
    assert "wired as the model" in found


def test_outputs_that_cannot_vary_are_found():
    image = keras.Input((6, 6, 32))
    wide = layers.Conv2D(32, 1, name="wide")(image)
    pooled = layers.GlobalAveragePooling2D()(wide)
    one = keras.Model(image, layers.Rescaling(0.0, 1.0)(layers.Dense(3)(pooled)))
    assert not outcomes(one)["outputs vary"]


def test_nothing_grouped_is_found():
    image = keras.Input((6, 6, 4))
    small = keras.Model(image, layers.Conv2D(4, 3)(image))
    assert not outcomes(small)["layers grouped"]


def test_a_layer_that_only_this_process_knows_fails_the_file():
    @keras.saving.register_keras_serializable("local")
    class Local(layers.Layer):
        def call(self, inputs):
            return inputs * 2

    image = keras.Input((6, 6, 32))
    wide = Local()(layers.Conv2D(32, 1, name="wide")(image))
    own = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(wide)))
    assert [name for name, passed in outcomes(own).items() if not passed] == ["file gives the same"]


def test_the_report():
    report = grouping_report(model(), ch={"wide": 8})
    (wide,) = report.layers
    # 4 groups of 8 channels for 47 filters: 11 a group, and 3 more; K and, as 32 < 47, no L.
    assert (wide.groups, wide.ch, wide.rule) == ((4, 0), 8, "wide")
    assert wide.parameters == (32 * 47, 8 * 47)
    assert wide.operations == (36 * 2 * 32 * 47, 36 * 2 * 8 * 47)
    whole = model().count_params()
    assert report.parameters == (whole - 2 * 47, whole - 2 * 47 - 24 * 47)
    assert str(report).startswith("1 of 1 pointwise layers grouped; parameters ")
    assert "no promise of speed: docs/speed.md" in report.headline
    assert report.as_json()["layers"][0]["operations"] == list(wide.operations)
    assert (report.rules, report.reasons) == ({"wide": 1}, {})


def test_reasons_and_rules_in_the_report():
    image = keras.Input((6, 6, 32))
    names = ("a", "b", "c", "d")
    wide = [layers.Conv2D(32, 1, name=name)(image) for name in names]
    small = layers.Conv2D(4, 1, name="small")(layers.Add()(wide))
    own = keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(small)))
    report = grouping_report(own, ch={"a": 8, "b": "sqrt", "c": None, "small": 16}, keep="b")
    found = {layer.path: layer.reason and layer.reason.name for layer in report.layers}
    assert found == {
        "a": None,
        "b": "KEPT",
        "c": "KEPT",
        "d": "NO_PATTERN",
        "small": "FEW_CHANNELS",
    }
    text = str(report)
    assert "kept: 2 kept by the user; 1 no pattern of ch matches it" in text
    assert "last layers with weights: dense" in text


def test_the_copy_is_as_small_as_the_report_says(tmp_path):
    report = grouping_report(model(), ch=8)
    copy = group_pointwise(model(), ch=8)
    assert sum(np.asarray(weight).nbytes for weight in copy.weights) == round(1e6 * report.size[1])


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0"])
def test_computations_are_those_that_tensorflow_counts(name):
    """Of a model that nobody here described: products, as a counter of TensorFlow's finds them."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2 as frozen,
    )

    own = getattr(keras.applications, name)(weights=None, classes=10, input_shape=(32, 32, 3))
    function = tf.function(lambda image: own(image, training=False))
    graph = frozen(function.get_concrete_function(tf.TensorSpec((1, 32, 32, 3)))).graph
    counted = tf.compat.v1.profiler.profile(
        graph,
        options=tf.compat.v1.profiler.ProfileOptionBuilder(
            tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        )
        .with_empty_output()
        .build(),
    ).total_float_ops
    ours = 2 * grouping_report(own, ch=16).before.computations
    # It counts batch normalisation, which it takes apart today, and additions: some per cent.
    assert 0.9 < ours / counted <= 1
