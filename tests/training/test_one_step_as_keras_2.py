"""A training step is that of the authors' Keras: the same network there, weights, batch and v.

The small network has every kind of layer of the large ones, and is built, compiled and shown its
images as those are; theirs is written in Keras 2 as the authors wrote it. Without dropout, whose
masks differ. From equal v, not zero: RMSprop's first steps are ±3.2 lr whatever the gradient's
size.
"""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from helpers.numpy_network import drawn_weights, give
from tf_keras import layers as their_layers

from kreproduce.experiment.settings import resolve
from kreproduce.network import description
from kreproduce.network import operations as op
from kreproduce.network.architecture import Stage
from kreproduce.training import model as model_module
from kreproduce.training.devices import Devices

CPU = Devices(gpu=False, names=("CPU",))
# Stages with and without expansion, stride and skip.
STAGES = (Stage(3, 1, 16, 1, 1), Stage(5, 2, 24, 6, 2))
VARIANTS = {
    "baseline": {"variant": "baseline"},
    "v2": {"variant": "v2", "ch": 9},  # replicated channels, both paths, K and L
}
BATCH, CLASSES, SIZE = 6, 5, 32


class Theirs:
    """A described network in Keras 2.

    Attributes:
        model: from images in [0, 1] to class probabilities.
        layers: by node, those with its weights.
    """

    def __init__(self, network):
        tensors = {op.INPUT: their_layers.Input(network.input_shape)}
        self.layers, self.operations = {}, {node.name: node.operation for node in network.nodes}
        for node in network.nodes:
            inputs = [tensors[name] for name in node.inputs]
            tensors[node.name] = self._output(node, inputs)
        self.model = tf_keras.Model(tensors[op.INPUT], tensors[network.nodes[-1].name])

    def _output(self, node, inputs):
        x, name = inputs[0], node.name
        match node.operation:
            case op.Pad(before=before, after=after):
                layer = their_layers.ZeroPadding2D(((before, after), (before, after)))
            case op.Convolution(kernel=kernel, stride=stride, filters=filters):
                layer = their_layers.Conv2D(filters, kernel, stride, use_bias=False)
            case op.DepthwiseConvolution(kernel=kernel, stride=stride):
                padding = "same" if stride == 1 else "valid"
                layer = their_layers.DepthwiseConv2D(kernel, stride, padding, use_bias=False)
            case op.Pointwise(filters=filters, bias=bias):
                layer = their_layers.Conv2D(filters, 1, padding="same", use_bias=bias)
            case op.GroupedPointwise(grouping=grouping, bias=bias):
                return self._grouped(name, x, grouping, bias)
            case op.Interleave(step=step):
                return _interleaved(x, step)
            case op.BatchNormalization():
                layer = their_layers.BatchNormalization(axis=3)
            case op.Activation(function=function):
                layer = their_layers.Activation(function)
            case op.GlobalAverage(flat=flat):
                x = their_layers.GlobalAveragePooling2D()(x)
                return x if flat else their_layers.Reshape((1, 1, x.shape[-1]))(x)
            case op.Scale():
                return their_layers.multiply(inputs)
            case op.Add():
                return their_layers.add(inputs)
            case op.Dropout():
                return x
            case op.Dense(units=units):
                self.layers[name] = [their_layers.Dense(units, activation="softmax")]
                return self.layers[name][0](x)
            case op.Softmax():  # the dense layer's
                return x
        self.layers[name] = [layer]
        return layer(x)

    def _grouped(self, name, x, grouping, bias):
        """A convolution a path, each on the channels that its groups read."""
        x, width = _interleaved(x, grouping.interleave), grouping.group_channels
        more = grouping.groups * width - x.shape[-1]
        if more:
            x = their_layers.Concatenate()([x, x[..., :more]])
        parts = [(x, grouping.groups * grouping.filters_per_group, grouping.groups)]
        if grouping.remainder:
            part = x[..., : grouping.remainder * width]
            parts.append((part, grouping.remainder, grouping.remainder))
        paths = [
            their_layers.Conv2D(filters, 1, padding="same", groups=groups, use_bias=bias)
            for _, filters, groups in parts
        ]
        self.layers[name] = paths
        outputs = [path(part) for path, (part, _, _) in zip(paths, parts, strict=True)]
        return their_layers.Concatenate()(outputs) if len(outputs) > 1 else outputs[0]

    def give(self, weights):
        """Set the weights, given by node as ours have them."""
        for name, own in weights.items():
            for layer, values in zip(self.layers[name], self._theirs(name, own), strict=True):
                layer.set_weights(values)

    def _theirs(self, name, own):
        operation = self.operations[name]
        if not isinstance(operation, op.GroupedPointwise):
            return [own]
        kernel, *others = own
        groups, width, filters = kernel.shape
        kernels = [kernel.transpose(1, 0, 2).reshape(1, 1, width, groups * filters)]
        if operation.grouping.remainder:
            kernels.append(others.pop(0).T[None, None])
        biases = [[], []]
        if operation.bias:
            biases = [[b] for b in np.split(others[0], [groups * filters])]
        return [[k, *b] for k, b in zip(kernels, biases, strict=False)]

    def ours(self, name, values):
        """What is given by their weights of a node, as ours have it."""
        operation = self.operations[name]
        values = [np.asarray(value) for value in values]
        if not isinstance(operation, op.GroupedPointwise):
            return values
        grouping, step = operation.grouping, 2 if operation.bias else 1
        kernel = values[0].reshape(grouping.group_channels, grouping.groups, -1)
        found = [kernel.transpose(1, 0, 2)]
        found += [kernel[0, 0].T for kernel in values[step::step]]
        return found + ([np.concatenate(values[1::step])] if operation.bias else [])

    def by_node(self, value_of):
        """`value_of` each weight, by node, as ours have them."""
        return {
            name: self.ours(name, [value_of(w) for layer in layers for w in layer.weights])
            for name, layers in self.layers.items()
        }


