"""How many training steps a run takes between two returns to Python: as many as were measured best.

A run on a GPU under TensorFlow goes by what `kreproduce bench steps-per-execution` measured
last on a like device.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kreproduce.training.devices import Devices

NAME = "steps-per-execution"
"""What the names of its measurements begin with."""
MOST = 64


def measured(results: Path, device: str, devices: int, backend: str) -> int | None:
    """Return the number that was chosen last on such a device; None where none was measured.

    Files that are no such measurement are passed over.

    Args:
        results: the folder below which benches are written.
        device: its name, as a bench writes it.
        devices: how many shared each batch.
        backend: of Keras.
    """
    found: list[tuple[str, int]] = []
    for path in sorted((results / "bench").rglob(f"{NAME}-*.json")):
        try:
            content = json.loads(path.read_bytes())
            conditions = content["conditions"]
            where = (conditions["device"], conditions["devices"], conditions["backend"])
            (chosen,) = (r["steps_per_execution"] for r in content["rows"] if r["chosen"])
            time = conditions["time"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        fits = type(chosen) is int and 1 <= chosen <= MOST and isinstance(time, str)
        if where == (device, devices, backend) and fits:
            found.append((time, chosen))
    return max(found)[1] if found else None


def begun_with(settings: Path, devices: "Devices", backend: str) -> int | None:
    """Return the number that a run's last session had; None of a new run, or of other devices.

    So a bench meanwhile leaves a run that goes on under the conditions that it began under.

    Args:
        settings: what the run wrote down of that session, its settings.json.
        devices: on which it goes on.
        backend: of Keras.
    """
    try:
        conditions = json.loads(settings.read_bytes())["session"]["conditions"]
        where = (conditions["devices"], conditions["backend"])
        number = conditions["steps_per_execution"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    fits = type(number) is int and 1 <= number <= MOST
    return number if where == ([*devices.names], backend) and fits else None


def apply(
    devices: "Devices", backend: str, results: Path, settings: Path | None = None
) -> "Devices":
    """Return the devices with the number of steps to take on them, where a number is used.

    Args:
        devices: which.
        backend: of Keras.
        results: the folder below which benches are written.
        settings: of a run that may go on, see `begun_with`; None of one that starts over.
    """
    if not devices.gpu or backend != "tensorflow":
        return devices
    number = begun_with(settings, devices, backend) if settings else None
    if number is None:
        number = measured(results, devices.names[0], len(devices.names), backend)
    return replace(devices, steps_at_once=number)
