"""Another network than the paper's as a run trains it: one of Keras' own, or out of a file."""

import hashlib
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment, is_named, read_model
from kreproduce.network.any_model import cost as counting
from kreproduce.network.any_model import sources
from kreproduce.network.any_model.group import carry_out, hand_over, layers_of
from kreproduce.network.any_model.plan import plan
from kreproduce.network.any_model.units import find
from kreproduce.network.lowering import Lowering
from kreproduce.text import printable
from kreproduce.training.record import Cost

# Each draws once a step, so that a run can go on where it was.
_RANDOM = (
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "StochasticDepth",
)


class OtherModel:
    """A model, grouped or as it is, with what stands before and behind it in a run.

    A model of `keras.applications` is shown images in the range that its `preprocess_input` makes,
    a model out of a file images of 0 to 255, and has to scale them itself.

    Args:
        experiment: says which model, and how it is grouped.
        lowering: how grouped layers are computed; changes nothing but the speed.

    Attributes:
        network: from images (batch, size, size, 3) in [0, 1] to class probabilities; the layer
            "classifier_logits" has the logits, in float32.
        cost: of the model in it.

    Raises:
        DataError: the file cannot be opened.
        SettingsError: the model cannot be trained here.
    """

    def __init__(self, experiment: Experiment, lowering: Lowering) -> None:
        self._experiment = experiment
        model, self._scale = _found(experiment)
        _check_random(model)
        self._plan = None
        if experiment.ch is not None:
            self._plan = plan(
                model,
                ch=experiment.ch,
                layer_l=experiment.layer_l,
                variant=experiment.variant,  # type: ignore[arg-type]
                interleaving=experiment.interleaving,
            )
            if not self._plan.report.grouped:
                raise SettingsError(
                    f"no layer of {printable(experiment.model)} is grouped with this ch; leave it "
                    "out to train the model as it is, or see `kreproduce network`"
                )
            self._copy = carry_out(self._plan, lowering)
            model = self._copy[0]
        self.cost = _cost(model, experiment.classes)
        self.network = self._shown(model)

    def stock(self) -> keras.Model:
        """Return the network, with the weights that it has, in layers of Keras alone."""
        if self._plan is None:
            return self.network
        other = carry_out(self._plan)
        hand_over(self._copy, other)
        return self._shown(other[0])

    def _shown(self, model: keras.Model) -> keras.Model:
        size = self._experiment.input_size
        image = keras.Input((size, size, 3), dtype="float32", name="image")
        pixels = layers.Rescaling(255.0, dtype="float32", name="pixels")(image)
        logits = model(self._scale(pixels))
        logits = layers.Activation("linear", dtype="float32", name="classifier_logits")(logits)
        classes = layers.Activation("softmax", dtype="float32", name="classifier")(logits)
        return keras.Model(image, classes, name="network")


def _found(experiment: Experiment) -> tuple[keras.Model, Callable[[Any], Any]]:
    """Return the model that gives logits, and what scales its images of 0 to 255."""
    name, size = str(experiment.model), experiment.input_size
    if is_named(name):
        return sources.logits(name, experiment.classes, size)
    content = read_model(name)
    if hashlib.sha256(content).hexdigest() != experiment.model_hash:
        raise SettingsError(
            f"{printable(name)} is not the file that the settings were made for; it has changed"
        )
    model = sources.opened(content, name)
    _check_shapes(model, name, experiment)
    return _without_softmax(model, name), lambda images: images


def _check_shapes(model: keras.Model, name: str, experiment: Experiment) -> None:
    size, classes = experiment.input_size, experiment.classes
    entered, left = [[tuple(one.shape) for one in ones] for ones in (model.inputs, model.outputs)]
    if len(entered) != 1 or len(entered[0]) != 4 or entered[0][3] != 3:
        raise SettingsError(f"{printable(name)} takes no batch of images of three channels alone")
    _, height, width, _ = entered[0]
    if {height, width} - {None, size}:
        raise SettingsError(
            f"{printable(name)} takes images of {height}x{width} pixels, not of {size}x{size}; "
            f"set input_size, as in --set input_size={height}"
        )
    if left != [(None, classes)]:
        raise SettingsError(
            f"{printable(name)} gives {', '.join(map(str, left))}, not (None, {classes}): the "
            f"images have {classes} classes"
        )


def _without_softmax(model: keras.Model, name: str) -> keras.Model:
    """Return a model, just read, with its softmax taken off, for a loss wants the logits."""
    last: Any = None
    inner: Any = model
    while isinstance(inner, keras.Model):
        config = inner.get_config()
        if isinstance(inner, keras.Sequential):
            last = inner.layers[-1]
        elif "output_layers" in config:
            outputs = config["output_layers"]
            last = inner.get_layer(outputs[0] if isinstance(outputs[0], str) else outputs[0][0])
        else:
            raise SettingsError(
                f"{printable(name)} is of a class of its own, of which nobody knows what it gives; "
                "save a functional or a sequential model"
            )
        inner = last
    if isinstance(last, layers.Softmax):
        raise SettingsError(
            f"{printable(name)} ends in a layer Softmax; save it without, or with the softmax as "
            "activation of the layer before"
        )
    activation = getattr(last, "activation", keras.activations.linear)
    if activation not in (keras.activations.linear, keras.activations.softmax):
        raise SettingsError(
            f"{printable(name)} ends in {getattr(activation, '__name__', activation)}; a run wants "
            "the logits of the classes, or their softmax"
        )
    if activation is keras.activations.softmax:
        last.activation = keras.activations.linear
    return model


def _check_random(model: keras.Model) -> None:
    for path, layer in layers_of(model).items():
        drawn = [one for one in vars(layer).values() if isinstance(one, keras.random.SeedGenerator)]
        if drawn and type(layer).__name__ not in _RANDOM:
            raise SettingsError(
                f"layer {printable(path)} ({type(layer).__name__}) draws random numbers that a run "
                "cannot take up again; leave it out, for a run augments its images itself"
            )


def _cost(model: keras.Model, classes: int) -> Cost:
    """Return what a model costs with a softmax at its end, which the paper counts."""
    _, graphs = find(model)
    cost = counting.model_cost(graphs[id(model)], graphs)
    if cost.uncounted:
        raise SettingsError(
            f"nobody can count the computations of layer {printable(cost.uncounted[0])}, and a "
            "record has them"
        )
    softmax = counting.function_operations(keras.activations.softmax, classes) or 0
    computations = (cost.operations + softmax) // 2
    return Cost(cost.parameters, computations, computations)
