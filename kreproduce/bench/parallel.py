"""Several trainings in parallel on one device: what they do together in the same time."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from threading import BrokenBarrierError
from typing import Any

from kreproduce.bench.case import Case
from kreproduce.errors import OutOfMemoryError
from kreproduce.system import backend, scheduling
from kreproduce.system.interpreter import GuardedChildren

SECONDS = 20.0
_PATIENCE = 900.0  # seconds that a process waits for the others to be compiled

# How processes leave room for each other on a GPU.
_SHARING = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}

_barrier: Any = None


def measure(
    case: Case,
    runs: Sequence[int],
    devices: str,
    say: Callable[[str], None],
    seconds: float = SECONDS,
) -> list[dict[str, Any]]:
    """Train so many copies of the case in parallel, each in its own process; one row per number.

    It ends before the first number whose copies do not fit into the memory together.

    Args:
        case: what each trains.
        runs: how many, one measurement after the other.
        devices: same as for `devices.find`; all copies share them.
        say: is told how it goes.
        seconds: that each number is measured for.

    Raises:
        OutOfMemoryError: not even the first number's do.
    """
    rows: list[dict[str, Any]] = []
    for number in runs:
        try:
            speeds = _together(case, number, devices, seconds)
        except OutOfMemoryError as error:
            if not rows:
                raise
            say(f"{number} in parallel: {error}")
            break
        rows.append(
            {
                "network": case.name,
                "batch": case.experiment.batch_size,
                "input_size": case.experiment.input_size,
                "runs": number,
                "images_a_second": sum(speeds),
                "images_a_second_of_each": speeds,
                "times_the_first": sum(speeds) / rows[0]["images_a_second"] if rows else 1.0,
            }
        )
        say(f"{number} in parallel: {sum(speeds):.0f} images/s")
    return rows


def cells(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them."""
    return [
        {
            "network": row["network"],
            "batch": str(row["batch"]),
            "input": str(row["input_size"]),
            "runs": str(row["runs"]),
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


def _together(case: Case, number: int, devices: str, seconds: float) -> list[float]:
    """Images a second of each."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(number)
    with GuardedChildren(), ProcessPoolExecutor(number, context, _share, (barrier,)) as pool:
        runs = [pool.submit(_train, case, devices, seconds) for _ in range(number)]
        errors = [run.exception() for run in runs]
    failed = [error for error in errors if error is not None]
    # Of those that only waited for one that failed, none says why.
    for error in sorted(failed, key=lambda error: isinstance(error, BrokenBarrierError)):
        if isinstance(error, BrokenProcessPool):
            raise OutOfMemoryError("a process was killed, as where memory is short") from error
        raise error
    return [run.result() for run in runs]


def _share(barrier: Any) -> None:
    global _barrier  # a barrier reaches a process only as it is started
    _barrier = barrier


def _train(case: Case, devices: str, limit: float) -> float:
    """Images a second of one, from when all are ready, for about `limit` seconds."""
    backend.tune()  # a process inherits the variables, and no libraries that were loaded
    scheduling.use_batch_policy()
    scheduling.keep_memory()
    try:
        from kreproduce.bench.steps import Training
        from kreproduce.training.devices import find
        from kreproduce.training.out_of_memory import memory_of

        found = find(devices)
        with memory_of(case.experiment):
            training = Training(case, found)
    except BaseException:
        _barrier.abort()  # or the others would wait
        raise
    _barrier.wait(_PATIENCE)
    samples, seconds, started = 0, 0.0, time.perf_counter()
    # What ends later was not measured beside the others, but for the first.
    while samples == 0 or time.perf_counter() - started < limit:
        training()
        now = time.perf_counter() - started
        if samples == 0 or now < limit:
            samples, seconds = samples + 1, now
    return samples * training.steps * case.experiment.batch_size / seconds
