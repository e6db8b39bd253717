"""A model grouped: what is replaced, what is kept, and that nothing else changes."""

import re
import warnings

import keras
import numpy as np
import pytest
from helpers.numpy_network import drawn_weights, give
from keras import layers, ops

from kreproduce import group_pointwise, grouping_report
from kreproduce.errors import SettingsError
from kreproduce.network.any_model.check import checks_of
from kreproduce.network.any_model.plan import plan
from kreproduce.network.any_model.units import Reason
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import count
from kreproduce.network.description import describe
from kreproduce.network.grouping import replace_v2
from kreproduce.network.layers import GroupedPointwise
from kreproduce.network.model import build

CLASSES = 10


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(3)


def body(inputs, *, channels=48, activation="relu", name="wide"):
    """A pointwise unit as the paper has it, and a classifier."""
    outputs = layers.Conv2D(channels, 1, use_bias=False, name=name)(inputs)
    outputs = layers.BatchNormalization(name=f"{name}_bn")(outputs)
    return layers.Activation(activation, name=f"{name}_act")(outputs)


def classifier(inputs):
    return layers.Dense(CLASSES, name="head")(layers.GlobalAveragePooling2D()(inputs))


def simple(**settings):
    image = keras.Input((6, 6, 32))
    return keras.Model(image, classifier(body(image, **settings)))


def rows(model, **settings):
    return {row.path: row for row in grouping_report(model, **settings).layers}


def random(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def holds(model, **settings):
    """All checks hold but that of the file, which takes a process: test_check.py has it."""
    checks = checks_of(plan(model, **settings))
    checks.pop("file gives the same")
    assert {name: said for name, check in checks.items() if not (said := check())[0]} == {}


def of_users(said):
    """The warnings that are meant for a user: not what libraries say of each other."""
    return [one for one in said if one.category is UserWarning]


def test_the_papers_unit_by_the_papers_rule():
    model = simple()
    copy = group_pointwise(model, ch=8)
    x = random(2, 6, 6, 32)
    k_conv, k_bn = copy.get_layer("wide_k_conv"), copy.get_layer("wide_k_bn")
    replacement = replace_v2(32, 48, 8)
    assert replacement.l is None
    assert tuple(k_conv.kernel.shape) == (
        replacement.k.groups,
        replacement.k.group_channels,
        replacement.k.filters_per_group,
    )
    by_group = x.reshape(2, 6, 6, 4, 8)
    expected = np.einsum("bhwgc,gcf->bhwgf", by_group, np.asarray(k_conv.kernel))
    expected = np.maximum(np.asarray(k_bn(expected.reshape(2, 6, 6, 48))), 0)
    given = keras.Model(copy.input, copy.get_layer("wide_k_activation").output)
    np.testing.assert_allclose(given(x), expected, atol=1e-5)
    assert [type(layer).__module__.split(".")[0] for layer in copy.layers] == ["keras"] * len(
        copy.layers
    )


def test_new_weights_are_drawn_as_the_authors_are():
    copy = group_pointwise(simple(channels=480), ch=8)
    kernel = np.asarray(copy.get_layer("wide_k_conv").kernel)
    limit = np.sqrt(6 / (8 + 480))  # fans of a grouped convolution, of all its filters
    assert 0.95 * limit < np.abs(kernel).max() <= limit


@pytest.mark.parametrize(
    "make",
    [
        lambda x: body(x),
        lambda x: body(x, activation="swish"),
        lambda x: layers.Conv2D(24, 1, strides=2, activation="gelu", name="wide")(x),
        lambda x: layers.Conv2D(32, 1, strides=3, name="wide")(x),
        lambda x: layers.PReLU()(layers.Conv2D(32, 1, name="wide")(x)),
        lambda x: layers.BatchNormalization()(layers.Conv2D(32, 1, name="wide")(x)),
        lambda x: layers.SeparableConv2D(
            24, 3, strides=2, depth_multiplier=2, padding="same", name="wide"
        )(x),
        lambda x: layers.Dense(128, activation="gelu", name="wide")(x),
        lambda x: layers.LeakyReLU(0.1)(layers.Dense(32, use_bias=False, name="wide")(x)),
    ],
)
def test_every_kind(make):
    image = keras.Input((7, 7, 32))
    model = keras.Model(image, classifier(make(image)))
    assert rows(model, ch=8)["wide"].grouped
    holds(model, ch=8)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((9, 32), lambda x: layers.Conv1D(32, 1, strides=2, name="wide")(x)),
        ((9, 32), lambda x: layers.SeparableConv1D(40, 3, name="wide")(x)),
        ((9, 32), lambda x: layers.Dense(40, name="wide")(x)),
        ((3, 4, 5, 32), lambda x: layers.Conv3D(30, 1, activation="relu", name="wide")(x)),
        ((None, None, 32), lambda x: body(x)),
        ((None, 32), lambda x: layers.Dense(32, name="wide")(x)),
    ],
)
def test_every_rank_and_sizes_left_open(shape, make):
    image = keras.Input(shape)
    pooled = keras.ops.mean(make(image), axis=tuple(range(1, len(shape))))
    model = keras.Model(image, layers.Dense(CLASSES, name="head")(pooled))
    assert rows(model, ch=8)["wide"].grouped
    assert (grouping_report(model, ch=8).computations is None) == (None in shape)
    holds(model, ch=8)


