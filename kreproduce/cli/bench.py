"""`kreproduce bench`: how fast it is on this machine, measured."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreproduce.bench.machine import is_busy
from kreproduce.errors import OutOfMemoryError, SettingsError
from kreproduce.system import backend, quiet, scheduling
from kreproduce.system.gpus import CPU
from kreproduce.text import quoted

if TYPE_CHECKING:
    from kreproduce.bench.case import Case
    from kreproduce.bench.results import Findings
    from kreproduce.training.devices import Devices

_COMPARED = ("baseline", "v2-32ch")
_MOST = 64  # processes at once


def bench(
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NETWORK...",
            help="baseline, v1-16ch, v2-32ch-relu, b3-v2-16ch…, with how to compute the groups: "
            "v2-32ch:naive, :native, :dense, :per_group; default: baseline v2-32ch.",
        ),
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step; default: 32.")] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Pixels of a side; default: 32, with --memory 224.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="auto (default), float32, mixed_float16, mixed_bfloat16.")
    ] = None,
    training: Annotated[bool, typer.Option("--training", help="Only training.")] = False,
    inference: Annotated[bool, typer.Option("--inference", help="Only inference.")] = False,
    table: Annotated[
        bool, typer.Option("--table", help="The baseline, V1 and V2 of every Ch side by side.")
    ] = False,
    start_up: Annotated[
        bool, typer.Option("--start-up", help="How long commands take to start.")
    ] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="The memory that a set of malaria's size takes.")
    ] = False,
    at_once: Annotated[
        str | None, typer.Option(metavar="1,2,4", help="So many trainings at once on one device.")
    ] = None,
    per_execution: Annotated[
        str | None,
        typer.Option(
            "--steps-per-execution",
            metavar="1,2,4,8,16",
            help="So many training steps between two returns to Python; runs go by the best.",
        ),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Of each measurement; default: 15.")
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(metavar="all|N|LIST|cpu", help="What to measure on, as of run; default: 1."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where bench/ is written.")] = Path("results"),
) -> None:
    """Measure training steps and inference, starting, memory, or several runs at once.

    How many steps to take between two returns to Python is measured, too, and a run on the same
    kind of GPU under TensorFlow then takes the best number that RESULTS/bench has.

    Written below RESULTS/bench, under a name with the device, backend, precision and time.
    Nothing else should be running.
    """
    from kreproduce.bench import case
    from kreproduce.bench import results as written

    benches = {
        "--table": table,
        "--start-up": start_up,
        "--memory": memory,
        "--at-once": at_once,
        "--steps-per-execution": per_execution,
    }
    given = {
        "NETWORK": networks,
        "--batch": batch,
        "--input-size": input_size,
        "--precision": precision,
        "--training": training,
        "--inference": inference,
        "--repeats": repeats,
        "--devices": devices,
    }
    asked = _asked(benches, given)
    numbers = _numbers(at_once, "--at-once") if at_once is not None else ()
    steps = _numbers(per_execution, "--steps-per-execution") if per_execution is not None else ()
    cases = [
        case.of(
            name,
            batch=32 if batch is None else batch,
            input_size=(224 if memory else 32) if input_size is None else input_size,
            precision="auto" if precision is None else precision,
        )
        for name in networks or (case.of_the_paper() if table else _COMPARED)
    ]
    of_one = ("--memory", "--at-once", "--steps-per-execution")
    if asked in of_one and networks and len(networks) > 1:
        raise SettingsError(f"{asked} measures one network, and {len(networks)} were given")
    backend.check()
    backend.tune()
    written.check_writable(results)
    where, times = devices or "1", repeats or 15
    if start_up:
        found = _start_up(times)
    elif memory:
        found = _memory(cases[-1], where)
    elif numbers:
        found = _at_once(cases[-1], numbers, where)
    elif steps:
        found = _per_execution(cases[-1], steps, where, times)
    else:
        forms = [
            *(["training"] if training or not inference else []),
            *(["inference", "folded"] if inference or not training else []),
        ]
        found = _networks("table" if table else "steps", cases, forms, where, times)
    print(found.json() if as_json else found.text(), end="")
    path = found.write(results)
    _say(f"written to {path} and {path.with_suffix('.json').name}")


# What a bench other than the plain one has no use for.
_WITHOUT = {
    "--table": {"NETWORK"},
    "--start-up": {"NETWORK", "--batch", "--input-size", "--precision", "--devices"},
    "--memory": {"--repeats"},
    "--at-once": {"--repeats"},
    "--steps-per-execution": set(),
}


def _asked(benches: dict[str, Any], given: dict[str, Any]) -> str | None:
    """Return the one bench that was asked for; None for the plain one.

    Raises:
        SettingsError: there are two, or an option has no meaning for it.
    """
    asked = [name for name, value in benches.items() if value not in (None, False)]
    if len(asked) > 1:
        raise SettingsError(f"{asked[0]} and {asked[1]} are two benches; ask for one at a time")
    if not asked:
        return None
    unused = _WITHOUT[asked[0]] | ({"--training", "--inference"} if asked != ["--table"] else set())
    for name, value in given.items():
        if name in unused and value not in (None, False):
            raise SettingsError(f"{name} has no meaning for {asked[0]}; leave it out")
    return asked[0]


def _numbers(text: str, option: str) -> list[int]:
    parts = text.split(",")
    known = {str(number) for number in range(1, _MOST + 1)}
    if not known.issuperset(parts):
        raise SettingsError(
            f"{option} takes numbers of 1 to {_MOST} such as 1,2,4, not {quoted(text)}"
        )
    return list(dict.fromkeys(int(part) for part in parts))


def _start_up(repeats: int) -> "Findings":
    if backend.name() != "tensorflow":
        raise SettingsError("--start-up compares with TensorFlow's import; unset KERAS_BACKEND")
    conditions = _begin(CPU, "float32")[1]
    from kreproduce.bench import startup
    from kreproduce.bench.results import Findings

    rows = startup.measure(repeats, _say)
    return Findings("start-up", conditions, rows, startup.shown(rows))


def _memory(case: "Case", devices: str) -> "Findings":
    scheduling.as_batch()
    found, conditions = _begin(devices, case)
    _check_one(found, "--memory")
    from kreproduce.bench import memory
    from kreproduce.bench.results import Findings

    rows = memory.measure(case, found, _say)
    return Findings("memory", conditions | {"network": case.name}, rows, memory.shown(rows))


def _at_once(case: "Case", numbers: Sequence[int], devices: str) -> "Findings":
    from kreproduce.bench import parallel
    from kreproduce.bench.results import Findings

    parallel.leave_room()
    found, conditions = _begin(devices, case)
    _check_one(found, "--at-once")
    rows = parallel.measure(case, numbers, devices, _say)
    return Findings("at-once", conditions, rows, parallel.shown(rows))


def _per_execution(case: "Case", numbers: Sequence[int], devices: str, repeats: int) -> "Findings":
    scheduling.as_batch()
    scheduling.keep_memory()
    found, conditions = _begin(devices, case)
    from kreproduce.bench import steps_per_execution as bench
    from kreproduce.bench.results import Findings
    from kreproduce.training.steps_per_execution import NAME

    rows = bench.measure(case, numbers, found, repeats, _say)
    return Findings(NAME, conditions, rows, bench.shown(rows))


def _networks(
    what: str, cases: Sequence["Case"], forms: Sequence[str], devices: str, repeats: int
) -> "Findings":
    scheduling.as_batch()
    scheduling.keep_memory()
    found, conditions = _begin(devices, cases[0])
    if forms != ["training"]:
        _check_one(found, "inference")
    from kreproduce.bench import memory, networks
    from kreproduce.bench.results import Findings
    from kreproduce.training.devices import peak_memory
    from kreproduce.training.out_of_memory import memory_of

    rows = networks.measure(cases, forms, found, repeats, _say)
    first = cases[0].experiment
    # Before the estimates, which copy a gigabyte on a GPU.
    conditions |= {
        "batch": first.batch_size,
        "input_size": first.input_size,
        "peak_host_bytes_of_all_networks": memory.peak_host_memory(),
        "peak_device_bytes_of_all_networks": peak_memory(found),
    }
    try:
        with memory_of(first):
            conditions |= networks.projected(cases, rows, found)
    except OutOfMemoryError:  # what was measured is kept
        _say("the estimates are left out: the networks leave no memory to measure its speed in")
    return Findings(what, conditions, rows, networks.shown(rows))


def _check_one(devices: "Devices", what: str) -> None:
    if len(devices.names) > 1:
        raise SettingsError(f"{what} is measured on one device; leave --devices out, or name one")


def _begin(devices: str, measured: "Case | str") -> "tuple[Devices, dict[str, Any]]":
    """Return the devices, and the conditions as they are before anything is measured."""
    with quiet.standard_error():
        from kreproduce.bench import conditions
        from kreproduce.training.devices import find

    found = find(devices)
    if isinstance(measured, str):
        precision = measured
    else:
        experiment = measured.experiment
        precision = experiment.gpu_precision if found.gpu else experiment.cpu_precision
    begun = conditions.of(found, precision)
    cores = begun["cores_in_use_before"]
    if is_busy(cores):
        _say(f"warning: {cores} cores are in use: measured times will be off")
    return found, begun


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
