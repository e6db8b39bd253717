"""The backend at work: the devices that it sees, its threads, and the time of a training step."""

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from kreproduce.bench import case
from kreproduce.doctor.check import Check, Value
from kreproduce.doctor.child import Answer, ask
from kreproduce.doctor.projection import project
from kreproduce.doctor.worker import Step, Surroundings
from kreproduce.text import duration

TABLE = 5
NETWORK, BATCH, SIZE = "v2-16ch", 64, 32
"""A row of the table: V2 16ch as the authors trained it on CIFAR-10."""
_PATIENCE = 600.0  # seconds; the first step may take minutes to compile
# What a training step takes on a CPU, as docs/speed.md has it.
_TIMES_TENSORFLOW = {"jax": "10", "torch": "2 to 3"}
_FASTER = "compute with KERAS_BACKEND=tensorflow, installed first where it is missing"
_AGAIN = "if other processes leave it memory, install kreproduce again in a new virtual environment"

_Answer = TypeVar("_Answer", Surroundings, Step)


@dataclass(frozen=True)
class Computing:
    """What a process with the backend came to.

    Attributes:
        surroundings: None if it did not come so far.
        step: likewise.
        why: it failed; empty if it did not.
    """

    surroundings: Surroundings | None
    step: Step | None
    why: str


def compute(network: str = NETWORK, batch: int = BATCH, size: int = SIZE) -> Computing:
    """Have a process of its own look for devices and time a training step.

    Args:
        network: as bench names it.
        batch: images a step.
        size: pixels of a side.
    """
    return understood(ask(("step", network, str(batch), str(size), "auto"), _PATIENCE))


def understood(answer: Answer) -> Computing:
    """Return what the process said, as far as it came."""
    surroundings = _read(Surroundings, answer.lines[:1])
    step = _read(Step, answer.lines[1:2])
    complete = step or (surroundings and surroundings.refused)
    why = answer.why or ("" if complete else f"it said {answer.lines[-1:]}")
    return Computing(surroundings, step, why)


def check_devices(found: Computing, gpus: int) -> Check:
    """Whether the backend sees the GPUs that the machine has.

    Args:
        found: what the backend said.
        gpus: how many NVIDIA GPUs this process may use.
    """
    name, seen = "devices", found.surroundings
    if seen is None:
        said = f"the backend cannot be asked for its devices: {found.why}"
        return Check(name, "fault", said, _AGAIN)
    values: dict[str, Value] = {"gpu": seen.gpu, "seen": len(seen.devices), "expected_gpus": gpus}
    names = ", ".join(
        f"{count} × {device}" if count > 1 else device
        for device, count in Counter(seen.devices).items()
    )
    if seen.refused:
        return Check(name, "fault", seen.refused, values=values)
    if not seen.gpu and gpus:
        said = f"{seen.backend} was told to leave {_gpus(gpus)} alone, and computes on {names}"
        return Check(name, "warning", said, values=values)
    if seen.gpu and seen.backend == "tensorflow" and len(seen.devices) < gpus:
        said = f"{seen.backend} sees {names}, of {_gpus(gpus)}"
        return Check(name, "warning", said, "see what nvidia-smi says of the others", values)
    if not seen.gpu and seen.backend in _TIMES_TENSORFLOW:
        said = (
            f"{seen.backend} sees {names}, no GPU; on a CPU TensorFlow was measured "
            f"{_TIMES_TENSORFLOW[seen.backend]} times as fast"
        )
        return Check(name, "warning", said, _FASTER, values)
    kind = "" if seen.gpu else ", no GPU"
    return Check(name, "ok", f"{seen.backend} sees {names}{kind}", values=values)


def check_threads(found: Computing) -> Check:
    """With how many threads the backend computes, and what it was told by variables."""
    name, seen = "threads", found.surroundings
    if seen is None:
        return Check(name, "not applicable", "the backend cannot be asked")
    pools = [f"{number} {pool.replace('_', '-')}" for pool, number in seen.threads.items()]
    said = ", ".join(pools) or f"{seen.backend} does not say how many"
    told = [f"{variable}={value}" for variable, value in seen.environment.items()]
    said += f"; set are {', '.join(told)}" if told else ""
    return Check(name, "ok", said, values={**seen.threads, **seen.environment})


def check_step(found: Computing, devices: int) -> Check:
    """Report the time of a training step, and what Table 5 takes with it.

    Args:
        found: what the backend said.
        devices: how many runs would go on at a time, a GPU each.
    """
    name, step = "training step", found.step
    if step is None:
        if found.surroundings is None or found.surroundings.refused:
            return Check(name, "not applicable", "first mend what the devices lack")
        said = f"no step of {NETWORK} can be trained: {found.why}"
        return Check(name, "fault", said, _AGAIN)
    measured = case.of(step.network, batch=step.batch, input_size=SIZE, precision="auto").experiment
    table = project(TABLE, measured, step.seconds, devices)
    compiled = "with XLA" if step.xla else "without XLA"
    said = (
        f"{1000 * step.seconds:,.1f} ms for {step.batch} images of {step.network} in "
        f"{step.precision}, {compiled}"
    )
    values: dict[str, Value] = {
        "seconds": step.seconds,
        "first_seconds": step.first,
        "images_a_second": step.batch / step.seconds,
        "precision": step.precision,
        "xla": step.xla,
    }
    if table is not None:
        at_a_time = f", {devices} at a time" if devices > 1 else ""
        said += (
            f"; with that the {table.runs} runs of Table {TABLE}{at_a_time} take about "
            f"{duration(table.seconds)}, if the others cost in proportion what they cost the "
            "authors"
        )
        values["table_5_seconds"] = table.seconds
    return Check(name, "ok", said, values=values)


def _gpus(number: int) -> str:
    return "this machine's NVIDIA GPU" if number == 1 else f"this machine's {number} NVIDIA GPUs"


def _read(kind: type[_Answer], lines: tuple[str, ...]) -> _Answer | None:
    try:
        return kind.model_validate_json(lines[0]) if lines else None
    except ValidationError:
        return None
