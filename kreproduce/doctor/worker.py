"""`python -m kreproduce.doctor.worker`: what the doctor has done in a process of its own.

    step NETWORK BATCH SIZE PRECISION               devices and threads, then the time of a step
    sharing NETWORK BATCH SIZE PRECISION SECONDS    two trainings at once

Each answer is a line of JSON on standard output.
"""

import os
import sys
import time

from kreproduce import backend, quiet, scheduling
from kreproduce.bench import case
from kreproduce.bench.case import Case
from kreproduce.errors import KreproduceError
from kreproduce.strict import Strict

_SAMPLES, _PATIENCE = 3, 5.0  # measurements of a step, and seconds after which there are no more


class Surroundings(Strict):
    """What a backend sees.

    Attributes:
        backend: Keras'.
        gpu: whether it computes on GPUs.
        devices: their names, or the processor's.
        threads: by pool, as far as it says.
        environment: the variables by which a user told it to compute otherwise.
    """

    backend: str
    gpu: bool
    devices: tuple[str, ...]
    threads: dict[str, int]
    environment: dict[str, str]


class Step(Strict):
    """A training step.

    Attributes:
        network: as bench names it.
        batch: images a step.
        precision: Keras' dtype policy.
        xla: whether it was to be compiled by XLA.
        seconds: of one step.
        first: seconds of the first, with tracing and compilation.
    """

    network: str
    batch: int
    precision: str
    xla: bool
    seconds: float
    first: float


class Sharing(Strict):
    """Two trainings at once on one device.

    Attributes:
        images_a_second: of each.
    """

    images_a_second: tuple[float, ...]


def main(arguments: list[str]) -> None:
    """Do one task, and print what came of it."""
    told = set(os.environ)
    task, name, batch, size, precision, *more = arguments
    measured = case.of(name, batch=int(batch), input_size=int(size), precision=precision)
    backend.tune()
    if task == "sharing":
        _share(measured, float(more[0]))
    else:
        _time_step(measured, told)


def _time_step(measured: Case, told: set[str]) -> None:
    scheduling.as_batch()
    scheduling.keep_memory()
    with quiet.standard_error():
        from kreproduce.bench.steps import Training
        from kreproduce.training import conditions, devices
    seen = devices.find("all")
    _answer(
        Surroundings(
            backend=backend.name(),
            gpu=seen.gpu,
            devices=seen.names,
            threads=devices.threads(),
            environment={
                name: value for name, value in conditions.environment().items() if name in told
            },
        )
    )
    with devices.memory_of(measured.experiment):
        training = Training(measured, devices.find("1"))
        started, samples = time.perf_counter(), [training()]
        while len(samples) < _SAMPLES and time.perf_counter() - started < _PATIENCE:
            samples.append(training())
    _answer(
        Step(
            network=measured.name,
            batch=measured.experiment.batch_size,
            precision=training.model.dtype_policy.name,
            xla=bool(training.model.jit_compile),
            seconds=sorted(samples)[len(samples) // 2],
            first=training.first,
        )
    )


def _share(measured: Case, seconds: float) -> None:
    from kreproduce.bench import at_once

    at_once.leave_room()
    (row,) = at_once.measure(measured, (2,), "1", lambda _: None, seconds)
    _answer(Sharing(images_a_second=tuple(row["images_a_second_of_each"])))


def _answer(found: Strict) -> None:
    sys.stdout.write(f"{found.model_dump_json()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KreproduceError as error:
        raise SystemExit(str(error)) from None
