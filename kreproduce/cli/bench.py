"""`kreproduce bench`: how fast it is on this machine, measured."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from kreproduce.bench import benches
from kreproduce.bench import results as written
from kreproduce.cli import completion
from kreproduce.cli.arguments import Command
from kreproduce.errors import SettingsError
from kreproduce.system.interruption import Interruptions
from kreproduce.text import nearest, quoted

if TYPE_CHECKING:
    from kreproduce.bench.case import Case
    from kreproduce.bench.results import Results

_MOST = 64  # trainings in parallel, or steps between two returns to Python

app = typer.Typer(
    help="Measure how fast it is on this machine.",
    epilog="Nothing else should be running. Results are written below RESULTS/bench, as text and "
    "JSON, in a folder for each day and device.",
    no_args_is_help=True,
)

_NAMES = (
    "baseline, v1-16ch, v2-32ch-relu, b3-v2-16ch…, with how to compute the groups: v2-32ch:naive, "
    ":native, :dense, :per_group"
)
Networks = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NETWORK",
        help=f"{_NAMES}; default: baseline v2-32ch.",
        autocompletion=completion.networks,
    ),
]
Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help=f"{_NAMES}.", autocompletion=completion.networks)
]
Batch = Annotated[int, typer.Option(help="Images per step.")]
InputSize = Annotated[int, typer.Option(help="Pixels of a side.")]
Precision = Annotated[
    str,
    typer.Option(
        help="auto, float32, mixed_float16 or mixed_bfloat16.",
        autocompletion=completion.precisions,
    ),
]
Only = Annotated[
    str | None,
    typer.Option(
        metavar="HALF",
        help="training or inference; default: both.",
        autocompletion=completion.halves,
    ),
]
Repeats = Annotated[int, typer.Option(min=1, max=10_000, help="Of each measurement.")]
Devices = Annotated[
    str,
    typer.Option(
        metavar="all|N|LIST|cpu",
        help="What to measure on; same as for `run`.",
        autocompletion=completion.among("all", "cpu"),
    ),
]
OneDevice = Annotated[
    str,
    typer.Option(
        metavar="N|LIST|cpu",
        help="The one to measure on; same as for `run`.",
        autocompletion=completion.among("cpu"),
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ResultsFolder = Annotated[
    Path, typer.Option("--results", help="The folder below which bench/ is written.")
]
RESULTS = Path("results")


@app.command("steps", cls=Command)
def steps(
    networks: Networks = None,
    only: Only = None,
    batch: Batch = 32,
    input_size: InputSize = 32,
    precision: Precision = "auto",
    devices: Devices = "1",
    repeats: Repeats = benches.REPEATS,
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure a training step and inference of networks, one after the other in turn."""
    names = networks or ["baseline", "v2-32ch"]
    cases = [_case(name, batch, input_size, precision) for name in names]
    half = _half(only)
    _show(lambda: benches.steps(cases, _say, half, devices, repeats), results, as_json)