def test_what_is_kept_of_a_separable_layer():
    image = keras.Input((6, 6, 32))
    model = keras.Model(image, classifier(layers.SeparableConv2D(32, 3, name="wide")(image)))
    copy = group_pointwise(model, ch=8)
    np.testing.assert_array_equal(
        copy.get_layer("wide_depthwise").get_weights()[0], model.get_layer("wide").get_weights()[0]
    )


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_the_projects_own_plain_network_becomes_its_own_v(variant):
    """In counts, and weights copied, in outputs up to the top, which has no activation there."""
    settings = {"input_size": 32, "skip_strides": 3, "padding": "counted"}
    plain = build(Architecture(variant="baseline", ch=None, **settings))
    architecture = Architecture(variant=variant, ch=16, **settings)
    report = grouping_report(plain, ch=16, variant=variant)
    expected = count(architecture)
    swish = 8 * 8 * 1280  # of the top's K, in operations
    assert report.parameters[1] == expected.parameters
    assert report.computations[1] == (expected.operations + swish) // 2

    own = build(architecture)
    shown = random(4, 32, 32, 3)
    give(own, drawn_weights(describe(architecture), own, shown))
    copy = group_pointwise(plain, ch=16, variant=variant, lowering="auto")
    for layer in own.layers:
        name = re.sub(r"_(k|l)_(conv|bn)$", r"_conv_\1_\2", layer.name)
        if layer.weights and not layer.name.startswith("top"):
            copy.get_layer(name).set_weights(layer.get_weights())
    ends = [
        keras.Model(model.input, last.output)
        for model, last in (
            (own, own.get_layer("block7a_project_sum")),
            (copy, copy.get_layer("block7a_project_conv_sum")),
        )
    ]
    wanted, given = (np.asarray(end(shown)) for end in ends)
    assert np.ptp(wanted, axis=0).max() > 0.1
    np.testing.assert_allclose(given, wanted, atol=1e-4 * np.abs(wanted).max())


