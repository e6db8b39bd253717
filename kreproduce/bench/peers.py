"""Networks beside those of other libraries: the same shapes, in turn, each library in a process.

A library has a process of its own for each table, bound to as many cores as it is to use threads,
because most set their threads once. All processes of a table are there at once and measure in turn,
so that what slows the machine down slows all of them; while one measures the others wait.
"""

import itertools
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Literal, get_args

from kreproduce.bench import case
from kreproduce.bench.conditions import peak_host_memory
from kreproduce.bench.timing import Timing, in_turn
from kreproduce.errors import SettingsError
from kreproduce.system import backend, quiet, scheduling
from kreproduce.system.interpreter import guard_children
from kreproduce.text import nearest

Library = Literal["tensorflow", "jax", "torch", "timm", "onnxruntime"]
Form = Literal["training", "inference"]

LIBRARIES: tuple[Library, ...] = get_args(Library)
OURS: tuple[Library, ...] = ("tensorflow", "jax", "torch")  # the backends of Keras
WAYS = ("nchw", "channels_last", "compiled")  # in which timm's network is computed
NETWORKS = ("baseline", "v2-4ch", "v2-16ch", "v2-32ch")
_NEEDS: dict[Library, tuple[str, ...]] = {
    "timm": ("torch", "timm"),
    "onnxruntime": ("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
}


@dataclass(frozen=True)
class Table:
    """What is measured in turn: one kind of work.

    Attributes:
        form: a training step, or a batch of inference.
        input_size: pixels of a side; below 64 the first three strides are skipped.
        batch: images.
        threads: of each library.
    """

    form: Form
    input_size: int
    batch: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.form}, {self.input_size} pixels, batch {self.batch}, {self.threads} "
            f"thread{'s' * (self.threads > 1)}"
        )


def tables(
    forms: Sequence[Form], sizes: Sequence[int], batches: Sequence[int], threads: Sequence[int]
) -> list[Table]:
    """Return the tables of these choices; nothing is trained with one image a step."""
    every = itertools.product(forms, sizes, batches, threads)
    return [Table(*one) for one in every if (one[0], one[2]) != ("training", 1)]


def check(libraries: Sequence[str], threads: Sequence[int]) -> list[Library]:
    """Return the libraries, when they are here, and as many cores as they are to use.

    Raises:
        SettingsError: one is unknown or not installed, or there are too few cores.
    """
    for library in libraries:
        if library not in LIBRARIES:
            raise SettingsError(f"{library!r} is no library: {nearest(library, LIBRARIES)}")
    found: list[Library] = [library for library in LIBRARIES if library in libraries]
    for library in found:
        for module in _NEEDS.get(library, (library,)):
            if find_spec(module) is None:
                raise SettingsError(
                    f"{module} is not installed, which {library} takes: pip install "
                    "'kreproduce[peers]', or leave it out with --libraries"
                )
    cores = scheduling.cores()
    if max(threads) > cores:
        raise SettingsError(f"--threads {max(threads)}: this process may use {cores} cores")
    return found