def _interleaved(x, step):
    if step == 1:
        return x
    return their_layers.Concatenate()([x[..., first::step] for first in range(step)])


class Pair:
    """The same network here and there, with equal weights, compiled to train, and images."""

    def __init__(self, settings, monkeypatch):
        monkeypatch.setattr(description, "STAGES", STAGES)
        monkeypatch.setattr(description, "TOP_FILTERS", 40)
        small = {"classes": CLASSES, "input_size": SIZE, "batch_size": BATCH, **settings}
        experiment = resolve({"dataset": "colours"}, small)
        network = description.describe(experiment.architecture)
        compiled = model_module.compile_model(experiment, (SIZE, SIZE, 3), CPU)
        self.ours, self.network = compiled.model, compiled.network
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (2 * BATCH + 4, SIZE, SIZE, 3)).astype("uint8")
        self.labels = rng.integers(0, CLASSES, len(self.images))
        self.weights = drawn_weights(network, self.network, self.images / 255)
        give(self.network, self.weights)
        self.their = Theirs(network)
        self.their.give(self.weights)
        self.theirs = self.their.model
        self.theirs.compile(
            tf_keras.optimizers.legacy.RMSprop(), "categorical_crossentropy", ["accuracy"]
        )

    def shown(self, part):
        """Images and labels as ours take them, and as theirs."""
        images, labels = self.images[part], self.labels[part]
        warps = np.tile(np.eye(2, 3, dtype="float32"), (len(labels), 1, 1))
        ours = {"source": images, "warp": warps}, labels
        return ours, (images.astype("float32") / 255, np.eye(CLASSES, dtype="float32")[labels])

    def same_rate_and_v(self, rate, v):
        ours, theirs = self.ours.optimizer, self.theirs.optimizer
        ours.learning_rate = theirs.learning_rate = rate
        theirs._create_all_weights(self.theirs.trainable_variables)
        for velocity in ours._velocities:
            velocity.assign(np.full(velocity.shape, v))
        for weight in self.theirs.trainable_variables:
            theirs.get_slot(weight, "rms").assign(np.full(weight.shape, v))

    def start(self):
        """Give both the weights that they began with."""
        give(self.network, self.weights)
        self.their.give(self.weights)

    def our_gradients(self, part):
        """The loss in training, and its gradients by "node/weight"."""
        (x, y), _ = self.shown(part)
        with tf.GradientTape() as tape:
            loss = self.ours.compute_loss(x, y, self.ours(x, training=True))
        variables = self.ours.trainable_variables
        found = tape.gradient(loss, [variable.value for variable in variables])
        gradients = {id(v): g.numpy() for v, g in zip(variables, found, strict=True)}
        return float(loss), {
            f"{name}/{weight.name}": gradients[id(weight)]
            for name in self.weights
            for weight in self.network.get_layer(name).weights
            if weight.trainable
        }

    def their_gradients(self, part):
        """In a graph, as they trained: there the loss is of the logits."""
        _, shown = self.shown(part)
        variables = self.theirs.trainable_variables

        @tf.function
        def gradients(x, y):
            with tf.GradientTape() as tape:
                loss = self.theirs.compute_loss(x, y, self.theirs(x, training=True))
            return loss, tape.gradient(loss, variables)

        loss, found = gradients(*map(tf.constant, shown))
        by_weight = {v.ref(): g.numpy() for v, g in zip(variables, found, strict=True)}
        by_node = self.their.by_node(lambda v: by_weight.get(v.ref(), np.zeros(v.shape)))
        return float(loss), {
            f"{name}/{weight.name}": gradient
            for name in self.weights
            for weight, gradient in zip(
                self.network.get_layer(name).weights, by_node[name], strict=True
            )
            if weight.trainable
        }

    def changed(self):
        """By how much each weight is now another, ours and theirs, by "node/weight"."""
        there = self.their.by_node(lambda weight: weight.numpy())
        ours, theirs = {}, {}
        for name, before in self.weights.items():
            weights = self.network.get_layer(name).weights
            for weight, old, now in zip(weights, before, there[name], strict=True):
                ours[f"{name}/{weight.name}"] = weight.numpy() - old
                theirs[f"{name}/{weight.name}"] = now - old
        return ours, theirs


