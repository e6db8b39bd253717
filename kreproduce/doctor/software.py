"""Versions, what Keras is told by a file of the user's, and the backend."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version

from kreproduce import __version__
from kreproduce.doctor.check import Check
from kreproduce.errors import SettingsError
from kreproduce.system import backend
from kreproduce.text import printable

_NEEDED = ("keras", "numpy")
_BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
_FLOATS = ("float16", "float32", "float64")
_MENDED = "mend it, or move it away: Keras writes a new one"


def check_versions() -> Check:
    """Report the versions of this package, Python and what a result depends on."""
    wanted = (*_NEEDED, *_BACKENDS.values(), "tensorflow-datasets")
    found: dict[str, str | None] = {"kreproduce": __version__, "Python": platform.python_version()}
    found |= {name: _version(name) for name in wanted}
    said = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    missing = [name for name in _NEEDED if not found[name]]
    if missing:
        return Check(
            "versions",
            "fault",
            f"{said}, and no {' and no '.join(missing)}",
            "install kreproduce with all that it needs in a new virtual environment "
            "(pip install .)",
            found,
        )
    return Check("versions", "ok", said, values=found)


def check_keras_settings() -> Check:
    """Whether Keras can be imported with the user's keras.json, and what that changes."""
    name, path = "keras.json", backend.keras_json()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Check(name, "ok", f"there is none in {path.parent}; Keras' defaults hold")
    except OSError as error:
        found = f"{path} cannot be read ({error.strerror}), and so Keras cannot be imported"
        return Check(name, "fault", found, _MENDED)
    try:
        values = json.loads(content)
    except ValueError:
        return Check(name, "warning", f"{path} is not JSON, and Keras passes over it", _MENDED)
    except RecursionError:
        values = None
    wrong = _wrong(values)
    if wrong:
        found = f"{path} has {printable(wrong)}, with which Keras cannot be imported"
        return Check(name, "fault", found, _MENDED)
    floats = values.get("floatx", "float32")
    if floats != "float32":
        found = f"{path} has floatx {floats}: runs compute otherwise than those of others"
        return Check(name, "warning", found, "give it float32")
    return Check(name, "ok", f"{path}")


def check_backend() -> Check:
    """Whether the library that Keras is to compute with is installed."""
    chosen = backend.name()
    try:
        backend.check()
    except SettingsError as error:
        return Check("backend", "fault", str(error), values={"backend": printable(chosen)})
    by = "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else "keras.json or the default"
    found = f"{chosen}, by {by}"
    return Check("backend", "ok", found, values={"backend": chosen})


def _wrong(values: object) -> str:
    """Return what in a keras.json Keras refuses; empty where nothing."""
    if not isinstance(values, dict):
        return "no object of settings"
    if values.get("floatx", "float32") not in _FLOATS:
        return f"floatx {values['floatx']!r}"
    if not isinstance(values.get("epsilon", 1e-7), float):
        return f"epsilon {values['epsilon']!r}"
    if values.get("image_data_format", "channels_last") not in ("channels_last", "channels_first"):
        return f"image_data_format {values['image_data_format']!r}"
    return ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
