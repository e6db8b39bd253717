"""The Keras models: as the description says, with the authors' initialisation."""

import math

import keras
import numpy as np
import pytest

from kreproduce import paper
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import count
from kreproduce.network.description import describe
from kreproduce.network.layers import GroupedPointwise, Interleave
from kreproduce.network.model import build

numpy = keras.ops.convert_to_numpy
SMALL = {"input_size": 32, "skip_strides": 3}


def trainable(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def right_parameters(row):
    return int(paper.right(row.table, row.label, "parameters") or row.parameters)


def tables_of_b0():
    """(architecture, parameters) of every different network in Tables 2 and 4 to 8."""
    classes = {2: 10, 4: 10, 5: 10, 6: 10, 7: 2, 8: 8}
    found = {}
    for table, number in classes.items():
        for row in paper.rows(table):
            small = SMALL if number == 10 and row.variant != "baseline" else {"input_size": 224}
            architecture = Architecture(
                row.variant,
                row.ch,
                classes=number,
                layer_l=row.layer_l,
                activation=row.activation,
                **small,
            )
            found[architecture] = right_parameters(row)
    return found


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    tables_of_b0().items(),
    ids=lambda value: (
        f"{value.variant}-{value.ch}-{value.classes}-{value.layer_l}-{value.activation}"
        if isinstance(value, Architecture)
        else str(value)
    ),
)
def test_b0_has_the_papers_parameters(architecture, parameters):
    model = build(architecture)
    assert trainable(model) == parameters == count(architecture).parameters
    untrainable = sum(
        math.prod(weight.shape)
        for weight in model.non_trainable_weights
        if "seed_generator" not in weight.path
    )
    assert untrainable == count(architecture).untrainable


@pytest.mark.parametrize("ch", [2, 4, 8, 12, 16, 32])
@pytest.mark.parametrize("classes", [10, 2, 8])
def test_every_ch_with_every_number_of_classes(ch, classes):
    """What stands in no table: each class more costs 1280 weights and a bias."""
    architecture = Architecture("v2", ch, classes=classes, **SMALL)
    malaria = {row.ch: row.parameters for row in paper.rows(7)}
    assert trainable(build(architecture)) == malaria[ch] + (classes - 2) * 1281


def sizes(names):
    rows = [row for row in paper.size_rows() if row.size in names]
    return [
        pytest.param(row, variant, ch, id=f"{row.size}-{variant}-{ch}")
        for row in rows
        for variant, ch in (("baseline", None), ("v2", 16), ("v2", 32))
    ]


def check_size(row, variant, ch):
    column = variant if ch is None else f"{variant}_{ch}ch"
    printed = paper.right(3, row.size, column) or getattr(row, column)
    # The parameters do not depend on the input; a small one is quicker to build.
    model = build(Architecture(variant, ch, row.size, input_size=64))
    assert trainable(model) == int(printed)
    keras.backend.clear_session()


@pytest.mark.parametrize(("row", "variant", "ch"), sizes({"B0", "B1"}))
def test_table_3(row, variant, ch):
    check_size(row, variant, ch)


@pytest.mark.slow
@pytest.mark.parametrize(("row", "variant", "ch"), sizes({"B2", "B3", "B4", "B5", "B6", "B7"}))
def test_table_3_large(row, variant, ch):
    check_size(row, variant, ch)


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("v2", 4, **SMALL),
        Architecture("v2", 32, input_size=37, padding="counted"),
        Architecture("v1", 16, input_size=40, skip_strides=1),
        Architecture("baseline", None, input_size=33, skip_strides=2, activation="relu"),
    ],
    ids=str,
)
def test_the_model_is_the_description(architecture):
    """Every operation has a layer of its name that gives the shape described."""
    model, network = build(architecture), describe(architecture)
    assert [layer.name for layer in model.layers[1:]] == [node.name for node in network.nodes]
    for node in network.nodes:
        assert model.get_layer(node.name).output.shape == (None, *node.shape), node
    probabilities = numpy(model(np.zeros((2, *network.input_shape), "float32")))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def v2():
    keras.utils.set_random_seed(0)
    return build(Architecture("v2", 32, **SMALL))


@pytest.fixture(scope="module")
def baseline():
    keras.utils.set_random_seed(0)
    return build(Architecture("baseline", None, **SMALL))


def test_the_grouped_kernels_are_glorot_uniform_with_the_fans_of_their_path(v2):
    """Fan in: a group's channels. Fan out: all filters of the path, drawn each by itself."""
    layers = [layer for layer in v2.layers if isinstance(layer, GroupedPointwise)]
    assert any(layer.kernel_remainder is not None for layer in layers)
    for layer in layers:
        paths = (layer.kernel, layer.kernel_remainder)
        for kernel in (path for path in paths if path is not None):
            values = numpy(kernel)
            limit = math.sqrt(6 / (layer.group_channels + values.size / layer.group_channels))
            assert np.abs(values).max() <= limit
            if values.size > 1000:
                assert np.abs(values).max() > 0.97 * limit
                assert abs(values.std() / (limit / math.sqrt(3)) - 1) < 0.1
        if layer.use_bias:
            assert not numpy(layer.bias).any()


def standard_deviation(model, name):
    return numpy(model.get_layer(name).kernel).std()


