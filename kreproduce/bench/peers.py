"""Networks beside those of other libraries: the same shapes, in turn, each library in a process.

A library has a process of its own for each table, bound to as many cores as it is to use threads,
because most set their threads once. All processes of a table are there at once and measure in turn,
so that what slows the machine down slows all of them; while one measures the others wait.
"""

import itertools
import math
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Literal, get_args

from kreproduce.bench import case
from kreproduce.bench.conditions import peak_host_memory
from kreproduce.bench.timing import Timing, in_turn, once_each
from kreproduce.errors import SettingsError
from kreproduce.system import backend, quiet, scheduling
from kreproduce.system.interpreter import GuardedChildren
from kreproduce.system.parent import die_with
from kreproduce.text import nearest, printable, quoted

Library = Literal["tensorflow", "jax", "torch", "timm", "onnxruntime"]
Form = Literal["training", "inference"]

LIBRARIES: tuple[Library, ...] = get_args(Library)
OURS: tuple[Library, ...] = ("tensorflow", "jax", "torch")  # the backends of Keras
WAYS = ("nchw", "channels_last", "compiled")  # in which timm's network is computed
NETWORKS = ("baseline", "v2-4ch", "v2-16ch", "v2-32ch")
# A user's numbers of threads, of which a table has its own.
_THREADS = re.compile("(OMP|MKL|OPENBLAS)_NUM_THREADS|TF_NUM_(INTRA|INTER)OP_THREADS")
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


def check(
    libraries: Sequence[str], networks: Sequence[str], tables: Sequence[Table]
) -> list[Library]:
    """Return the libraries in the order of their rows, if all that is asked for can be measured.

    Raises:
        SettingsError: there is nothing to measure; a library is unknown or not installed; there
            are too few cores; timm's network has other shapes at a size; or a network is none.
    """
    for library in libraries:
        if library not in LIBRARIES:
            raise SettingsError(f"{quoted(library)} is no library: {nearest(library, LIBRARIES)}")
    found: list[Library] = [library for library in LIBRARIES if library in libraries]
    if not any(_names(library, table, networks) for library in found for table in tables):
        raise SettingsError(
            "there is nothing to measure: ONNX Runtime trains nothing, and nothing is trained with "
            "one image a step"
        )
    for table in tables:
        for name in networks:
            _case(name, table)
    for library in found:
        for module in _NEEDS.get(library, (library,)):
            if find_spec(module) is None:
                raise SettingsError(
                    f"{module} is not installed, which {library} takes: pip install "
                    "'kreproduce[peers]', or leave it out with --libraries"
                )
    cores, threads = scheduling.cores(), max(table.threads for table in tables)
    if threads > cores:
        raise SettingsError(f"--threads {threads}: this process may use {cores} cores")
    other = [table.input_size for table in tables if table.input_size % 32]
    if "timm" in found and other:
        raise SettingsError(
            f"--input-sizes {other[0]}: timm pads odd sizes otherwise, and the networks would "
            "differ; take multiples of 32"
        )
    return found