def test_training_the_copy_leaves_the_model_bit_equal():
    model = simple()
    before = [weight.copy() for weight in model.get_weights()]
    copy = group_pointwise(model, ch=8)
    assert not {id(layer) for layer in copy.layers} & {id(layer) for layer in model.layers}
    copy.compile("sgd", "mse")
    copy.fit(random(8, 6, 6, 32), random(8, CLASSES), verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    head = copy.get_layer("head").get_weights()[0]
    assert not np.array_equal(head, model.get_layer("head").get_weights()[0])


def test_everything_else_keeps_what_it_has():
    image = keras.Input((6, 6, 32), name="picture")
    outputs = layers.Conv2D(
        32, 3, name="other", kernel_regularizer="l2", kernel_constraint="non_neg"
    )(image)
    outputs = layers.Normalization(name="normalization")(outputs)
    model = keras.Model(image, classifier(body(outputs)), name="mine")
    model.get_layer("normalization").adapt(random(5, 4, 4, 32))
    model.get_layer("other").trainable = False
    copy = group_pointwise(model, ch=8)
    assert (copy.name, copy.input.name) == ("mine", "picture")
    for name in ("other", "normalization", "head"):
        one, other = model.get_layer(name), copy.get_layer(name)
        assert one.get_config() == other.get_config()
        assert one.trainable == other.trainable
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    x = random(2, 4, 4, 32)
    np.testing.assert_array_equal(
        copy.get_layer("normalization")(x), model.get_layer("normalization")(x)
    )


def test_frozen_stays_frozen():
    model = simple()
    model.trainable = False
    copy = group_pointwise(model, ch=8)
    assert (copy.trainable, copy.trainable_variables) == (False, [])
    model.trainable = True
    model.get_layer("wide").trainable = False
    copy = group_pointwise(model, ch=8)
    flags = {layer.name: layer.trainable for layer in copy.layers if layer.weights}
    assert flags == {"wide_k_conv": False, "wide_k_bn": True, "head": True}


def test_an_input_without_a_name_keeps_the_one_it_was_given():
    model = simple()
    copy = group_pointwise(model, ch=8)
    assert copy.layers[0].name == model.layers[0].name


def test_regularisers_and_constraints_of_a_replaced_layer():
    image = keras.Input((6, 6, 32))
    settings = {
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "kernel_constraint": keras.constraints.MaxNorm(0.5, axis=[0, 1, 2]),
        "bias_constraint": keras.constraints.NonNeg(),
        "bias_initializer": keras.initializers.Constant(0.25),
    }
    model = keras.Model(image, classifier(layers.Conv2D(35, 1, name="wide", **settings)(image)))
    for lowering in (None, "dense"):
        copy = group_pointwise(model, ch=8, lowering=lowering)
        kernels = [weight for weight in copy.trainable_variables if weight.path.startswith("wide")]
        squares = sum(
            float(ops.sum(ops.square(weight))) for weight in kernels if weight.name != "bias"
        )
        np.testing.assert_allclose(float(sum(copy.losses)), 0.1 * squares, rtol=1e-5)
        # A filter's weights are along axis 1: (groups, channels, filters).
        for weight in kernels:
            if weight.name != "bias":
                bound = np.asarray(weight.constraint(100 * ops.ones(weight.shape)))
                np.testing.assert_allclose(np.sqrt((bound**2).sum(axis=1)), 0.5, rtol=1e-5)
            else:
                np.testing.assert_array_equal(weight, np.full(weight.shape, 0.25))


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_constraint": keras.constraints.UnitNorm(axis=3)},
        {"kernel_regularizer": keras.regularizers.OrthogonalRegularizer()},
        {"activity_regularizer": "l2"},
    ],
)
def test_what_looks_at_the_shape_of_a_kernel_is_kept(settings):
    image = keras.Input((6, 6, 32))
    if "kernel_regularizer" in settings:
        wide = layers.Dense(32, name="wide", **settings)(image)
    else:
        wide = layers.Conv2D(32, 1, name="wide", **settings)(image)
    model = keras.Model(image, classifier(wide))
    assert rows(model, ch=8)["wide"].reason == Reason.WHOLE_KERNEL


def test_a_shared_layer_stays_one_layer():
    image = keras.Input((6, 6, 32))
    wide, norm = layers.Conv2D(32, 1, name="wide"), layers.BatchNormalization(name="norm")
    act, other = layers.PReLU(shared_axes=[1, 2], name="act"), layers.Conv2D(32, 3, padding="same")
    outputs = act(norm(wide(other(act(norm(wide(image)))))))
    model = keras.Model(image, classifier(outputs))
    assert rows(model, ch=8)["wide"].grouped
    copy = group_pointwise(model, ch=8)
    names = [layer.name for layer in copy.layers if layer.weights]
    assert len(names) == len(set(names)) == 8  # K and L with norm and act each, other, head
    holds(model, ch=8)


