"""Pillow's warnings, collected by the thread that decodes and not shown.

`warnings.catch_warnings` would not do: up to Python 3.13 it swaps what the whole process has, and
of two threads that overlap, the one that ends last puts back what the other had set.
"""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import TextIO, cast

_PILLOW = r"PIL\."

_this = threading.local()
_lock = threading.Lock()
_collecting = 0  # threads
_filter: object = None
_shown_before = warnings.showwarning


@contextlib.contextmanager
def collected() -> Iterator[list[str]]:
    """Around the decoding of one file: what Pillow warns of in this thread, in words.

    Warnings of other threads and of other packages are shown as ever. That a file is large is no
    news: `decode` has a limit of its own.
    """
    messages: list[str] = []
    _install()
    _this.messages = messages
    try:
        yield messages
    finally:
        del _this.messages
        _remove()


def _install() -> None:
    global _collecting, _filter, _shown_before
    with _lock:
        _collecting += 1
        if _collecting > 1:
            return
        # Each time, and not once a place in Pillow's code or as an error.
        warnings.filterwarnings("always", module=_PILLOW)
        _filter = warnings.filters[0]
        # Somebody's `catch_warnings` may have put back ours after we had removed it.
        if warnings.showwarning is not _show:
            _shown_before = warnings.showwarning
        warnings.showwarning = _show


def _remove() -> None:
    """Take away what is ours alone, whatever others have set in the meantime."""
    global _collecting
    with _lock:
        _collecting -= 1
        if _collecting:
            return
        if warnings.showwarning is _show:
            warnings.showwarning = _shown_before
        with contextlib.suppress(ValueError):
            cast("list[object]", warnings.filters).remove(_filter)


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    messages: list[str] | None = getattr(_this, "messages", None)
    if messages is None or issubclass(category, DeprecationWarning):
        _shown_before(message, category, filename, lineno, file, line)
        return
    from PIL.Image import DecompressionBombWarning

    if not issubclass(category, DecompressionBombWarning):
        messages.append(str(message))
