"""How long a run will take: by this machine's records, or else by the authors'."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kreproduce import paper, records
from kreproduce.experiment import Experiment
from kreproduce.records import Record
from kreproduce.runs import RunFolder

# What the time of an epoch depends on; not on the seed, nor on how many epochs there are.
_ALIKE = (
    *("dataset", "data_name", "limit", "variant", "size", "ch", "layer_l", "activation"),
    *("input_size", "skip_strides", "batch_size", "precision", "validation"),
)


@dataclass(frozen=True)
class Estimate:
    """The time of a run.

    Attributes:
        seconds: from the first epoch to the last.
        source: whose runs say so, with their device.
    """

    seconds: float
    source: str


class Estimates:
    """What is known of the time of runs, from the records of one results folder."""

    def __init__(self, results: Path):
        found = records.read(results).records
        here = [record for record in found if _is_of_this_machine(results, record)]
        self._known: dict[tuple[Any, ...], Estimate] = {
            _key(record.settings): _measured(record)
            for record in sorted(here, key=lambda record: record.finished)
        }

    def of(self, experiment: Experiment) -> Estimate | None:
        """The time of a run; None if nothing like it was ever recorded.

        A run of this machine counts that has the same network, images, batch size and precision;
        the last of them, which tells the device that is used now. The authors' run must be the
        one of the paper's row.
        """
        epoch = self._known.get(_key(experiment)) or _authors(experiment)
        return epoch and Estimate(epoch.seconds * experiment.epochs, epoch.source)


def total(estimates: Iterable[Estimate | None]) -> dict[str, tuple[int, float]]:
    """Number and seconds of runs by the source of their estimate, "" for an unknown time."""
    sums: dict[str, tuple[int, float]] = {}
    for estimate in estimates:
        source, seconds = (estimate.source, estimate.seconds) if estimate else ("", 0.0)
        runs, before = sums.get(source, (0, 0.0))
        sums[source] = (runs + 1, before + seconds)
    return sums


def _authors(experiment: Experiment) -> Estimate | None:
    """One epoch of the authors' raw run behind a row of the paper."""
    row = experiment.row()
    if row is None or experiment.limit is not None:
        return None
    run = paper.authors_run(
        row.dataset, row.epochs, row.variant, row.ch, row.layer_l, row.activation
    )
    if run is None:
        return None
    gpu = "a GPU that they do not name" if run.gpu == "not stated" else run.gpu
    return Estimate(run.epoch_seconds, f"the authors' runs, {gpu}")


def _measured(record: Record) -> Estimate:
    """One epoch of a recorded run."""
    device = next(iter(record.conditions.devices), "a device not stated")
    return Estimate(record.seconds["median_epoch"], f"this machine's records, {device}")


def _is_of_this_machine(results: Path, record: Record) -> bool:
    """Whether a record was made here; who made it stands in the run's status."""
    host = RunFolder(results, record.settings).status().get("host")
    return "median_epoch" in record.seconds and host == socket.gethostname()


def _key(experiment: Experiment) -> tuple[Any, ...]:
    return tuple(getattr(experiment, name) for name in _ALIKE)