def test_a_shared_layer_at_several_sizes():
    image = keras.Input((8, 8, 32))
    wide = layers.Conv2D(32, 1, activation="relu", name="wide")
    both = [layers.GlobalAveragePooling2D()(wide(x)) for x in (image, layers.MaxPooling2D()(image))]
    model = keras.Model(image, layers.Dense(CLASSES, name="head")(layers.Add()(both)))
    report = grouping_report(model, ch=8)
    assert report.layers[0].operations[0] == (64 + 16) * (2 * 32 * 32 + 32)
    holds(model, ch=8)


def test_a_shared_layer_with_different_layers_after_it_is_kept():
    image = keras.Input((6, 6, 32))
    wide = layers.Conv2D(32, 1, name="wide")
    one = layers.BatchNormalization()(wide(image))
    two = layers.ReLU()(wide(one))
    model = keras.Model(image, classifier(two))
    assert rows(model, ch=8)["wide"].reason == Reason.SHARED
    with pytest.warns(UserWarning, match="1 of 1 pointwise layers are kept: 1 called in several"):
        copy = group_pointwise(model, ch=8)
    x = random(2, 6, 6, 32)
    np.testing.assert_array_equal(copy(x), model(x))
    with pytest.raises(SettingsError, match="called in several places"):
        group_pointwise(model, ch=8, strict=True)


def test_normalisation_that_serves_others_too_is_not_taken():
    image = keras.Input((6, 6, 32))
    norm = layers.BatchNormalization()
    one, two = (layers.Conv2D(32, 1, name=name)(image) for name in ("one", "two"))
    model = keras.Model(image, classifier(layers.Add()([norm(one), norm(two)])))
    assert {row.reason for row in rows(model, ch=8).values()} == {Reason.SHARED_AFTER}


def test_an_activation_layer_without_weights_may_serve_many():
    image = keras.Input((6, 6, 32))
    relu = layers.ReLU(name="relu")
    outputs = relu(layers.Conv2D(32, 1, name="two")(relu(layers.Conv2D(32, 1, name="one")(image))))
    outputs = relu(layers.Conv2D(32, 3, name="three")(outputs))
    model = keras.Model(image, classifier(outputs))
    assert [row.grouped for row in rows(model, ch=8).values()] == [True, True]
    assert isinstance(group_pointwise(model, ch=8).get_layer("relu"), layers.ReLU)
    holds(model, ch=8)


def written_out(x):
    """Hard-swish of raw operations: its input is read twice."""
    return x * (ops.relu6(x + 3.0) * (1.0 / 6.0))


def test_an_activation_written_out_belongs_to_k_and_l_as_a_whole():
    image = keras.Input((6, 6, 32))
    wide = layers.BatchNormalization(name="norm")(layers.Conv2D(32, 1, name="wide")(image))
    model = keras.Model(image, classifier(written_out(wide)))
    copy = group_pointwise(model, ch=8)
    x = random(2, 6, 6, 32)
    names = ("wide_k_bn", "wide_l_bn", "wide_sum")
    outputs = [copy.get_layer(name).output for name in names]
    k, l_of_k, given = keras.Model(copy.input, outputs)(x)
    np.testing.assert_allclose(given, written_out(k) + written_out(l_of_k), atol=1e-5)
    assert sum(type(one).__name__ == "Relu6" for one in copy.operations) == 2
    holds(model, ch=8)


def test_an_activation_of_which_a_part_is_read_elsewhere_is_not_taken():
    image = keras.Input((6, 6, 32))
    wide = layers.Conv2D(32, 1, name="wide")(image)
    gate = ops.relu6(wide + 3.0)
    outputs = layers.Concatenate()([wide * gate, gate])
    model = keras.Model(image, classifier(outputs))
    copy = group_pointwise(model, ch=8)
    assert sum(type(one).__name__ == "Relu6" for one in copy.operations) == 1
    holds(model, ch=8)


def test_a_skip_around_the_activation():
    image = keras.Input((6, 6, 32))
    wide = layers.BatchNormalization()(layers.Conv2D(32, 1, name="wide")(image))
    outputs = layers.Add()([layers.ReLU(name="relu")(wide), wide, image])
    model = keras.Model(image, classifier(outputs))
    assert "relu" in {layer.name for layer in group_pointwise(model, ch=8).layers}
    holds(model, ch=8)


