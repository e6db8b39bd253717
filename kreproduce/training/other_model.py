"""Another network than the paper's as a run trains it: one of Keras' own, or out of a file."""

import hashlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment, is_named, read_model
from kreproduce.network.any_model import cost as counting
from kreproduce.network.any_model import sources
from kreproduce.network.any_model.graph import as_functional
from kreproduce.network.any_model.group import carry_out, hand_over, layers_of
from kreproduce.network.any_model.plan import Plan, plan
from kreproduce.network.any_model.units import find
from kreproduce.network.lowering import Lowering
from kreproduce.text import printable
from kreproduce.training.record import Cost

_IMAGES = 4  # drawn ones, to look at what a model gives
_CLOSE = 1e-5  # of probabilities that are the same but for rounding


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
        random: the states of all generators of random numbers in it.
        cost: of the model in it.

    Raises:
        DataError: the file cannot be opened.
        SettingsError: the model cannot be trained here.
    """

    def __init__(self, experiment: Experiment, lowering: Lowering) -> None:
        self._experiment = experiment
        model, self._scale = _found(experiment)
        self.cost = _cost(model, experiment.classes)
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
            _check_frozen(self._plan)
            self._copy = carry_out(self._plan, lowering)
            model = self._copy[0]
            self.cost = _cost(model, experiment.classes)
        self.network = self._shown(model)
        if not self.network.trainable_weights:
            raise SettingsError(
                f"{printable(experiment.model)} has no weights to train: all layers are frozen; "
                "set trainable = True"
            )
        weights = {id(weight) for weight in self.network.weights}
        self.random = [one for one in self.network.variables if id(one) not in weights]

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
        model.name = "model"  # whatever it is called, no layer here is called so
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
    model = as_functional(sources.opened(content, name))
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise SettingsError(
            f"{printable(name)} has {len(model.inputs)} inputs and {len(model.outputs)} outputs, "
            "not one of each"
        )
    model = keras.Model(model.inputs[0], model.outputs[0])  # whatever list they may be in
    _check_shapes(model, name, experiment)
    _check_precision(model, name)
    return _without_softmax(model, name), lambda images: images


def _check_shapes(model: keras.Model, name: str, experiment: Experiment) -> None:
    """Refuse what does not map a batch of images in the run's size to a number for each class."""
    size, classes = experiment.input_size, experiment.classes
    shapes = tuple(model.input.shape), tuple(model.output.shape)
    batch, *image = shapes[0]
    if batch is not None:
        raise SettingsError(f"{printable(name)} takes batches of {batch} alone; save it without")
    if len(image) != 3 or image[2] != 3:
        raise SettingsError(
            f"{printable(name)} takes {shapes[0]}, no images of three channels, the channels last"
        )
    if None in image:
        raise SettingsError(
            f"{printable(name)} takes images of any size, and is counted and trained in one; save "
            f"it with an Input of {size}x{size}"
        )
    if image[:2] != [size, size]:
        raise SettingsError(
            f"{printable(name)} takes images of {image[0]}x{image[1]} pixels, not of {size}x{size}"
            f"; set input_size, as in --set input_size={image[0]}"
        )
    if shapes[1] != (None, classes):
        raise SettingsError(
            f"{printable(name)} gives {shapes[1]}, not (None, {classes}): the images have "
            f"{classes} classes"
        )


def _check_frozen(planned: Plan) -> None:
    for replaced in planned.replaced.values():
        if not replaced.unit.layer.trainable:
            raise SettingsError(
                f"layer {printable(replaced.unit.path)} is frozen, and grouped it has new weights "
                "that nothing would train; keep it, by a pattern of ch, or set trainable = True"
            )


def _check_precision(model: keras.Model, name: str) -> None:
    for path, layer in layers_of(model).items():
        if layer.dtype_policy.name != "float32":
            raise SettingsError(
                f"layer {printable(path)} of {printable(name)} computes in "
                f"{layer.dtype_policy.name}; a model out of a file is trained in float32"
            )


def _without_softmax(model: keras.Model, name: str) -> keras.Model:
    """Return a model, just read, with its softmax taken off, for a loss wants the logits.

    Raises:
        SettingsError: it ends in something else, or its softmax cannot be taken off.
    """
    last = _last(model)
    activation = getattr(last, "activation", keras.activations.linear)
    if activation not in (keras.activations.linear, keras.activations.softmax):
        raise SettingsError(
            f"{printable(name)} ends in {getattr(activation, '__name__', activation)}; a run wants "
            "the logits of the classes, or their softmax"
        )
    shape = (_IMAGES, *model.input.shape[1:])
    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    given = ops.convert_to_numpy(model(images, training=False))
    if not (np.all(given >= 0) and np.allclose(given.sum(axis=1), 1, atol=1e-3)):
        return model
    if activation is keras.activations.softmax:
        last.activation = keras.activations.linear
        found = ops.convert_to_numpy(ops.softmax(model(images, training=False)))
        if np.allclose(found, given, rtol=0, atol=_CLOSE):
            return model
    raise SettingsError(
        f"{printable(name)} gives probabilities whose softmax cannot be taken off; save it with "
        "the softmax as the activation of its last layer, or without"
    )


def _last(model: Any) -> Any:
    """Return the layer that gives a model's output; None where it is none."""
    while isinstance(model, keras.Model):
        if isinstance(model, keras.Sequential):
            model = model.layers[-1]
            continue
        outputs = model.get_config().get("output_layers", [None])
        name = outputs[0] if isinstance(outputs[0], str | None) else outputs[0][0]
        model = next((layer for layer in model.layers if layer.name == name), None)
    return model


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
