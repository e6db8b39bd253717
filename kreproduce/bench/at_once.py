"""Several trainings at once on one device: what they do together in the same time."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from kreproduce.bench.case import Case

SECONDS = 20.0
_PATIENCE = 900.0  # seconds that a process waits for the others to be compiled

# How processes leave room for each other on a GPU.
_SHARING = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}

_barrier: Any = None


def measure(
    case: Case, numbers: Sequence[int], devices: str, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Train so many copies of the case at once, each in a process of its own; a row a number.

    Args:
        case: what each trains.
        numbers: how many, one measurement after the other.
        devices: as of `devices.find`; all copies share them.
        say: is told how it goes.
    """
    rows: list[dict[str, Any]] = []
    for number in numbers:
        done = _together(case, number, devices)
        speeds = [images / seconds for images, seconds in done]
        rows.append(
            {
                "network": case.name,
                "batch": case.experiment.batch_size,
                "at_once": number,
                "images_a_second": sum(speeds),
                "images_a_second_of_each": speeds,
                "times_the_first": sum(speeds) / rows[0]["images_a_second"] if rows else 1.0,
            }
        )
        say(f"{number} at once: {sum(speeds):.0f} images/s")
    return rows


def shown(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows as a person reads them."""
    return [
        {
            "network": row["network"],
            "batch": str(row["batch"]),
            "at once": str(row["at_once"]),
            "images/s, all": f"{row['images_a_second']:.1f}",
            "each": ", ".join(f"{speed:.1f}" for speed in row["images_a_second_of_each"]),
            "all/first": f"{row['times_the_first']:.2f}",
        }
        for row in rows
    ]


def leave_room() -> None:
    """Have this process and those it starts take no more of a GPU than they need.

    Call it before a backend is imported.
    """
    os.environ.update(_SHARING)


def _together(case: Case, number: int, devices: str) -> list[tuple[int, float]]:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(number)
    with ProcessPoolExecutor(number, context, _share, (barrier,)) as pool:
        runs = [pool.submit(_train, case, devices) for _ in range(number)]
        return [run.result() for run in runs]


def _share(barrier: Any) -> None:
    global _barrier  # a barrier reaches a process only as it is started
    _barrier = barrier


def _train(case: Case, devices: str) -> tuple[int, float]:
    """Images trained, and the seconds that it took, begun when all are ready."""
    try:
        from kreproduce.bench.steps import Training
        from kreproduce.training.devices import find

        training = Training(case, find(devices))
    except BaseException:
        _barrier.abort()  # or the others would wait
        raise
    _barrier.wait(_PATIENCE)
    images, seconds, started = 0, 0.0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        seconds += training() * training.steps
        images += training.steps * case.experiment.batch_size
    return images, seconds
