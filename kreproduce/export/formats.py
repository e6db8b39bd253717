"""What a trained network is exported to, and what each format needs."""

import importlib.util
from dataclasses import dataclass
from typing import Literal

from kreproduce.errors import SettingsError
from kreproduce.system import backend
from kreproduce.text import alternatives, nearest

Quantized = Literal["float16", "int8"]


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: as --format takes it.
        suffix: of its files; "" of what is a folder.
        runtime: what runs it.
        extra: of this package, which installs what it needs; None where nothing more is.
        packages: that must be there, by the names they are imported by.
        quantized: the types that its weights can have instead of float32.
        limits: what to know about it, in a sentence.
    """

    name: str
    suffix: str
    runtime: str
    extra: str | None
    packages: tuple[str, ...]
    quantized: tuple[Quantized, ...]
    limits: str


FORMATS = {
    known.name: known
    for known in (
        Format(
            "keras",
            ".keras",
            "Keras",
            None,
            ("keras",),
            (),
            "opened by Keras 3 without kreproduce, on any backend; the one that can be trained on",
        ),
        Format(
            "savedmodel",
            "",
            "TensorFlow",
            None,
            ("tensorflow",),
            (),
            "a folder; its signature 'labels' gives the class names",
        ),
        Format(
            "onnx",
            ".onnx",
            "ONNX Runtime",
            "onnx",
            ("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
            (),
            "any number of images at once; the class names are in its metadata",
        ),
        Format(
            "litert",
            ".tflite",
            "LiteRT",
            "litert",
            ("tensorflow", "ai_edge_litert"),
            ("float16", "int8"),
            "one image at a time; the class names are in labels.txt, for unzip opens the file, too",
        ),
    )
}
SETTINGS = "--format"


def chosen(name: str | None, quantize: str | None) -> Format:
    """Return the format of a name, when it can be written here.

    Raises:
        SettingsError: it is unknown, cannot be quantised so, or lacks a package or the backend.
    """
    if name is None:
        raise SettingsError(
            f"say which format, as in {SETTINGS} onnx: {alternatives(FORMATS)}; --list tells more"
        )
    if name not in FORMATS:
        raise SettingsError(f"{SETTINGS} {name!r} is unknown; {nearest(name, FORMATS)}")
    found = FORMATS[name]
    if quantize is not None and quantize not in found.quantized:
        able = [one for one in FORMATS.values() if quantize in one.quantized]
        if not able:
            types = sorted({kind for one in FORMATS.values() for kind in one.quantized})
            raise SettingsError(f"--quantize {quantize!r} is unknown; {nearest(quantize, types)}")
        raise SettingsError(
            f"{name} is not quantised to {quantize} here; leave --quantize out, or say "
            f"{SETTINGS} {able[0].name}"
        )
    missing = absent(found)
    if missing and found.extra:
        raise SettingsError(
            f"{name} needs {' and '.join(missing)}, not installed here: "
            f"pip install 'kreproduce[{found.extra}]'"
        )
    backend.check()
    if name != "keras" and backend.name() != "tensorflow":
        raise SettingsError(
            f"{name} is written by TensorFlow, and KERAS_BACKEND is {backend.name()}: set "
            "KERAS_BACKEND=tensorflow"
        )
    return found


def absent(wanted: Format) -> list[str]:
    """Return the packages of a format that are not installed here."""
    return [name for name in wanted.packages if importlib.util.find_spec(name) is None]
