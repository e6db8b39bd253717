"""What bears on a measured time besides what is measured."""

import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kreproduce.system import scheduling
from kreproduce.system.provenance import code_version, now

if TYPE_CHECKING:
    from kreproduce.training.devices import Devices

_SECONDS = 1.0
_BUSY = 0.2  # cores


def conditions_of(devices: "Devices", precision: str) -> dict[str, Any]:
    """Return the conditions of a bench that begins now; see `Results`."""
    import keras

    from kreproduce.training.conditions import versions

    cores = scheduling.cores()
    return {
        "device": devices.names[0] + ("" if devices.gpu else f", {cores} cores"),
        "devices": len(devices.names),
        "backend": keras.backend.backend(),
        "precision": precision,
        "time": now(),
        "cores_in_use_before": cores_in_use(),
        "cores": cores,
        "platform": platform.platform(),
        "deterministic": devices.deterministic,
        "tensor_float_32": devices.tensor_float_32,
        **code_version()._asdict(),
        "versions": versions(),
    }


def cores_in_use() -> float | None:
    """Return how many cores were in use for a second; None where nobody counts it."""
    before = _ticks()
    time.sleep(_SECONDS)
    after = _ticks()
    if before is None or after is None or after[1] <= before[1]:
        return None
    idle = (after[0] - before[0]) / (after[1] - before[1])
    return round((os.cpu_count() or 1) * min(max(1 - idle, 0), 1), 2)


def is_busy(cores: float | None) -> bool:
    """Whether so many cores in use spoil a measurement."""
    return cores is not None and cores > _BUSY


def peak_host_memory() -> int | None:
    """Return the most memory that this process has had, in bytes; None where that is not known."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if found is None else int(found) * 1024


def _ticks() -> tuple[int, int] | None:
    """Of all cores since the start of the machine: idle ones, and all of them."""
    try:
        line = Path("/proc/stat").read_text().partition("\n")[0]
        numbers = [int(text) for text in line.split()[1:9]]  # guests' are in the users'
        return numbers[3] + numbers[4], sum(numbers)
    except (OSError, ValueError, IndexError):
        return None