def measure(
    table: Table,
    networks: Sequence[str],
    libraries: Sequence[Library],
    repeats: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure one table; one row per library and network, or way to compute it.

    What fails, or is killed as where memory is short, is left out and said.

    Args:
        table: the work.
        networks: as `case.of` takes them, for Keras and ONNX Runtime.
        libraries: in whose order the rows are.
        repeats: of each measurement.
        say: is told how it goes.
    """
    context = multiprocessing.get_context("spawn")
    ready: list[tuple[ProcessPoolExecutor, str, dict[str, Any]]] = []

    def left_out(library: str, name: str, why: str) -> None:
        say(f"  {library} {name} is left out: {why}")

    with GuardedChildren(), ExitStack() as stack:
        for library in libraries:
            names = _names(library, table, networks)
            if not names:
                continue
            start = (library, table, os.getpid())
            pool = stack.enter_context(ProcessPoolExecutor(1, context, _begin, start))
            stack.push(_kill_children)  # before the pool waits for them
            for name in names:
                facts = _answer(pool, _prepare, library, name, table)
                if isinstance(facts, str):
                    left_out(library, name, facts)
                else:
                    ready.append((pool, name, {"library": library, "network": name} | facts))
        measures = [partial(_seconds, pool, name) for pool, name, _ in ready]
        once_each(measures)
        timings = in_turn(measures, repeats, patience=math.inf)
        peaks = [_answer(pool, peak_host_memory) for pool, _, _ in ready]
    rows, measured = [], []
    for (_, name, facts), timing, peak in zip(ready, timings, peaks, strict=True):
        if isinstance(peak, str) or not all(map(math.isfinite, timing.seconds)):
            left_out(facts["library"], name, "it failed or was killed while it was measured")
            continue
        measured.append(timing)
        rows.append(
            asdict(table)
            | facts
            | {
                "repeats": len(timing.seconds),
                "seconds": timing.median,
                "best": min(timing.seconds),
                "peak_host_bytes_of_the_process": peak,
                "every_repeat": list(timing.seconds),
            }
        )
    _compare(rows, measured)
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


def _kill_children(kind: Any, *_: Any) -> None:
    """Where it was interrupted, wait for no measurement that is under way."""
    if kind is not None:
        for child in multiprocessing.active_children():
            child.kill()


def _answer(pool: ProcessPoolExecutor, what: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a library's process answers; a sentence where it fails."""
    try:
        return pool.submit(_attempt, what, *arguments).result()
    except BrokenProcessPool:
        return "its process was killed: too little memory?"


def _seconds(pool: ProcessPoolExecutor, name: str) -> float:
    found = _answer(pool, _once, name)
    return math.nan if isinstance(found, str) else found


# In the process of a library.

_measures: dict[str, Callable[[], float]] = {}
_facts: dict[str, Any] = {}


def _begin(library: Library, table: Table, parent: int) -> None:
    """Bind the process to its cores, and tell the library how to compute, before it is imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it, and kills this one
    if not die_with(parent):
        os._exit(1)
    for name in [name for name in os.environ if _THREADS.fullmatch(name)]:
        del os.environ[name]
    os.environ |= {
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_TORCH_DEVICE": "cpu",
        "OMP_NUM_THREADS": str(table.threads),
        "KERAS_BACKEND": library if library in OURS else "tensorflow",
    }
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: table.threads])
    _facts["priority"] = _take_priority()
    scheduling.keep_memory()
    backend.tune(inference=table.form == "inference")


def _take_priority() -> str:
    """Have this process computed before all others, where that is allowed; say what came out."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        return "real time"
    scheduling.use_batch_policy()
    return f"batch, nice {os.nice(0)}"


def _attempt(what: Callable[..., Any], *arguments: Any) -> Any:
    """Do it; of an error only the text, because not every library's can be sent."""
    try:
        return what(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {printable(str(error), 200)}"


def _prepare(library: Library, name: str, table: Table) -> dict[str, Any]:
    """Make what is measured; return what is known of it before."""
    with quiet.silence_stderr():
        measured = _MAKERS[library](name, table)
    _measures[name] = measured
    return _facts | {
        "parameters": measured.parameters,
        "set_up_seconds": measured.set_up,
        "first_seconds": measured.first,
        "steps_a_repeat": measured.steps,
    }


def _once(name: str) -> float:
    return _measures[name]()


def _case(name: str, table: Table) -> case.Case:
    return case.of(name, batch=table.batch, input_size=table.input_size, precision="float32")


def _keras(name: str, table: Table) -> Any:
    from kreproduce.bench.steps import Inference, Training
    from kreproduce.training.devices import find

    device = find("cpu")
    if table.form == "training":
        return Training(_case(name, table), device)
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
    """Return those of the libraries, as far as they are installed."""
    found: dict[str, str | None] = {}
    for name in ("torch", "timm", "jax", "onnxruntime"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
