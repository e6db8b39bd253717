"""The library that Keras computes with, asked about before it is imported."""

import importlib.util
import json
import os
import platform
from pathlib import Path

from kreproduce.errors import SettingsError
from kreproduce.system import nvidia
from kreproduce.text import nearest, printable

BACKENDS = ("tensorflow", "jax", "torch")


def name() -> str:
    """Return the one that Keras will compute with."""
    return _chosen()[0]


def check() -> None:
    """Refuse a backend that Keras does not have or that is not installed.

    Raises:
        SettingsError: the environment variable KERAS_BACKEND, the user's keras.json or else the
            default, "tensorflow", names one.
    """
    chosen, where = _chosen()
    if chosen not in BACKENDS:
        raise SettingsError(
            f"{where}={printable(chosen)} is no backend: {nearest(chosen, BACKENDS)}"
        )
    if importlib.util.find_spec(chosen) is None:
        installed = [other for other in BACKENDS if importlib.util.find_spec(other)]
        way_out = f"or set KERAS_BACKEND={installed[0]}" if installed else "or jax, or torch"
        by = f" ({where})" if chosen != "tensorflow" else ""  # which Keras writes there by itself
        raise SettingsError(f"{chosen} is not installed{by}: install it with pip, {way_out}")


def _chosen() -> tuple[str, str]:
    """Return the backend, and what names it: a variable, a file, or "" for the default."""
    variable = os.environ.get("KERAS_BACKEND")
    if variable:
        return variable, "KERAS_BACKEND"
    path = keras_json()
    try:
        configured = json.loads(path.read_bytes())["backend"]
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return "tensorflow", ""
    return str(configured), f"backend in {path}"


def keras_json() -> Path:
    """Return the user's settings of Keras, where it looks for them."""
    return _keras_home() / "keras.json"


def _keras_home() -> Path:
    if "KERAS_HOME" in os.environ:
        return Path(os.path.expanduser(os.environ["KERAS_HOME"]))  # noqa: PTH111 (as Keras)
    home = os.path.expanduser("~")  # noqa: PTH111 (raises nothing where there is none)
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".keras"


def tune(*, inference: bool = False) -> None:
    """Tell libraries what they ask for when they are imported; call it before.

    What a user has set is left, and a record has what can change a result.

    TensorFlow is to compute with oneDNN on every x86 processor. By itself it does so on those with
    AVX-512 alone. With AVX2 a training step of V2 32ch takes a third of the time.

    HDF5 is to lock no file of weights: a run's own lock keeps others out, and HDF5 fails on file
    systems that have no locks.

    NVIDIA's libraries are loaded that TensorFlow does not find where pip puts them.

    Args:
        inference: this process classifies, and neither trains nor starts what does: the thread
            that asks oneDNN for a product takes part in it, instead of waking another. One picture
            at a time then takes a sixth to a quarter less on two cores. A training step gains next
            to nothing, and its record would name the variable, so that it matched no earlier one.
    """
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        if inference:
            os.environ.setdefault("TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD", "1")
    if name() == "tensorflow":
        nvidia.load_libraries()
