"""Whether a machine has anything else to do."""

import time
from pathlib import Path

_SECONDS = 1.0
_BUSY = 0.1  # a share of the cores


def used() -> float | None:
    """The share of all cores that was in use for a second; None where nobody counts it."""
    before = _ticks()
    time.sleep(_SECONDS)
    after = _ticks()
    if before is None or after is None:
        return None
    (idle, total), (idle_then, total_then) = after, before
    return round(1 - (idle - idle_then) / max(total - total_then, 1), 3)


def is_busy(share: float | None) -> bool:
    """Whether so much of the cores in use spoils a measurement."""
    return share is not None and share > _BUSY


def _ticks() -> tuple[int, int] | None:
    """Of all cores since the start of the machine: idle ones, and all of them."""
    try:
        numbers = [int(text) for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    except OSError:
        return None
    return numbers[3] + numbers[4], sum(numbers[:8])  # what guests use is in the user's
