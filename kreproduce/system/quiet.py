"""Silence around the import of TensorFlow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Silence standard error while TensorFlow is imported: its C++ writes half a page there.

    What Python raises still comes through.
    """
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
