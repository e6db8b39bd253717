"""A trained network as an ONNX file."""

import json
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kreproduce.export.about import MEMBER, About

OPSET = 17  # what ONNX Runtime reads since 1.12, of 2022


def write(model: keras.Model, about: About, path: Path) -> None:
    """Write a model of `served` into a file.

    It takes float images (batch, h, w, 3) of 0 to 255 as "image" and gives "probabilities" (batch,
    classes). Its metadata have "labels", a JSON list, and `kreproduce.json`.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *about.image_shape), tf.float32, name="image")]
    serve = tf.function(
        lambda image: tf.identity(model(image, training=False), name="probabilities"),
        input_signature=signature,
    )
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    proto, _ = tf2onnx.convert.from_function(serve, signature, opset=OPSET)
    _rename_output(proto, "probabilities")
    labels = json.dumps(about.label_names, ensure_ascii=False)
    for key, value in (("labels", labels), (MEMBER, about.encoded().decode())):
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


def run(path: Path, images: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the class probabilities of images (n, h, w, 3), by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parts = [images[first : first + 64] for first in range(0, len(images), 64)]
    return np.concatenate([session.run(None, {"image": part.astype("f4")})[0] for part in parts])


def _rename_output(proto: Any, name: str) -> None:
    output = proto.graph.output[0]
    for node in proto.graph.node:
        for place, made in enumerate(node.output):
            if made == output.name:
                node.output[place] = name
    output.name = name
