"""The benches: each prepares the process, measures, and returns results with their conditions.

Call them before anything else imports a backend, or what they ask of the machine comes too late.
Without a backend imported they refuse what has no meaning at once.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kreproduce.bench.results import Results
from kreproduce.errors import OutOfMemoryError, SettingsError
from kreproduce.system import backend, quiet, scheduling
from kreproduce.system.gpus import CPU

if TYPE_CHECKING:
    from pathlib import Path

    from kreproduce.bench.case import Case
    from kreproduce.bench.peers import Library, Table
    from kreproduce.training.devices import Devices

Half = Literal["training", "inference"]
Say = Callable[[str], None]

REPEATS = 15
_LOG = logging.getLogger(__name__)


def steps(
    cases: "Sequence[Case]",
    say: Say,
    only: Half | None = None,
    devices: str = "1",
    repeats: int = REPEATS,
    bench: Literal["steps", "table"] = "steps",
) -> Results:
    """Measure a training step and a batch of inference, also folded, of networks in turn.

    Args:
        cases: the first is what the others are compared with.
        say: is told how it goes.
        only: one of both; None is both.
        devices: same as for `devices.find`; several take training alone.
        repeats: of each measurement.
        bench: what the results are called, "table" for those of all networks of the paper.

    Raises:
        OutOfMemoryError: a batch does not fit.
        SettingsError: the devices are not there, or cannot share a batch evenly.
    """
    scheduling.use_batch_policy()
    scheduling.keep_memory()
    found, conditions = _begin(devices, cases[0])
    if only != "training":
        _check_one(found, "inference")
    from kreproduce.bench import networks
    from kreproduce.bench.conditions import peak_host_memory
    from kreproduce.training.devices import peak_memory
    from kreproduce.training.out_of_memory import memory_of

    forms = {None: networks.FORMS, "training": ("training",), "inference": ("inference", "folded")}
    rows = networks.measure(cases, forms[only], found, repeats, say)
    first = cases[0].experiment
    # Before the estimates, which copy a gigabyte on a GPU.
    conditions |= {
        "batch": first.batch_size,
        "input_size": first.input_size,
        "peak_host_bytes_of_all_networks": peak_host_memory(),
        "peak_device_bytes_of_all_networks": peak_memory(found),
    }
    try:
        with memory_of(first):
            conditions |= networks.projected(cases, rows, found)
    except OutOfMemoryError:  # what was measured is kept
        say("the estimates are left out: the networks leave no memory to measure its speed in")
    return Results(bench, conditions, rows, networks.cells(rows))


def memory(case: "Case", images: int, say: Say, devices: str = "1") -> Results:
    """Measure the memory that training takes.

    Args:
        case: what to train.
        images: of the whole dataset.
        say: is told how it goes.
        devices: same as for `devices.find`; one.

    Raises:
        OutOfMemoryError: it does not fit.
        SettingsError: the devices are not there, or several.
        StorageError: the disk for temporary files does not take 110 KB an image.
    """
    scheduling.use_batch_policy()
    found, conditions = _begin(devices, case)
    _check_one(found, "memory")
    from kreproduce.bench import memory as bench

    rows = bench.measure(case, images, found, say)
    first = case.experiment
    conditions |= {
        "network": case.name,
        "images": images,
        "batch": first.batch_size,
        "input_size": first.input_size,
    }
    return Results("memory", conditions, rows, bench.cells(rows))


def start_up(say: Say, repeats: int = REPEATS) -> Results:
    """Measure how long commands take to start, beside a bare Python and TensorFlow's import.

    Args:
        say: is told how it goes.
        repeats: of each start.

    Raises:
        SettingsError: Keras computes with another backend than TensorFlow.
        StorageError: the disk for temporary files does not take 200 MB.
    """
    if backend.name() != "tensorflow":
        raise SettingsError("start-up is compared with TensorFlow's import; unset KERAS_BACKEND")
    _, conditions = _begin(CPU, None)
    from kreproduce.bench import startup

    rows = startup.measure(repeats, say)
    return Results("start-up", conditions, rows, startup.cells(rows))


def parallel(case: "Case", runs: Sequence[int], say: Say, devices: str = "1") -> Results:
    """Measure what so many trainings in parallel do together on one device.

    Args:
        case: what each trains.
        runs: how many, one measurement after the other.
        say: is told how it goes.
        devices: same as for `devices.find`; one.

    Raises:
        OutOfMemoryError: not even the first number's fit.
        SettingsError: the devices are not there, or several.
    """
    from kreproduce.bench import parallel as bench

    bench.leave_room()
    found, conditions = _begin(devices, case)
    _check_one(found, "parallel training")
    rows = bench.measure(case, runs, devices, say)
    return Results("parallel", conditions, rows, bench.cells(rows))


def steps_per_execution(
    case: "Case", numbers: Sequence[int], say: Say, devices: str = "1", repeats: int = REPEATS
) -> Results:
    """Measure how many training steps to take between two returns to Python.

    Args:
        case: what to train.
        numbers: of steps.
        say: is told how it goes.
        devices: same as for `devices.find`.
        repeats: of each measurement.

    Raises:
        OutOfMemoryError: a batch does not fit.
        SettingsError: the devices are not there, or cannot share a batch evenly.
    """
    scheduling.use_batch_policy()
    scheduling.keep_memory()
    found, conditions = _begin(devices, case)
    from kreproduce.bench import steps_per_execution as bench
    from kreproduce.training.steps_per_execution import NAME

    rows = bench.measure(case, numbers, found, repeats, say)
    return Results(NAME, conditions, rows, bench.cells(rows))


def peers(
    tables: "Sequence[Table]",
    networks: Sequence[str],
    libraries: "Sequence[Library]",
    say: Say,
    repeats: int = REPEATS,
) -> Results:
    """Measure our networks beside timm's EfficientNet-B0 and ONNX Runtime, on the CPU.

    Args:
        tables: what is measured in turn, one after the other.
        networks: of ours.
        libraries: what computes; ours under each backend of Keras that is named.
        say: is told how it goes.
        repeats: of each measurement.

    Raises:
        OutOfMemoryError: nothing could be measured.
    """
    from kreproduce.bench import peers as bench

    _, conditions = _begin(CPU, None)
    conditions["backend"] = " ".join(libraries)
    conditions["versions"] |= bench.versions()
    rows: list[dict[str, Any]] = []
    for table in tables:
        say(f"{table}")
        found = bench.measure(table, networks, libraries, repeats, say)
        for row in bench.cells(found):
            say(f"  {row['library']} {row['network']}: {row['ms']} ms")
        rows += found
    if not rows:
        raise OutOfMemoryError("nothing could be measured; what is said above has the reasons")
    conditions["priority"] = " and ".join(sorted({row["priority"] for row in rows}))
    return Results("peers", conditions, rows, bench.cells(rows))


def growth(runs: "Path", numbers: Sequence[int], say: Say, repeats: int) -> Results:
    """Measure how long commands take that read all records, against how many there are.

    Args:
        runs: results with finished runs, the ones to copy.
        numbers: of runs.
        say: is told how it goes.
        repeats: of each measurement.

    Raises:
        StateError: no run is finished.
        StorageError: the disk for temporary files does not take 20 KB a run.
    """
    from kreproduce.bench import growth as bench

    templates = bench.finished(runs)
    _, conditions = _begin(CPU, None)
    rows = bench.measure(runs, templates, numbers, repeats, say)
    return Results("growth", conditions, rows, bench.cells(rows))


def _begin(devices: str, case: "Case | None") -> "tuple[Devices, dict[str, Any]]":
    """Find the devices, and the conditions as they are before anything is measured."""
    backend.check()
    backend.tune()
    with quiet.silence_stderr():
        from kreproduce.bench.conditions import conditions_of, is_busy
        from kreproduce.training.devices import find

    found, precision = find(devices), "float32"
    if case is not None:
        experiment = case.experiment
        precision = experiment.gpu_precision if found.gpu else experiment.cpu_precision
    conditions = conditions_of(found, precision)
    cores = conditions["cores_in_use_before"]
    if is_busy(cores):
        _LOG.warning("%s cores are in use: measured times will be off", cores)
    return found, conditions


def _check_one(devices: "Devices", what: str) -> None:
    if len(devices.names) > 1:
        raise SettingsError(f"{what} is measured on one device; leave --devices out, or name one")
