"""A trained network as TensorFlow's SavedModel."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kreproduce.export.about import MEMBER, About

OUTPUT = "probabilities"


def write(model: keras.Model, about: About, path: Path, batch: int | None = None) -> None:
    """Write a model of `served` into a folder.

    Its signature "serve" takes float images (batch, h, w, 3) of 0 to 255 as "image" and gives
    "probabilities" (batch, classes); "labels" gives the class names. `kreproduce.json` lies in its
    folder assets.extra.

    Args:
        model: of `served`.
        about: what to say of it.
        path: of the folder, which is made.
        batch: how many images it takes at once; None is any number.
    """
    # Not by Keras' ExportArchive, which writes every variable twice.
    signature = tf.TensorSpec((batch, *about.image_shape), tf.float32, name="image")
    labels = tf.constant(list(about.label_names))
    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    module.serve = tf.function(_probabilities(model), input_signature=[signature])
    module.labels = tf.function(lambda: {"labels": labels}, input_signature=[])
    signatures = {"serve": module.serve, "labels": module.labels}
    tf.saved_model.save(module, path, signatures)
    beside = path / "assets.extra"
    beside.mkdir()
    (beside / MEMBER).write_bytes(about.encoded())


def run(path: Path, images: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the class probabilities of images (n, h, w, 3), by TensorFlow."""
    serve = tf.saved_model.load(path).signatures["serve"]
    parts = [images[first : first + 64] for first in range(0, len(images), 64)]
    found = [serve(image=tf.cast(part, tf.float32))[OUTPUT].numpy() for part in parts]
    return np.concatenate(found)


def _probabilities(model: keras.Model) -> Any:
    return lambda image: {OUTPUT: model(image, training=False)}
