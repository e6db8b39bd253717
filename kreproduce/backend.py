"""The library that Keras computes with, asked about before it is imported."""

import importlib.util
import os

from kreproduce.errors import SettingsError, nearest

BACKENDS = ("tensorflow", "jax", "torch")


def check() -> None:
    """Refuse a backend that Keras does not have or that is not installed.

    Raises:
        SettingsError: the environment variable KERAS_BACKEND, by default "tensorflow", names one.
    """
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name not in BACKENDS:
        raise SettingsError(f"KERAS_BACKEND={name} is no backend: {nearest(name, BACKENDS)}")
    if importlib.util.find_spec(name) is None:
        installed = [other for other in BACKENDS if importlib.util.find_spec(other)]
        way_out = f"or set KERAS_BACKEND={installed[0]}" if installed else "or jax, or torch"
        raise SettingsError(f"{name} is not installed: install it with pip, {way_out}")
