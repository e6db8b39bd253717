"""How long a run will take: by records of runs like it, or else by the authors' runs."""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kreproduce import paper
from kreproduce.experiment.settings import Experiment
from kreproduce.runs import records
from kreproduce.runs.folder import RunFolder
from kreproduce.runs.records import Record
from kreproduce.runs.status import read_status

# What the time of an epoch depends on; not on the seed, nor on how many epochs there are.
_ALIKE = (
    *("dataset", "data_name", "limit", "variant", "size", "ch", "layer_l", "activation"),
    *("input_size", "skip_strides", "batch_size", "precision", "validation"),
)


@dataclass(frozen=True)
class Estimate:
    """The time of a run.

    Attributes:
        seconds: from the first epoch that is still to be done to the last.
        source: whose runs say so, with their device.
    """

    seconds: float
    source: str


class Estimates:
    """What is known of the time of runs.

    Args:
        found: recorded runs that tell it; of several alike, the last one finished.
        whose: what they are called.
    """

    def __init__(self, found: Iterable[Record], whose: str):
        self._known: dict[tuple[Any, ...], Estimate] = {
            _key(record.settings): _measured(record, whose)
            for record in sorted(found, key=lambda record: record.finished)
        }

    def of(self, experiment: Experiment, done: int = 0) -> Estimate | None:
        """Return the time that a run needs after `done` epochs; None if nothing like it is known.

        A recorded run counts that has the same network, images, batch size and precision. The
        authors' run must be the one of the paper's row, or that of the row with layer L and
        swish, for they published none without.
        """
        epoch = self._known.get(_key(experiment)) or _authors(experiment)
        return epoch and Estimate(epoch.seconds * (experiment.epochs - done), epoch.source)


def of_this_machine(results: Path) -> Estimates:
    """By the runs in a results folder that were made here: on the device that is used now."""
    return Estimates(_records(results, _is_of_this_machine), "this machine's records")


def of_gpus(results: Path) -> Estimates:
    """By the runs in a results folder that had one GPU, wherever that was."""
    return Estimates(_records(results, _had_one_gpu), "records")


def total(estimates: Iterable[Estimate | None]) -> dict[str, tuple[int, float]]:
    """Sum number and seconds of runs by the source of their estimate, "" for an unknown time."""
    sums: dict[str, tuple[int, float]] = {}
    for estimate in estimates:
        source, seconds = (estimate.source, estimate.seconds) if estimate else ("", 0.0)
        runs, before = sums.get(source, (0, 0.0))
        sums[source] = (runs + 1, before + seconds)
    return sums


def _authors(experiment: Experiment) -> Estimate | None:
    """One epoch of the authors' raw run behind a row of the paper, or nearest to it."""
    row = experiment.published()
    if row is None or experiment.limit is not None:
        return None
    place = (row.dataset, row.epochs, row.variant, row.ch)
    run = paper.authors_run(*place, row.layer_l, row.activation)
    whose = "the authors' runs"
    if run is None:
        run = paper.authors_run(*place, layer_l=True, activation="swish")
        whose = "the authors' runs of the same Ch with L and swish (a guess)"
    if run is None:
        return None
    gpu = "a GPU that they do not name" if run.gpu == "not stated" else run.gpu
    return Estimate(run.epoch_seconds, f"{whose}, {gpu}")


def _records(results: Path, counts: Callable[[Path, Record], bool]) -> Iterable[Record]:
    return [record for record in records.read(results).records if counts(results, record)]


def _measured(record: Record, whose: str) -> Estimate:
    """One epoch of a recorded run."""
    where = record.conditions
    device = where.devices[0] + ("" if where.gpu else f" ({where.cores} cores)")
    return Estimate(record.seconds.median_epoch, f"{whose}, {device}")


def _is_of_this_machine(results: Path, record: Record) -> bool:
    """Who made a record stands in the run's status."""
    status = read_status(RunFolder(results, record.settings).path)
    return status is not None and status.host == socket.gethostname()


def _had_one_gpu(results: Path, record: Record) -> bool:  # noqa: ARG001
    return record.conditions.gpu and record.conditions.replicas == 1


def _key(experiment: Experiment) -> tuple[Any, ...]:
    return tuple(getattr(experiment, name) for name in _ALIKE)