def test_softmax_goes_over_the_sum_of_k_and_l():
    image = keras.Input((6, 6, 32))
    wide = layers.Softmax(name="softmax")(layers.Conv2D(32, 1, name="wide")(image))
    model = keras.Model(image, classifier(layers.Multiply()([image, wide])))
    copy = group_pointwise(model, ch=8)
    outputs = keras.Model(copy.input, copy.get_layer("softmax").output)(random(2, 6, 6, 32))
    np.testing.assert_allclose(np.sum(outputs, axis=-1), 1, rtol=1e-5)
    fused = keras.Model(
        image, classifier(layers.Conv2D(32, 1, activation="softmax", name="wide")(image))
    )
    assert rows(fused, ch=8)["wide"].reason == Reason.ACTIVATION


@keras.saving.register_keras_serializable("tests")
def own_function(x):
    return ops.cumsum(x, axis=-1)


def test_a_function_that_nobody_knows_is_not_taken_apart():
    image = keras.Input((6, 6, 32))
    wide = layers.Activation(own_function)(layers.Conv2D(32, 1, name="wide")(image))
    model = keras.Model(image, classifier(wide))
    assert rows(model, ch=8)["wide"].reason == Reason.ACTIVATION


def nested_model():
    inner_input = keras.Input((6, 6, 32))
    inner = keras.Model(inner_input, body(inner_input, channels=32), name="inner")
    stack = keras.Sequential(
        [keras.Input((6, 6, 32)), layers.Conv2D(32, 1, name="wide"), layers.ReLU()], name="stack"
    )
    image = keras.Input((6, 6, 32))
    outputs = layers.Add()([inner(image), inner(stack(image))])
    return keras.Model(image, classifier(outputs))


def test_models_in_models():
    model = nested_model()
    assert set(rows(model, ch=8)) == {"inner/wide", "stack/wide"}
    copy = group_pointwise(model, ch=8)
    inner, stack = copy.get_layer("inner"), copy.get_layer("stack")
    assert inner.get_layer("wide_k_conv") is not None
    assert stack.get_layer("wide_l_conv") is not None
    holds(model, ch=8)
    kept = rows(model, ch=8, keep="stack/*")
    assert kept["stack/wide"].reason == Reason.KEPT
    assert kept["inner/wide"].grouped


def test_frozen_in_models_in_models():
    model = nested_model()
    model.get_layer("inner").trainable = False
    copy = group_pointwise(model, ch=8)
    assert not copy.get_layer("inner").trainable_variables
    assert copy.get_layer("stack").trainable_variables


def test_a_layer_of_two_models_stays_one():
    wide = layers.Conv2D(32, 1, name="wide")
    inner_input, image = keras.Input((6, 6, 32)), keras.Input((6, 6, 32))
    inner = keras.Model(inner_input, layers.ReLU()(wide(inner_input)), name="inner")
    model = keras.Model(image, classifier(wide(inner(image))))
    assert {row.reason for row in rows(model, ch=8).values()} == {Reason.SHARED}
    with pytest.warns(UserWarning, match="called in several places"):
        copy = group_pointwise(model, ch=8)
    assert copy.get_layer("wide") is copy.get_layer("inner").get_layer("wide")


def test_sequential_models():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 32)),
            layers.Conv2D(32, 1, name="wide"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES),
        ]
    )
    holds(model, ch=8)
    with pytest.raises(SettingsError, match="has no input yet"):
        group_pointwise(keras.Sequential([layers.Dense(3)]), ch=8)


def test_several_inputs_and_outputs_keep_their_structure():
    inputs = {name: keras.Input((6, 6, 32), name=name) for name in ("left", "right")}
    outputs = {
        "classes": classifier(body(inputs["left"])),
        "map": layers.Conv2D(3, 1, name="map_head")(body(inputs["right"], name="right_wide")),
    }
    model = keras.Model(inputs, outputs)
    found = rows(model, ch=8)
    assert found["map_head"].reason == Reason.HEAD
    assert found["wide"].grouped
    copy = group_pointwise(model, ch=8)
    given = copy({"left": random(2, 6, 6, 32), "right": random(2, 6, 6, 32)})
    assert {name: tuple(one.shape) for name, one in given.items()} == {
        "classes": (2, CLASSES),
        "map": (2, 6, 6, 3),
    }


