"""Networks side by side: a training step and a batch of inference, next to Computations."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress

from kreproduce.bench import bandwidth
from kreproduce.bench.case import Case
from kreproduce.bench.steps import Inference, Training
from kreproduce.bench.timing import Timing, in_turn, once_each
from kreproduce.experiment.settings import Experiment
from kreproduce.network.cost import count
from kreproduce.training.devices import Devices, check_batch
from kreproduce.training.out_of_memory import memory_of

FORMS = ("training", "inference", "folded")
_EPOCH = 45_000  # training images of CIFAR-10

Say = Callable[[str], None]


def measure(
    cases: Sequence[Case], forms: Iterable[str], devices: Devices, repeats: int, say: Say
) -> list[dict[str, Any]]:
    """Measure all cases in turn, one form after the other; one row per case and form.

    Args:
        cases: the first is what the others are compared with.
        forms: of `FORMS`.
        devices: where.
        repeats: of each measurement.
        say: is told how it goes.

    Raises:
        OutOfMemoryError: a batch does not fit.
        SettingsError: the devices cannot share it evenly.
    """
    return [row for form in forms for row in _measure(cases, form, devices, repeats, say)]


def projected(
    cases: Sequence[Case], rows: Iterable[dict[str, Any]], devices: Devices
) -> dict[str, Any]:
    """Return what the memory copies, and the hours of Tables 4 and 5; empty without trainings.

    Adds to each training's row which share of the copied bytes its step comes to, by an estimate.
    """
    experiments = {case.name: case.experiment for case in cases}
    trainings = [row for row in rows if row["form"] == Training.form]
    if not trainings:
        return {}
    copied = bandwidth.copied_a_second(gpu=devices.gpu)
    measured: dict[str, tuple[Experiment, float]] = {}
    for row in sorted(trainings, key=lambda row: -row["seconds"]):
        experiment = experiments[row["network"]]
        moved = bandwidth.bytes_of_step(experiment, gpu=devices.gpu)
        row["bytes_of_a_step_estimated"] = moved
        row["share_of_copied_estimated"] = moved / row["seconds"] / copied / devices.replicas
        measured[experiment.model_name] = (experiment, row["seconds"])  # the fastest is the last
    hours = {
        f"hours_of_table_{table}_estimated": round(
            bandwidth.hours_of_table(table, measured, gpu=devices.gpu), 3
        )
        for table in (4, 5)
    }
    return {"copied_bytes_a_second": round(copied)} | hours


def _measure(
    cases: Sequence[Case], form: str, devices: Devices, repeats: int, say: Say
) -> list[dict[str, Any]]:
    measures: list[Training | Inference] = []
    for case in cases:
        check_batch(case.experiment.batch_size, case.experiment.batch_size, devices)
        with memory_of(case.experiment):
            measures.append(_measurable(case, form, devices))
        ready = measures[-1]
        say(f"{case.name}, {ready.form}: set up {ready.set_up:.1f} s, first {ready.first:.1f} s")
    once_each(measures)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("measuring", total=repeats * len(cases))
        timings = in_turn(measures, repeats, lambda: bar.advance(task))
    together = zip(measures, timings, strict=True)
    return [_row(measured, timing, timings[0]) for measured, timing in together]


def _measurable(case: Case, form: str, devices: Devices) -> Training | Inference:
    if form == "training":
        return Training(case, devices)
    experiment = case.experiment
    precision = experiment.gpu_precision if devices.gpu else experiment.cpu_precision
    return Inference(case, precision, folded=form == "folded")


def _row(measured: Training | Inference, timing: Timing, first: Timing) -> dict[str, Any]:
    case, experiment = measured.case, measured.case.experiment
    low, high = timing.quartiles
    cost = count(experiment.architecture)
    row = {
        "network": case.name,
        "form": measured.form,
        "batch": experiment.batch_size,
        "input_size": experiment.input_size,
        "parameters": cost.parameters,
        "computations": cost.computations,
        "xla": bool(measured.model.jit_compile),
        "set_up_seconds": measured.set_up,
        "first_seconds": measured.first,
        "steps_a_repeat": measured.steps,
        "repeats": len(timing.seconds),
        "seconds": timing.median,
        "first_quartile": low,
        "third_quartile": high,
        "images_a_second": experiment.batch_size / timing.median,
        "times_the_first": timing.ratio(first),
        "every_repeat": list(timing.seconds),
    }
    if isinstance(measured, Training):
        steps = -(-_EPOCH // experiment.batch_size)
        row["seconds_an_epoch_of_cifar10"] = timing.median * steps
    return row


def cells(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them, percentages of the first of the same form."""
    first: dict[str, dict[str, Any]] = {}
    return [_cells(row, first.setdefault(row["form"], row)) for row in rows]


def _cells(row: dict[str, Any], first: dict[str, Any]) -> dict[str, str]:
    share = row.get("share_of_copied_estimated")
    return {
        "network": row["network"],
        "form": row["form"],
        "parameters": f"{row['parameters']:,}",
        "Computations": f"{row['computations']:,}",
        "% of first": f"{100 * row['computations'] / first['computations']:.1f}",
        "ms": _milliseconds(row["seconds"]),
        "quartiles": "–".join(
            _milliseconds(row[key]) for key in ("first_quartile", "third_quartile")
        ),
        "repeats": f"{row['repeats']}×{row['steps_a_repeat']}",
        "images/s": f"{row['images_a_second']:.1f}",
        "time/first": f"{row['times_the_first']:.2f}",
        "first batch s": f"{row['first_seconds']:.1f}",
        "% of copied, estimated": f"{100 * share:.0f}" if share is not None else "",
    }


def _milliseconds(seconds: float) -> str:
    milliseconds = 1000 * seconds
    return f"{milliseconds:,.0f}" if milliseconds >= 1000 else f"{milliseconds:.4g}"
