"""A trained network as a LiteRT (TFLite) file."""

import contextlib
import io
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kreproduce.export import savedmodel
from kreproduce.export.about import MEMBER, About
from kreproduce.export.formats import Quantized
from kreproduce.system import quiet, scheduling

CALIBRATION = 200
"""Training images by which the range of each value is found for int8."""


def write(
    model: keras.Model,
    about: About,
    path: Path,
    quantize: Quantized | None,
    calibration: NDArray[np.uint8],
) -> None:
    """Write a model of `served` into a file.

    Its signature takes one float image (1, h, w, 3) of 0 to 255 as "image" and gives
    "probabilities" (1, classes), whatever the weights are. labels.txt and `kreproduce.json` are
    appended as a zip, as TFLite has it for what belongs to a file.

    Args:
        model: of `served`.
        about: what to say of it.
        path: of the file.
        quantize: to what; None leaves float32.
        calibration: real images (n, h, w, 3), for int8.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
        saved = Path(folder) / "saved"
        savedmodel.write(model, about, saved, batch=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=["serve"])
        # Otherwise what is made of a grouped convolution reads a variable that calibration lacks.
        converter.experimental_enable_resource_variables = False
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: (
                {"image": image[None].astype("f4")} for image in calibration
            )
        with _silent(), warnings.catch_warnings():
            # Of TensorFlow's own use of its interpreter, for the ranges of int8.
            warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
            content = converter.convert()
    path.write_bytes(content + _appended(about, len(content)))


def run(path: Path, images: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the class probabilities of images (n, h, w, 3), by LiteRT on the CPU."""
    from ai_edge_litert.interpreter import Interpreter

    with _silent():
        interpreter = Interpreter(str(path), num_threads=scheduling.cores())
        serve = interpreter.get_signature_runner("serve")
        found = [serve(image=image[None].astype("f4"))["probabilities"][0] for image in images]
    return np.array(found)


def _appended(about: About, offset: int) -> bytes:
    """Return a zip that is right after so many bytes of something else."""
    beside = io.BytesIO()
    beside.write(b"\0" * offset)
    with zipfile.ZipFile(beside, "a") as file:
        file.writestr(
            "labels.txt",
            "".join(f"{' '.join(label.splitlines())}\n" for label in about.label_names),
        )
        file.writestr(MEMBER, about.encoded())
    return beside.getvalue()[offset:]


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep from the terminal what the converter and the runtime write there, past Python."""
    with quiet.silence_stderr(), contextlib.redirect_stdout(io.StringIO()):
        yield