def test_initialisation_of_the_other_layers(v2, baseline):
    for model in (v2, baseline):  # stem: 2 / (9 * 32); classifier: 1/3 / 10
        assert standard_deviation(model, "stem_conv") == pytest.approx(1 / 12, rel=0.1)
        classifier = numpy(model.get_layer("classifier_logits").kernel)
        assert np.abs(classifier).max() == pytest.approx(math.sqrt(0.1), rel=0.01)
        depthwise = numpy(model.get_layer("block6b_depthwise_conv").kernel)
        assert depthwise.std() == pytest.approx(math.sqrt(2 / 25), rel=0.05)
    # 192 to 1152: by fan out in the baseline; block1a's 32 to 16 is kept, and Glorot's, in v2
    assert standard_deviation(baseline, "block6b_expand_conv") == pytest.approx(
        math.sqrt(2 / 1152), rel=0.02
    )
    kept = numpy(v2.get_layer("block1a_project_conv").kernel)
    assert np.abs(kept).max() == pytest.approx(math.sqrt(6 / 48), rel=0.05)


def test_dropout_rates_rise_with_the_blocks(v2):
    rates = {
        layer.name: layer.rate for layer in v2.layers if isinstance(layer, keras.layers.Dropout)
    }
    assert rates.pop("dropout") == 0.2
    blocks = [node.name for node in describe(Architecture(**SMALL)).nodes]
    names = list(dict.fromkeys(name.partition("_")[0] for name in blocks if name[:5] == "block"))
    assert rates == {
        f"{name}_drop": pytest.approx(0.2 * index / 16)
        for index, name in enumerate(names)
        if f"{name}_drop" in rates
    }
    assert len(rates) == 9


def test_block_dropout_drops_whole_samples(v2):
    layer = v2.get_layer("block6d_drop")
    ones = np.ones((64, 2, 2, 3), "float32")
    kept = numpy(layer(ones, training=True)).reshape(64, -1)
    assert (kept == kept[:, :1]).all()
    assert 0 < (kept[:, 0] == 0).sum() < 64


@pytest.mark.parametrize(
    "layer",
    [
        GroupedPointwise(10, 4, 4, name="grouped"),
        GroupedPointwise(10, 3, 4, interleave=3, use_bias=True, dtype="mixed_float16"),
        Interleave(3, name="interleave"),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_serialise_completely(layer):
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 10)).astype("float32")
    expected = numpy(layer(x))
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == layer.get_config()
    assert again.compute_output_shape(x.shape) == expected.shape
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numpy(again(x)), expected)


def test_a_saved_model_loads_with_the_same_outputs(tmp_path, v2):
    v2.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    np.testing.assert_array_equal(numpy(again(x)), numpy(v2(x)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 5, 2), "groups is 5, not between 1 and filters, 4"),
        ((4, 0, 2), "groups is 0"),
        ((8, 4, 2), "4 groups of 2 channels do not cover the 10 input channels"),
        ((8, 1, 11), "1 groups of 11 channels do not cover the 10 input channels"),
    ],
)
def test_impossible_groups_are_refused_with_both_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        GroupedPointwise(*arguments).build((None, 2, 2, 10))


def test_gradients_reach_every_stored_weight(v2):
    x = np.random.default_rng(0).random((4, 32, 32, 3), "float32")
    v2.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit_compile=False)
    before = [numpy(weight) for weight in v2.trainable_weights]
    v2.train_on_batch(x, np.arange(4))
    for weight, old in zip(v2.trainable_weights, before, strict=True):
        assert (numpy(weight) != old).any(), weight.path


def test_dropout_and_input_of_the_larger_networks():
    """A block's rate counts in sixteenths at every size; the classifier's is the size's own."""

    def rates(size):
        nodes = describe(Architecture("v2", 16, size)).nodes
        return {node.name: node.operation.rate for node in nodes if "drop" in node.name}

    sizes = [f"B{number}" for number in range(8)]
    assert [rates(size)["dropout"] for size in sizes] == [0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5]
    assert rates("B7")["block7d_drop"] == pytest.approx(0.2 * 54 / 16)
    inputs = [describe(Architecture("v2", 16, size)).input_shape[0] for size in sizes]
    assert inputs == [224, 240, 260, 300, 380, 456, 528, 600]


@pytest.mark.parametrize("momentum", [0.5, 0.99])
def test_the_momentum_reaches_every_batch_normalisation(momentum):
    model = build(Architecture("v2", 16, bn_momentum=momentum, **SMALL))
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) > 50
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(momentum, 1e-3)}


def test_the_classifier_is_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build(Architecture("v2", 16, **SMALL))
    finally:
        keras.config.set_dtype_policy("float32")
    names = ("stem_conv", "classifier_logits", "classifier_softmax")
    dtypes = [model.get_layer(name).compute_dtype for name in names]
    assert dtypes == ["float16", "float32", "float32"]


@pytest.mark.parametrize("variant", ["baseline", "v2"])
def test_the_channels_are_last_whatever_keras_is_configured_to(variant):
    architecture = Architecture(variant, 16 if variant == "v2" else None, **SMALL)
    keras.config.set_image_data_format("channels_first")
    try:
        model = build(architecture)
        assert numpy(model(np.zeros((2, 32, 32, 3), "float32"))).shape == (2, 10)
    finally:
        keras.config.set_image_data_format("channels_last")
    for node in describe(architecture).nodes:
        assert model.get_layer(node.name).output.shape == (None, *node.shape), node
