"""How many training steps to take between two returns to Python: measured, and chosen from that.

`kreproduce.training.steps_per_execution` has what a run makes of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kreproduce.bench.case import Case
from kreproduce.bench.timing import in_turn, once_each

if TYPE_CHECKING:
    from kreproduce.training.devices import Devices

# Of equally fast numbers the smallest: a signal and a checkpoint wait for the steps to end.
_AS_FAST = 1.02


def measure(
    case: Case,
    numbers: Sequence[int],
    devices: "Devices",
    repeats: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Train with each number of steps between two returns to Python, in turn; one row per number.

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
    once_each(measures)
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
    """Choose the fewest steps that are within 2% of the fastest, by the seconds of a step.

    >>> choose({1: 0.0100, 4: 0.0071, 8: 0.0070, 16: 0.0070})
    4
    """
    limit = min(seconds.values()) * _AS_FAST
    return min(number for number, taken in seconds.items() if taken <= limit)


def cells(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them."""
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
