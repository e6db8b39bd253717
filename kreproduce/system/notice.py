"""What this process cannot promise, said once and in one line."""

import contextlib
import sys

from kreproduce.text import printable

_LONGEST = 1000  # characters
_said: set[str] = set()


def say_once(subject: str, text: str) -> None:
    """Warn on standard error, unless this process has warned of the same subject before."""
    if subject in _said:
        return
    _said.add(subject)
    with contextlib.suppress(OSError):  # nothing fails because a warning cannot be written
        sys.stderr.write(f"kreproduce: warning: {printable(text, _LONGEST)}\n")
