"""`kreproduce bench`: how fast it is on this machine, measured."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreproduce import backend, quiet, scheduling
from kreproduce.bench.machine import is_busy
from kreproduce.errors import SettingsError

if TYPE_CHECKING:
    from kreproduce.bench.case import Case
    from kreproduce.bench.findings import Findings
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
    batch: Annotated[int, typer.Option(help="Images a step.")] = 32,
    input_size: Annotated[int, typer.Option(help="Pixels of a side.")] = 32,
    precision: Annotated[
        str, typer.Option(help="auto, float32, mixed_float16, mixed_bfloat16.")
    ] = "auto",
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
    repeats: Annotated[int, typer.Option(min=1, max=10_000, help="Of each measurement.")] = 15,
    devices: Annotated[
        str, typer.Option(metavar="all|N|LIST", help="What to measure on, as of run.")
    ] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where bench/ is written.")] = Path("results"),
) -> None:
    """Measure training steps and inference, starting, memory, or several runs at once.

    Written below RESULTS/bench, under a name with the device, backend, precision and time.
    Nothing else should be running.
    """
    from kreproduce.bench import case

    asked = [name for name, on in _only(table, start_up, memory, at_once) if on]
    if len(asked) > 1:
        raise SettingsError(f"{asked[0]} and {asked[1]} are two benches; ask for one at a time")
    if networks and (table or start_up):
        raise SettingsError(f"{asked[0]} takes no network, and {networks[0][:60]!r} was given")
    names = networks or (case.of_the_paper() if table else _COMPARED)
    size = 224 if memory else input_size
    cases = [case.of(name, batch=batch, input_size=size, precision=precision) for name in names]
    numbers = _numbers(at_once) if at_once is not None else ()
    if (memory or numbers) and networks and len(networks) > 1:
        raise SettingsError(f"{asked[0]} measures one network, and {len(networks)} were given")
    backend.check()
    scheduling.as_batch()
    forms = [
        *(["training"] if training or not inference else []),
        *(["inference", "folded"] if inference or not training else []),
    ]
    if start_up:
        found = _start_up(devices, repeats)
    elif memory:
        found = _memory(cases[-1], devices)
    elif numbers:
        found = _at_once(cases[-1], numbers, devices)
    else:
        found = _networks("table" if table else "steps", cases, forms, devices, repeats)
    path = found.write(results)
    print(found.json() if as_json else found.text(), end="")
    _say(f"written to {path} and {path.with_suffix('.json').name}")


def _only(*given: Any) -> Sequence[tuple[str, bool]]:
    names = ("--table", "--start-up", "--memory", "--at-once")
    return [(name, value not in (None, False)) for name, value in zip(names, given, strict=True)]


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and 1 <= int(part[:9]) <= _MOST for part in parts):
        raise SettingsError(f"--at-once takes numbers of 1 to {_MOST} such as 1,2,4, not {text!r}")
    return [int(part) for part in parts]


def _start_up(devices: str, repeats: int) -> "Findings":
    conditions = _begin(devices, "float32")[1]
    from kreproduce.bench import startup
    from kreproduce.bench.findings import Findings

    rows = startup.measure(repeats, _say)
    return Findings("start-up", conditions, rows, startup.shown(rows))


def _memory(case: "Case", devices: str) -> "Findings":
    found, conditions = _begin(devices, case)
    from kreproduce.bench import memory
    from kreproduce.bench.findings import Findings

    rows = memory.measure(case, found, _say)
    return Findings("memory", conditions | {"network": case.name}, rows, memory.shown(rows))


def _at_once(case: "Case", numbers: Sequence[int], devices: str) -> "Findings":
    from kreproduce.bench import at_once
    from kreproduce.bench.findings import Findings

    at_once.leave_room()
    conditions = _begin(devices, case)[1]
    rows = at_once.measure(case, numbers, devices, _say)
    return Findings("at-once", conditions, rows, at_once.shown(rows))


def _networks(
    what: str, cases: Sequence["Case"], forms: Sequence[str], devices: str, repeats: int
) -> "Findings":
    found, conditions = _begin(devices, cases[0])
    from kreproduce.bench import memory, networks
    from kreproduce.bench.findings import Findings
    from kreproduce.training.devices import peak_memory

    rows = networks.measure(cases, forms, found, repeats, _say)
    first = cases[0].experiment
    conditions |= {
        "batch": first.batch_size,
        "input_size": first.input_size,
        "peak_host_bytes": memory.peak_host_memory(),
        "peak_device_bytes": peak_memory(found),
    }
    return Findings(what, conditions, rows, networks.shown(rows))


def _begin(devices: str, measured: "Case | str") -> "tuple[Devices, dict[str, Any]]":
    """The devices, and the conditions as they are before anything is measured."""
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
    share = begun["cores_in_use_before"]
    if is_busy(share):
        _say(f"warning: {share:.0%} of the cores are in use: measured times will be off")
    return found, begun


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
