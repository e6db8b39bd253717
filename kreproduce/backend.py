"""The library that Keras computes with, asked about before it is imported."""

import importlib.util
import os
import platform

from kreproduce.errors import SettingsError, nearest

BACKENDS = ("tensorflow", "jax", "torch")


def name() -> str:
    """The one that Keras will compute with."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def check() -> None:
    """Refuse a backend that Keras does not have or that is not installed.

    Raises:
        SettingsError: the environment variable KERAS_BACKEND, by default "tensorflow", names one.
    """
    chosen = name()
    if chosen not in BACKENDS:
        raise SettingsError(f"KERAS_BACKEND={chosen} is no backend: {nearest(chosen, BACKENDS)}")
    if importlib.util.find_spec(chosen) is None:
        installed = [other for other in BACKENDS if importlib.util.find_spec(other)]
        way_out = f"or set KERAS_BACKEND={installed[0]}" if installed else "or jax, or torch"
        raise SettingsError(f"{chosen} is not installed: install it with pip, {way_out}")


def tune() -> None:
    """Tell libraries what they ask for when they are imported; call it before.

    What a user has set is left, and a record has what can change a result.

    TensorFlow is to compute with oneDNN on every x86 processor. By itself it does so on those with
    AVX-512 alone. With AVX2 a training step of V2 32ch takes a third of the time.

    HDF5 is to lock no file of weights: a run's own lock keeps others out, and HDF5 fails on file
    systems that have no locks.
    """
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