def measure(
    table: Table,
    networks: Sequence[str],
    libraries: Sequence[Library],
    repeats: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure one table; one row per library and network, or way to compute it.

    A library whose process is killed, as where memory is short, is left out and said.

    Args:
        table: the work.
        networks: as `case.of` takes them, for Keras and ONNX Runtime.
        libraries: in whose order the rows are.
        repeats: of each measurement.
        say: is told how it goes.

    Raises:
        RuntimeError: timm's network has other shapes or another number of parameters.
    """
    guard_children()
    context = multiprocessing.get_context("spawn")
    prepared: list[tuple[Library, str, ProcessPoolExecutor]] = []
    facts: list[dict[str, Any]] = []
    with ExitStack() as stack:
        for library in libraries:
            names = _names(library, table, networks)
            if not names:
                continue
            pool = stack.enter_context(ProcessPoolExecutor(1, context))
            try:
                found = pool.submit(_prepare, library, names, table).result()
            except BrokenProcessPool:
                say(f"{table}: {library} is left out, its process was killed: too little memory?")
                continue
            prepared += [(library, name, pool) for name in names]
            facts += found
        measures = [partial(_ask, pool, name) for _, name, pool in prepared]
        timings = in_turn(measures, repeats, patience=float("inf"))
        peaks = [pool.submit(peak_host_memory).result() for _, _, pool in prepared]
    rows = [
        {
            "library": library,
            "network": name,
            "form": table.form,
            "input_size": table.input_size,
            "batch": table.batch,
            "threads": table.threads,
            **fact,
            "repeats": len(timing.seconds),
            "seconds": timing.median,
            "best": min(timing.seconds),
            "peak_host_bytes_of_the_process": peak,
            "every_repeat": list(timing.seconds),
        }
        for (library, name, _), fact, timing, peak in zip(
            prepared, facts, timings, peaks, strict=True
        )
    ]
    _compare(rows, timings)
    return rows


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them."""
    return [
        {
            "form": row["form"],
            "input": str(row["input_size"]),
            "batch": str(row["batch"]),
            "threads": str(row["threads"]),
            "library": row["library"],
            "network": row["network"],
            "ms": f"{1000 * row['seconds']:.4g}",
            "best": f"{1000 * row['best']:.4g}",
            "times timm's best": _times(row["times_timms_best"]),
            "times the baseline": _times(row["times_the_baseline"]),
        }
        for row in rows
    ]


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _names(library: Library, table: Table, networks: Sequence[str]) -> list[str]:
    if library == "timm":
        return list(WAYS)
    if library == "onnxruntime" and table.form == "training":
        return []
    return list(networks)


def _compare(rows: Sequence[dict[str, Any]], timings: Sequence[Timing]) -> None:
    """Add what a time is of that of timm's fastest way, and of the same library's baseline."""
    together = list(zip(rows, timings, strict=True))
    theirs = [timing for row, timing in together if row["library"] == "timm"]
    best = min(theirs, key=lambda timing: timing.median, default=None)
    baselines = {row["library"]: timing for row, timing in together if row["network"] == "baseline"}
    for row, timing in together:
        baseline = baselines.get(row["library"])
        row["times_timms_best"] = None if best is None else timing.ratio(best)
        row["times_the_baseline"] = None if baseline is None else timing.ratio(baseline)


def _ask(pool: ProcessPoolExecutor, name: str) -> float:
    return pool.submit(_once, name).result()


# In the process of a library.

_measures: dict[str, Callable[[], float]] = {}


def _prepare(library: Library, names: Sequence[str], table: Table) -> list[dict[str, Any]]:
    """Make what is measured; return for each what is known of it before."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: table.threads])
    os.environ["OMP_NUM_THREADS"] = str(table.threads)
    if library in OURS:
        os.environ["KERAS_BACKEND"] = library
    elif library == "onnxruntime":
        os.environ["KERAS_BACKEND"] = "tensorflow"
    priority = take_priority()
    scheduling.keep_memory()
    backend.tune(inference=table.form == "inference")
    with quiet.silence_stderr():
        make = _MAKERS[library]
        found = []
        for name in names:
            measured = make(name, table)
            _measures[name] = measured
            found.append(
                {
                    "parameters": measured.parameters,
                    "set_up_seconds": measured.set_up,
                    "first_seconds": measured.first,
                    "steps_a_repeat": measured.steps,
                    "priority": priority,
                }
            )
    return found


def take_priority() -> str:
    """Have this process computed before all others, where that is allowed; say what came out."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return "real time"
    scheduling.use_batch_policy()
    return f"nice {os.nice(0)}"


def _once(name: str) -> float:
    return _measures[name]()


def _case(name: str, table: Table) -> case.Case:
    return case.of(name, batch=table.batch, input_size=table.input_size, precision="float32")


def _keras(name: str, table: Table) -> Any:
    from kreproduce.bench.steps import Inference, Training
    from kreproduce.training.devices import find

    if table.form == "training":
        return Training(_case(name, table), find("cpu"))
    return Inference(_case(name, table), "float32", folded=True)


def _timm(way: str, table: Table) -> Any:
    from kreproduce.bench.peers_timm import Inference, Training

    kind = Training if table.form == "training" else Inference
    return kind(_case("baseline", table), way, table.threads)


def _onnxruntime(name: str, table: Table) -> Any:
    from kreproduce.bench.peers_onnx import Inference

    return Inference(_case(name, table), table.threads)


_MAKERS: dict[Library, Callable[[str, Table], Any]] = {
    "tensorflow": _keras,
    "jax": _keras,
    "torch": _keras,
    "timm": _timm,
    "onnxruntime": _onnxruntime,
}


def versions() -> dict[str, str | None]:
    """Return those of the libraries that are compared with, where they are installed."""
    found: dict[str, str | None] = {}
    for name in ("torch", "timm", "jax", "onnxruntime"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
