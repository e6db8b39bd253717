"""How many training steps to take between two returns to Python: measured, and chosen from that.

A run on a GPU under TensorFlow goes by what was measured last on a device like its own.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kreproduce.bench.case import Case
from kreproduce.bench.timing import in_turn

if TYPE_CHECKING:
    from kreproduce.training.devices import Devices

NAME = "steps-per-execution"
MOST = 64
# Of equally fast numbers the smallest: a signal and a checkpoint wait for the steps to end.
_AS_FAST = 1.02


def measure(
    case: Case,
    numbers: Sequence[int],
    devices: "Devices",
    repeats: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Train with each number of steps between two returns to Python, in turn; a row a number.

    Args:
        case: what to train.
        numbers: of steps.
        devices: where.
        repeats: of each measurement.
        say: is told how it goes.

    Raises:
        OutOfMemoryError: a batch does not fit.
        SettingsError: the devices cannot share it evenly.
    """
    from kreproduce.bench.steps import Training
    from kreproduce.training.devices import check_batch
    from kreproduce.training.out_of_memory import memory_of

    batch = case.experiment.batch_size
    check_batch(batch, batch, devices)
    measures = []
    for number in numbers:
        with memory_of(case.experiment):
            measures.append(Training(case, replace(devices, steps_at_once=number)))
        say(f"{number} steps per execution: first step {measures[-1].first:.1f} s")
    timings = in_turn(measures, repeats)
    seconds = {number: timing.median for number, timing in zip(numbers, timings, strict=True)}
    best = choose(seconds)
    return [
        {
            "network": case.name,
            "batch": batch,
            "input_size": case.experiment.input_size,
            "steps_per_execution": number,
            "seconds": timing.median,
            "images_a_second": batch / timing.median,
            "chosen": number == best,
            "every_repeat": list(timing.seconds),
        }
        for number, timing in zip(numbers, timings, strict=True)
    ]


def choose(seconds: dict[int, float]) -> int:
    """The smallest number of steps that is within 2% of the fastest, by the seconds of a step.

    >>> choose({1: 0.0100, 4: 0.0071, 8: 0.0070, 16: 0.0070})
    4
    """
    limit = min(seconds.values()) * _AS_FAST
    return min(number for number, taken in seconds.items() if taken <= limit)


def shown(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows as a person reads them."""
    return [
        {
            "network": row["network"],
            "batch": str(row["batch"]),
            "input": str(row["input_size"]),
            "steps per execution": str(row["steps_per_execution"]),
            "ms a step": f"{1000 * row['seconds']:.4g}",
            "images/s": f"{row['images_a_second']:.1f}",
            "chosen": "yes" if row["chosen"] else "",
        }
        for row in rows
    ]


def measured(results: Path, device: str, devices: int, backend: str) -> int | None:
    """The number that was chosen last on such a device; None where none was measured.

    Files that are no such measurement are passed over.

    Args:
        results: the folder below which benches are written.
        device: its name, as a bench writes it.
        devices: how many shared each batch.
        backend: of Keras.
    """
    found: list[tuple[str, int]] = []
    for path in sorted((results / "bench").glob(f"{NAME}-*.json")):
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
    """The number that a run's last session had; None of a new run, or of other devices.

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
    """The devices with the number of steps to take on them, where a number is used.

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
