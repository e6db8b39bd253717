"""A model by its name in `keras.applications`, or out of a file."""

import inspect
import io
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import keras

from kreproduce.errors import DataError, SettingsError
from kreproduce.text import nearest, printable, quoted

PREFIX = "keras:"


def logits(name: str, classes: int, input_size: int) -> tuple[keras.Model, Any]:
    """Return a model of `keras.applications` without the softmax, and what scales its images.

    Args:
        name: "keras:NAME".
        classes: outputs of the classifier.
        input_size: pixels of a side of its input.

    Returns:
        the model, its weights drawn; and a function from images of 0 to 255, symbolic or not, to
        the range that it wants.

    Raises:
        SettingsError: there is no such model, or it takes no such size.
    """
    model = _named(name.removeprefix(PREFIX), classes, input_size, classifier_activation=None)
    maker = getattr(keras.applications, name.removeprefix(PREFIX))
    scale = vars(sys.modules[maker.__module__])["preprocess_input"]
    return model, partial(scale, data_format="channels_last")


def opened(content: bytes, name: str) -> keras.Model:
    """Return the model in the content of a file, opened in safe mode.

    Raises:
        DataError: it cannot be read; the message has `name`.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise DataError(f"{printable(name)} is no .keras file, or a damaged one")
    with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        return _read(path, name)


def find(text: str, classes: int | None = None, input_size: int | None = None) -> keras.Model:
    """Return a model.

    Args:
        text: "keras:NAME", a model of `keras.applications` with weights as it begins with, or the
            path of a file, which is opened in safe mode.
        classes: outputs of the classifier of a named model; None is 10.
        input_size: pixels of a side of its input; None is its own size.

    Raises:
        SettingsError: there is no such model, or it takes no such size.
        DataError: the file cannot be read.
    """
    if text.startswith(PREFIX):
        if min(one for one in (classes, input_size, 1) if one is not None) < 1:
            raise SettingsError("a model has 1 class and 1 pixel at least")
        return _named(text.removeprefix(PREFIX), classes or 10, input_size)
    if classes is not None or input_size is not None:
        raise SettingsError(
            f"{printable(text)} has the classes and the input size that it was saved with; only of "
            f"a model named {PREFIX}NAME can they be chosen"
        )
    return _read(Path(text), text)


def names() -> list[str]:
    """Return the names of the models in `keras.applications`."""
    return sorted(name for name, made in vars(keras.applications).items() if callable(made))


def _named(name: str, classes: int, input_size: int | None, **others: Any) -> keras.Model:
    if name not in names():
        raise SettingsError(f"keras.applications has no {quoted(name)}; {nearest(name, names())}")
    maker = getattr(keras.applications, name)
    settings: dict[str, Any] = {"weights": None, "classes": classes} | others
    if input_size is not None:
        settings["input_shape"] = (input_size, input_size, 3)
    if "classifier_activation" not in inspect.signature(maker).parameters:
        raise SettingsError(f"{name} of keras.applications has no classifier to be counted")
    try:
        return maker(**settings)
    except ValueError as error:
        raise SettingsError(
            f"{PREFIX}{name} cannot be built with an input_size of {input_size} pixels: "
            f"{printable(str(error).splitlines()[0])}"
        ) from error


def _read(path: Path, name: str) -> keras.Model:
    if not path.is_file():  # to open a pipe would wait for ever
        raise DataError(f"{printable(name)} is not a file; give a model that Keras saved")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras, HDF5 and zip raise of a damaged or foreign file
        raise DataError(
            f"{printable(name)} cannot be opened as a Keras model in safe mode: "
            f"{printable((str(error).strip() or type(error).__name__).splitlines()[0])}"
        ) from error
    return model