def test_channels_first_is_kept_and_named():
    image = keras.Input((32, 6, 6))
    wide = layers.Conv2D(32, 1, data_format="channels_first", name="wide")(image)
    pooled = layers.GlobalAveragePooling2D(data_format="channels_first")(wide)
    model = keras.Model(image, layers.Dense(CLASSES)(pooled))
    assert rows(model, ch=8)["wide"].reason == Reason.CHANNELS_FIRST


def test_the_precision_of_each_layer():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = simple()
    finally:
        keras.config.set_dtype_policy("float32")
    for lowering in (None, "dense"):
        copy = group_pointwise(model, ch=8, lowering=lowering)
        given = {layer.name: layer.dtype_policy.name for layer in copy.layers[1:]}
        assert {*given.values()} == {"mixed_float16"}, given
        assert copy.get_layer("wide_k_conv").variables[0].dtype == "float32"


def test_a_compiled_model_is_compiled_as_it_was():
    model = simple()
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5), "mse", metrics=["mae"])
    copy = group_pointwise(model, ch=8)
    assert copy.compiled
    assert copy.optimizer is not model.optimizer
    assert copy.optimizer.get_config() == model.optimizer.get_config()
    copy.fit(random(4, 6, 6, 32), random(4, CLASSES), verbose=0)
    model.compile("sgd", lambda wanted, given: ops.mean(wanted - given))
    with pytest.warns(UserWarning, match="the copy is not compiled") as said:
        assert not group_pointwise(model, ch=8).compiled
    assert len(of_users(said)) == 1


@keras.saving.register_keras_serializable("tests")
class Scaled(layers.Layer):
    """A layer of somebody's."""

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale + self.start

    def get_config(self):
        return super().get_config() | {"start": self.start}


class Silent(layers.Layer):
    def __init__(self, function):
        super().__init__(name="silent")
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