def compare(ours, theirs):
    """Ours and theirs by the same names, but for the rounding of float32 in such a network.

    The shift of a projection has no effect: until the next batch normalisation, which takes it off
    again, nothing but linear layers follow.
    """
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        size = np.abs(expected).max()
        if re.fullmatch("block.*_project_(.*_)?bn/beta", name):
            assert max(size, np.abs(ours[name]).max()) < 1e-5
            continue
        assert size > 1e-4, name
        np.testing.assert_allclose(ours[name], expected, rtol=1e-3, atol=2e-4 * size, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_is_theirs(variant, monkeypatch):
    """Its loss, accuracy and gradients, and what it makes of weights and moving averages."""
    pair = Pair(VARIANTS[variant], monkeypatch)
    loss, ours = pair.our_gradients(slice(BATCH))
    their_loss, theirs = pair.their_gradients(slice(BATCH))
    assert loss == pytest.approx(their_loss, rel=1e-5)
    compare(ours, theirs)

    pair.start()
    x, y = pair.shown(slice(BATCH))
    pair.same_rate_and_v(0.3, 1e-4)  # from where a weight moves by about 30 g
    loss, accuracy = pair.ours.train_on_batch(*x)
    their_loss, their_accuracy = pair.theirs.train_on_batch(*y)
    assert loss == pytest.approx(their_loss, rel=1e-5)
    assert accuracy == pytest.approx(their_accuracy)
    compare(*pair.changed())


@pytest.mark.slow
def test_the_means_of_an_epoch_are_theirs(monkeypatch):
    """Of its loss and accuracy, in training and in validation: each image counts once.

    Also those of the last batch, which is smaller.
    """
    pair = Pair(VARIANTS["baseline"], monkeypatch)
    ours, theirs = pair.shown(slice(None))
    pair.same_rate_and_v(0.0, 1e-4)
    settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    found = pair.ours.fit(*ours, validation_data=ours, **settings).history
    expected = pair.theirs.fit(*theirs, validation_data=theirs, **settings).history
    assert found.keys() == expected.keys()
    for name, (value,) in expected.items():
        assert found[name] == [pytest.approx(value, rel=1e-4)], name
    probabilities = pair.theirs.predict(theirs[0], verbose=0)
    each = -np.log((probabilities * theirs[1]).sum(axis=1))
    assert found["val_loss"] == [pytest.approx(np.mean(each), rel=1e-4)]
    batches = [np.mean(each[i : i + BATCH]) for i in range(0, len(each), BATCH)]
    assert found["val_loss"] != [pytest.approx(np.mean(batches), rel=1e-3)]
