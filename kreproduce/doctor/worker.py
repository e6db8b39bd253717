"""`python -m kreproduce.doctor.worker`: what the doctor has done in a process of its own.

    step NETWORK BATCH SIZE PRECISION               devices and threads, then the time of a step
    sharing NETWORK BATCH SIZE PRECISION SECONDS    two trainings at once
    images DATASET PATH                             a dataset of TensorFlow Datasets'

Each answer is a line of JSON on standard output.
"""

import json
import os
import sys
import time
from pathlib import Path

from kreproduce.bench import case
from kreproduce.bench.case import Case
from kreproduce.data.sources import Location
from kreproduce.doctor import datasets
from kreproduce.errors import KreproduceError, SettingsError
from kreproduce.system import backend, gpus, quiet, scheduling
from kreproduce.system.strict import Strict
from kreproduce.training.out_of_memory import memory_of

_SAMPLES, _PATIENCE = 3, 5.0  # measurements of a step, and seconds after which there are no more


class Surroundings(Strict):
    """What a backend sees.

    Attributes:
        backend: Keras'.
        refused: why it is refused, because it sees no GPU where there is one; empty if it is not.
        gpu: whether it computes on GPUs.
        devices: their names, or the processor's.
        threads: by pool, as far as it says.
        environment: the variables by which a user told it to compute otherwise.
    """

    backend: str
    refused: str
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
    task, name, *more = arguments
    told = set(os.environ)
    backend.tune()
    if task == "images":
        check = datasets.check_images(name, Location("tfds", Path(more[0])))
        sys.stdout.write(json.dumps(check.as_json()))
        return
    batch, size, precision, *more = more
    measured = case.of(name, batch=int(batch), input_size=int(size), precision=precision)
    if task == "sharing":
        _share(measured, float(more[0]))
    else:
        _time_step(measured, told)


def _time_step(measured: Case, told: set[str]) -> None:
    scheduling.use_batch_policy()
    scheduling.keep_memory()
    with quiet.silence_stderr():
        from kreproduce.bench.steps import Training
        from kreproduce.training import conditions, devices
    refused = ""
    try:
        seen = devices.find("all")
    except SettingsError as error:
        refused, seen = str(error), devices.find(gpus.CPU)
    _answer(
        Surroundings(
            backend=backend.name(),
            refused=refused,
            gpu=seen.gpu,
            devices=seen.names,
            threads=devices.threads(),
            environment={
                name: value for name, value in conditions.environment().items() if name in told
            },
        )
    )
    if refused:
        return
    with memory_of(measured.experiment):
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
    from kreproduce.bench import parallel

    parallel.leave_room()
    (row,) = parallel.measure(measured, (2,), "1", lambda _: None, seconds)
    _answer(Sharing(images_a_second=tuple(row["images_a_second_of_each"])))


def _answer(found: Strict) -> None:
    sys.stdout.write(f"{found.model_dump_json()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KreproduceError as error:
        raise SystemExit(str(error)) from None
