"""Whether the files of a run are still what was written: their content hashed again."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kreproduce.errors import StateError
from kreproduce.runs import checkpoint, predictions
from kreproduce.runs.predictions import Predictions
from kreproduce.runs.records import (
    NO_RECORD,
    Record,
    history_fault,
    read_alone,
    read_predictions,
    read_record,
    weights_name,
)
from kreproduce.runs.status import Entry, way_out
from kreproduce.system import files
from kreproduce.text import printable

Finding = Literal["whole", "damaged", "missing"]


@dataclass(frozen=True)
class Checked:
    """A file of a run, and what its hash says.

    Attributes:
        file: its name in the run's folder.
        found: "whole", "damaged", or "missing": git does not take weights, so that a copy of the
            record from there has none.
    """

    file: str
    found: Finding

    @property
    def is_weights(self) -> bool:
        """Whether it holds weights that a rule kept."""
        return self.file.endswith(".weights.h5")


def finished(run: Path) -> tuple[Record, Predictions]:
    """Return the record and the predictions of a finished run.

    Raises:
        StateError: the run is not complete, or one of them does not count.
    """
    record = read_record(run)
    found = read_predictions(run, record) if isinstance(record, Record) else record
    if not isinstance(record, Record) or isinstance(found, str):
        why = str(found)
        entry = Entry(run, "damaged", why=why)
        advice = "`kreproduce status` says how far it is" if why == NO_RECORD else way_out(entry)
        raise StateError(f"{printable(run)}: {printable(why)}; {advice}")
    return record, found


def check(run: Path) -> list[Checked]:
    """Hash all that a record has the hash of, the record itself, and the checkpoints.

    Of the predictions the accuracies are computed, too, and must be those of the record. What
    weights that are missing were, or whether they gave the predictions, nothing here can tell. A
    run under way removes its older checkpoints; what is gone by then is passed over.
    """
    found = [*_with_record(run)]
    for path in checkpoint.listed(run / "checkpoints"):
        digest = path.stem.rpartition("-")[2]
        state = _state(path, digest)
        found += [] if state == "missing" else [Checked(f"checkpoints/{path.name}", state)]
    return found


def _with_record(run: Path) -> Iterator[Checked]:
    """Yield the record and what it has the hash of; nothing of a run without one."""
    record = read_alone(run)
    if not isinstance(record, Record):
        yield from [] if record == NO_RECORD else [Checked("record.json", "damaged")]
        return
    yield Checked("record.json", "whole")
    has_fault = {
        "history.csv": history_fault(run, record) is not None,
        predictions.FILE: isinstance(read_predictions(run, record), str),
    }
    for name, fault in has_fault.items():
        yield Checked(name, _beside(run / name) if fault else "whole")
    for rule, digest in record.weights.items():
        name = weights_name(rule)
        yield Checked(name, _state(run / name, digest))


def _beside(path: Path) -> Finding:
    """Return what to call a file that its record does not bear out."""
    return "damaged" if os.path.lexists(path) else "missing"


def _state(path: Path, digest: str) -> Finding:
    try:
        whole = files.kind(path) == "a file" and files.sha256(path) == digest
    except FileNotFoundError:
        return "missing"
    except OSError:
        whole = False
    return "whole" if whole else "damaged"