class Grown(layers.Layer):
    """Its weights do not follow from its configuration."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.more = False

    def build(self, shape):
        if self.more:
            self.add_weight(shape=(shape[-1],))

    def call(self, inputs):
        return inputs


def test_a_layer_of_somebodys_is_carried_over():
    image = keras.Input((6, 6, 32))
    model = keras.Model(image, classifier(body(Scaled(0.5, name="scaled")(image))))
    model.get_layer("scaled").set_weights([random(32)])
    copy = group_pointwise(model, ch=8)
    np.testing.assert_array_equal(
        copy.get_layer("scaled").get_weights()[0], model.get_layer("scaled").get_weights()[0]
    )
    assert grouping_report(model, ch=8).before.uncounted == ("scaled",)


def grown():
    layer = Grown(name="grown")
    layer.more = True
    return layer


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: layers.Lambda(lambda x: x + 1, name="lam"), "layer 'lam' is a Lambda"),
        (lambda: Silent(ops.relu), "layer 'silent' (Silent) cannot be rebuilt"),
        (grown, "layer 'grown' (Grown) comes out of its get_config with other weights"),
    ],
)
@pytest.mark.parametrize("within", [False, True])
def test_what_cannot_be_copied_is_named(make, said, within):
    image = keras.Input((6, 6, 32))
    layer = make()
    if within:
        inner = keras.Input((6, 6, 32))
        layer = keras.Model(inner, layer(inner), name="inner")
    model = keras.Model(image, classifier(body(layer(image))))
    with pytest.raises(SettingsError, match=re.escape(said)):
        group_pointwise(model, ch=8)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


class OfItsOwn(keras.Model):
    """Functional, but not made of inputs and outputs."""

    def __init__(self, filters):
        image = keras.Input((6, 6, 32))
        super().__init__(image, classifier(body(image, channels=filters)))


def test_models_that_cannot_be_read_are_refused():
    with pytest.raises(SettingsError, match=re.escape("of a class of its own (Subclassed)")):
        group_pointwise(Subclassed(), ch=8)
    with pytest.raises(SettingsError, match=re.escape("of a class of its own (OfItsOwn)")):
        group_pointwise(OfItsOwn(48), ch=8)
    with pytest.raises(SettingsError, match=re.escape("is needed, not 'model.keras'")):
        group_pointwise("model.keras", ch=8)
    image = keras.Input((6, 6, 32))
    model = keras.Model(image, classifier(Subclassed()(body(image))))
    with pytest.raises(SettingsError, match=re.escape("of a class of its own (Subclassed)")):
        group_pointwise(model, ch=8)


def test_what_stands_inside_another_layer_is_named():
    image = keras.Input((4, 6, 32))
    inner = layers.TimeDistributed(layers.Dense(32, name="wide"), name="steps")(image)
    model = keras.Model(image, classifier(inner))
    assert rows(model, ch=8)["steps/wide"].reason == Reason.INSIDE


def test_masked_steps_are_left_alone():
    words = keras.Input((9,), dtype="int32")
    steps = layers.Embedding(50, 32, mask_zero=True)(words)
    outputs = layers.GRU(8)(layers.Dense(32, name="wide")(steps))
    model = keras.Model(words, layers.Dense(CLASSES)(outputs))
    assert rows(model, ch=8)["wide"].reason == Reason.MASKED


def test_a_grouped_layer_is_not_grouped_again():
    image = keras.Input((6, 6, 32))
    wide = layers.Conv2D(32, 1, groups=4, name="wide")(image)
    assert rows(keras.Model(image, classifier(wide)), ch=8)["wide"].reason == Reason.GROUPED


def test_heads():
    image = keras.Input((6, 6, 32))
    wide = body(image)
    first = layers.Softmax()(layers.Conv2D(40, 1, name="first")(wide))
    second = layers.Conv2D(50, 1, name="second")(wide)
    both = layers.Concatenate()([first, second])
    report = grouping_report(keras.Model(image, layers.Dropout(0.5)(both)), ch=8)
    assert report.heads == ("first", "second")
    assert [row.reason for row in report.layers] == [None, Reason.HEAD, Reason.HEAD]
    without_top = keras.Model(image, wide)
    features = grouping_report(without_top, ch=8)
    # With the normalisation after it, of which the weights come last.
    assert (features.heads, features.layers[0].reason) == (("wide_bn",), Reason.HEAD)
    # Named by its whole name it is grouped all the same.
    assert grouping_report(without_top, ch={"wide": 8}).layers[0].grouped


def test_one_warning_at_most():
    image = keras.Input((6, 6, 32))
    wide = [layers.Conv2D(32, 1, groups=2, name=f"w{i}")(image) for i in range(3)]
    model = keras.Model(image, classifier(layers.Add()(wide)))
    with pytest.warns(UserWarning, match="3 of 3 pointwise layers are kept: 3 grouped") as said:
        group_pointwise(model, ch=8)
    assert len(of_users(said)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        group_pointwise(simple(), ch=8)


def test_lowerings_are_layers_of_this_package():
    copy = group_pointwise(simple(), ch=8, lowering="dense")
    assert isinstance(copy.get_layer("wide_k_conv"), GroupedPointwise)
    with pytest.raises(SettingsError, match="lowering: 'quick' is refused"):
        group_pointwise(simple(), ch=8, lowering="quick")


def test_a_layer_that_is_called_again_after_the_unit_is_called_again():
    image = keras.Input((6, 6, 32))
    tanh, add = layers.Activation("tanh", name="tanh"), layers.Add(name="add")
    wide = tanh(layers.Conv2D(32, 1, name="wide")(image))
    other = layers.Conv2D(32, 1, name="other")(image)
    twice = add([add([other, other]), image])
    model = keras.Model(image, classifier(layers.Concatenate()([tanh(wide), wide, twice])))
    assert {"tanh", "add"} <= {layer.name for layer in group_pointwise(model, ch=8).layers}
    holds(model, ch=8)


def test_masks_cross_models_in_models():
    words = keras.Input((5,), dtype="int32")
    inner = keras.Model(words, layers.Embedding(9, 32, mask_zero=True)(words), name="inner")
    outputs = layers.GRU(4)(layers.Dense(32, name="wide")(inner(words)))
    model = keras.Model(words, layers.Dense(3)(outputs))
    assert {row.reason for row in rows(model, ch=8).values()} == {Reason.MASKED}


def test_normalisation_shared_by_models_in_models_stays_one():
    image, inner_image = keras.Input((6, 6, 32)), keras.Input((6, 6, 32))
    norm = layers.BatchNormalization(name="norm")
    one, two = layers.Conv2D(32, 1, name="one"), layers.Conv2D(32, 1, name="two")
    inner = keras.Model(inner_image, norm(one(inner_image)), name="inner")
    model = keras.Model(image, classifier(norm(two(inner(image)))))
    assert {row.reason for row in rows(model, ch=8).values()} == {Reason.SHARED}


@pytest.mark.parametrize(
    "after",
    [
        lambda x: x * np.arange(32).astype("float32"),
        lambda x: ops.maximum(x, ops.ones((32,))),
    ],
)
def test_a_constant_for_each_channel_is_no_activation(after):
    image = keras.Input((6, 6, 32))
    model = keras.Model(image, classifier(after(layers.Conv2D(32, 1, name="wide")(image))))
    assert rows(model, ch=8)["wide"].grouped
    holds(model, ch=8)


def test_names_that_are_there_already():
    image = keras.Input((6, 6, 32))
    wide = layers.Conv2D(32, 1, name="wide")(image)
    taken = layers.Conv2D(32, 3, name="wide_k_conv")(wide)
    summed = layers.Add(name="wide_sum")([taken, taken])
    model = keras.Model(image, classifier(summed))
    names = {layer.name for layer in group_pointwise(model, ch=8).layers}
    assert {"wide_k_conv", "wide_sum", "wide_grouped_k_conv", "wide_grouped_sum"} <= names
    holds(model, ch=8)


def test_a_dense_layer_on_many_axes():
    image = keras.Input((2, 3, 4, 5, 32))
    pooled = ops.mean(layers.Dense(40, name="wide")(image), axis=(1, 2, 3, 4))
    model = keras.Model(image, layers.Dense(CLASSES)(pooled))
    assert rows(model, ch=8)["wide"].grouped
    holds(model, ch=8)


def test_a_dense_layer_on_maps_and_on_vectors_is_kept():
    image, vector = keras.Input((6, 6, 32)), keras.Input((32,))
    wide = layers.Dense(32, name="wide")
    both = layers.Add()([wide(vector), layers.GlobalAveragePooling2D()(wide(image))])
    model = keras.Model([image, vector], layers.Dense(CLASSES)(both))
    assert rows(model, ch=8)["wide"].reason == Reason.SHARED


def test_the_precision_of_the_output():
    image = keras.Input((6, 6, 32), dtype="float64")
    wide = layers.Conv2D(31, 1, strides=2, dtype="float64", name="wide")(image)
    outputs = layers.Conv2D(10, 3, dtype="float64")(wide)
    model = keras.Model(image, outputs)
    copy = group_pointwise(model, ch=8)
    given = {layer.name: layer.compute_dtype for layer in copy.layers[1:]}
    assert {*given.values()} == {"float64"}, given
    assert copy.output.dtype == "float64"
    holds(model, ch=8)


@pytest.mark.parametrize("keep", [None, 3, [3], "nothing*", ["wide", "nothing"]])
def test_what_keep_cannot_be(keep):
    with pytest.raises(SettingsError, match="keep: "):
        grouping_report(simple(), ch=8, keep=keep)


def test_a_name_with_brackets_matches_itself():
    image = keras.Input((6, 6, 32))
    model = keras.Model(image, classifier(layers.Conv2D(32, 1, name="wide[0]")(image)))
    assert rows(model, ch={"wide[0]": 8})["wide[0]"].grouped
    assert grouping_report(model, ch=np.int64(8)).layers[0].ch == 8


def test_a_sequential_model_becomes_a_functional_one():
    model = keras.Sequential([keras.Input((6, 6, 32)), layers.Conv2D(32, 1), layers.Flatten()])
    with pytest.warns(UserWarning, match="no pointwise layer is grouped"):  # it is the head
        assert not isinstance(group_pointwise(model, ch=8), keras.Sequential)
