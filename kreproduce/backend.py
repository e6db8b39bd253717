"""The library that Keras computes with, asked about before it is imported."""

import importlib.util
import os

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