@app.command("table", cls=Command)
def table(
    only: Only = None,
    batch: Batch = 32,
    input_size: InputSize = 32,
    precision: Precision = "auto",
    devices: Devices = "1",
    repeats: Repeats = benches.REPEATS,
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure as `steps` does the baseline, V1 and V2 of every Ch, beside Computations."""
    from kreproduce.bench.case import of_the_paper

    cases = [_case(name, batch, input_size, precision) for name in of_the_paper()]
    half = _half(only)
    _show(lambda: benches.steps(cases, _say, half, devices, repeats, "table"), results, as_json)


@app.command("memory", cls=Command)
def memory(
    network: Network = "v2-32ch",
    images: Annotated[
        int,
        typer.Option(
            min=50, max=1_000_000, help="Images of the dataset; by default as many as malaria has."
        ),
    ] = 27_558,
    batch: Batch = 32,
    input_size: InputSize = 224,
    precision: Precision = "auto",
    devices: OneDevice = "1",
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure the memory that training takes, on images of noise."""
    measured = _case(network, batch, input_size, precision)
    _show(lambda: benches.memory(measured, images, _say, devices), results, as_json)


@app.command("start-up", cls=Command)
def start_up(
    repeats: Repeats = benches.REPEATS,
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure how long commands take to start, beside a bare Python and TensorFlow's import."""
    _show(lambda: benches.start_up(_say, repeats), results, as_json)


@app.command("parallel", cls=Command)
def parallel(
    network: Network = "v2-32ch",
    runs: Annotated[
        str, typer.Option(metavar="1,2,4", help="How many trainings, one measurement each.")
    ] = "1,2,4",
    batch: Batch = 32,
    input_size: InputSize = 32,
    precision: Precision = "auto",
    devices: OneDevice = "1",
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure what several trainings in parallel do together on one device."""
    measured, numbers = _case(network, batch, input_size, precision), _numbers(runs, "--runs")
    _show(lambda: benches.parallel(measured, numbers, _say, devices), results, as_json)


@app.command("steps-per-execution", cls=Command)
def steps_per_execution(
    network: Network = "v2-32ch",
    steps: Annotated[
        str, typer.Option(metavar="1,2,4,8", help="How many steps, one measurement each.")
    ] = "1,2,4,8,16,32",
    batch: Batch = 32,
    input_size: InputSize = 32,
    precision: Precision = "auto",
    devices: Devices = "1",
    repeats: Repeats = benches.REPEATS,
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure how many training steps to take between two returns to Python.

    A run on the same kind of GPU under TensorFlow then takes the best number that RESULTS/bench
    has.
    """
    measured, numbers = _case(network, batch, input_size, precision), _numbers(steps, "--steps")
    _show(
        lambda: benches.steps_per_execution(measured, numbers, _say, devices, repeats),
        results,
        as_json,
    )


@app.command("peers", cls=Command)
def peers(
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NETWORK",
            help=f"Of ours. {_NAMES}; default: baseline v2-4ch v2-16ch v2-32ch.",
            autocompletion=completion.networks,
        ),
    ] = None,
    only: Only = None,
    input_sizes: Annotated[
        str, typer.Option(metavar="32,64", help="Pixels of a side, a table each.")
    ] = "32,64,96,128,224",
    batches: Annotated[
        str,
        typer.Option(metavar="1,32", help="Images per step, a table each; no training with one."),
    ] = "1,32",
    threads: Annotated[
        str, typer.Option(metavar="1,2", help="Threads of each library, a table each.")
    ] = "1,2",
    libraries: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What computes: tensorflow, jax and torch, as backends of Keras, timm and "
            "onnxruntime.",
        ),
    ] = "tensorflow,timm,onnxruntime",
    repeats: Annotated[int, typer.Option(min=1, max=10_000, help="Of each measurement.")] = 6,
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure on this CPU, beside timm's EfficientNet-B0 in PyTorch and ONNX Runtime.

    All of one table are measured in turn, each library in a process of its own, at real-time
    priority where that is allowed. timm's network has the shapes of the baseline, which is checked;
    its training is without augmentation, ours with. In inference batch normalisation is folded into
    ours, as `export` and the fastest form have it, and not into timm's. Takes the extra peers.
    """
    from kreproduce.bench import peers as bench

    chosen = list(dict.fromkeys(name.lower() for name in networks or bench.NETWORKS))
    half = _half(only)
    forms = [half] if half else list(get_args(bench.Form))
    tables = bench.tables(
        forms,
        _numbers(input_sizes, "--input-sizes", 4096),
        _numbers(batches, "--batches", 4096),
        _numbers(threads, "--threads"),
    )
    named = bench.check(libraries.split(","), chosen, tables)
    _show(lambda: benches.peers(tables, chosen, named, _say, repeats), results, as_json)


@app.command("growth", cls=Command)
def growth(
    runs: Annotated[
        str, typer.Option(metavar="10,100", help="How many runs, one measurement each.")
    ] = "10,100,1000",
    repeats: Annotated[int, typer.Option(min=1, max=10_000, help="Of each measurement.")] = 3,
    as_json: AsJson = False,
    results: ResultsFolder = RESULTS,
) -> None:
    """Measure `table`, `status`, `claims` and `report` against how many runs are recorded.

    The runs are copies of the finished ones below RESULTS/runs, under other seeds, in a temporary
    folder.
    """
    numbers = _numbers(runs, "--runs", 100_000)
    _show(lambda: benches.growth(results, numbers, _say, repeats), results, as_json)


def _case(name: str, batch: int, input_size: int, precision: str) -> "Case":
    from kreproduce.bench import case

    return case.of(name, batch=batch, input_size=input_size, precision=precision)


def _half(text: str | None) -> benches.Half | None:
    known = {half: half for half in get_args(benches.Half)}
    if text is not None and text not in known:
        raise SettingsError(f"--only {quoted(text)} is no half of it: {nearest(text, known)}")
    return known[text] if text is not None else None


def _numbers(text: str, option: str, most: int = _MOST) -> list[int]:
    parts = text.split(",")
    if not all(re.fullmatch("[1-9][0-9]{0,5}", part) and int(part) <= most for part in parts):
        raise SettingsError(
            f"{option} takes numbers of 1 to {most} such as 1,2,4, not {quoted(text)}"
        )
    return list(dict.fromkeys(int(part) for part in parts))


def _show(measure: "Callable[[], Results]", results: Path, as_json: bool) -> None:
    """Print and write what is measured, once it is known that it can be written."""
    written.check_writable(results)
    with Interruptions():
        found = measure()
    print(found.json() if as_json else found.text(), end="")
    path = found.write(results)
    _say(f"written to {path} and {path.with_suffix('.json').name}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
