"""What only a GPU shows, tried on it: short trainings, one killed, two at once, two precisions.

Nothing here asks whether there is a GPU, so that a test can try the same on a CPU; what a sentence
says of the device is what the record of the training says.
"""

import statistics
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from kreproduce.doctor.check import Check, Value
from kreproduce.doctor.child import ask
from kreproduce.doctor.computing import BATCH, NETWORK, SIZE
from kreproduce.doctor.trial import Outcome, Trials
from kreproduce.doctor.worker import Sharing
from kreproduce.experiment.settings import Experiment

_COMPILED = "Compiled cluster using XLA"
"""What TensorFlow logs once a process, when XLA has compiled something in it."""
LOGGING = {"TF_CPP_MIN_LOG_LEVEL": "0"}
"""The variable by which it does."""

_PATIENCE = 1200.0  # seconds of two processes at once
_SECONDS = 20.0  # that they are measured for

# How far apart the losses of float32 and of a mixed precision may be, as a share of the former:
# those of the first epoch, and the means of all. RMSprop's first steps are as long for a small
# gradient as for a large one, so that rounding decides where many weights go: in 200 steps of a
# network of two blocks on a CPU, with three seeds, the first epochs were 5 to 8% apart and the
# means 1 to 4%, no more than two seeds are (20% and 4%). The last epochs were up to 51% apart, and
# tell nothing.
FIRST, MEAN = 0.25, 0.15


def check_gpu(trials: Trials, mixed: Experiment, plain: Experiment) -> Iterator[Check]:
    """Train, kill, resume, look for XLA, and train in float32 beside it.

    Args:
        trials: where.
        mixed: a short training in mixed precision.
        plain: the same in float32.
    """
    first = trials.train(mixed, kill_after=mixed.epochs // 2)
    yield check_training(first, mixed)
    yield check_resuming(first)
    yield check_xla(first)
    if first.why:
        yield Check("precision", "not applicable", "there is no training to compare with")
        return
    yield check_precision(first, trials.train(plain))


def check_training(outcome: Outcome, experiment: Experiment) -> Check:
    """Whether a training came to its end, in its precision, on a GPU, and with a falling loss."""
    name, record = "training", outcome.record
    if record is None:
        why = outcome.why or "it left no record"
        return Check(name, "fault", f"a short training of {experiment.model_name} failed: {why}")
    where, losses = record.conditions, outcome.losses
    said = (
        f"{experiment.model_name} in {where.precision} on {where.devices[0]}, "
        f"{experiment.epochs} short epochs: the loss went from {losses[0]:.3f} to {losses[-1]:.3f}"
    )
    values: dict[str, Value] = {
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "precision": where.precision,
    }
    if not losses[-1] < losses[0]:
        remedy = "it should fall; update the driver, or use another GPU"
        return Check(name, "fault", said, remedy, values)
    if not where.gpu:
        return Check(name, "fault", f"{said}; that is no GPU", _ON_THE_CPU, values)
    return Check(name, "ok", said, values=values)


def check_resuming(outcome: Outcome) -> Check:
    """Whether a killed training went on from where it was saved last."""
    name, killed, resumed = "resuming", outcome.killed, outcome.resumed
    if killed is None:
        return Check(name, "not applicable", "there is no training that could have been killed")
    said = f"a training was killed (SIGKILL) after epoch {killed}"
    if outcome.record is None:
        return Check(name, "fault", f"{said}, and could not go on: {outcome.why}")
    epochs = outcome.record.settings.epochs
    if resumed is None or resumed < killed or len(outcome.losses) != epochs:
        return Check(name, "fault", f"{said}, and began again or lost epochs")
    return Check(name, "ok", f"{said}, and went on from epoch {resumed} to the end, {epochs}")


def check_xla(outcome: Outcome) -> Check:
    """Whether XLA compiled the steps of a training."""
    name, record = "XLA", outcome.record
    if record is None:
        return Check(name, "not applicable", "there is no training that it could have compiled")
    backend = record.conditions.backend
    if backend == "torch":
        return Check(name, "not applicable", "torch computes without it")
    if not record.conditions.jit_compile:
        return Check(name, "fault", "the training ran without it, which is several times slower")
    if backend == "tensorflow" and _COMPILED not in outcome.said:
        said = "Keras asked for it, and TensorFlow does not say that it compiled anything"
        return Check(name, "warning", said, "compare the time of a step with that of other GPUs")
    return Check(name, "ok", f"it compiled the steps of {backend}")


def check_precision(mixed: Outcome, plain: Outcome) -> Check:
    """Whether two precisions have losses as near each other as they normally are."""
    name = "precision"
    if plain.why or not plain.losses or len(plain.losses) != len(mixed.losses):
        return Check(name, "fault", f"the same training in float32 failed: {plain.why}")
    said = f"the loss went {_ends(plain.losses)} in float32, {_ends(mixed.losses)} in the mixed one"
    first = _apart(mixed.losses[0], plain.losses[0])
    mean = _apart(statistics.mean(mixed.losses), statistics.mean(plain.losses))
    values: dict[str, Value] = {"first_apart": first, "mean_apart": mean}
    said += f"; in the first epoch they are {first:.1%} apart, on average {mean:.1%}"
    if not (first <= FIRST and mean <= MEAN):
        said += f", where up to {FIRST:.0%} and {MEAN:.0%} are normal"
        remedy = "train with --precision float32, and update the driver"
        return Check(name, "fault", said, remedy, values)
    return Check(name, "ok", said, values=values)


def check_sharing(
    network: str = NETWORK, batch: int = BATCH, size: int = SIZE, seconds: float = _SECONDS
) -> Check:
    """Whether two trainings at once fit on one device.

    Args:
        network: what both train, as bench names it.
        batch: images a step.
        size: pixels of a side.
        seconds: that both are measured for.
    """
    name = "sharing"
    answer = ask(("sharing", network, str(batch), str(size), "auto", str(seconds)), _PATIENCE)
    try:
        found = None if answer.why else Sharing.model_validate_json("".join(answer.lines))
    except ValidationError:
        found = None
    if found is None:
        why = answer.why or "nothing was measured"
        said = f"two trainings at once on one device failed: {why}"
        return Check(name, "fault", said, "start one run a device (--jobs, --gpus-per-run 1)")
    speeds = found.images_a_second
    each = " and ".join(f"{speed:,.0f}" for speed in speeds)
    said = f"two trainings at once on one device: {each} images/s of {network}"
    return Check(name, "ok", said, values={"images_a_second": sum(speeds)})


_ON_THE_CPU = "see the fault of the devices"


def _apart(one: float, other: float) -> float:
    return abs(one - other) / other


def _ends(losses: Sequence[float]) -> str:
    return f"from {losses[0]:.3f} to {losses[-1]:.3f}"
