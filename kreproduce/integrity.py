"""Whether the files of a run are still what was written: their content hashed anew."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kreproduce import files
from kreproduce.records import Record, read_record, weights_name
from kreproduce.training import checkpoint


@dataclass(frozen=True)
class Checked:
    """A file of a run, and what its hash says.

    Attributes:
        file: its name in the run's folder.
        found: "whole", "damaged", or "missing": weights are not kept with a copy of the record.
    """

    file: str
    found: Literal["whole", "damaged", "missing"]


def check(run: Path) -> list[Checked]:
    """Hash the checkpoints and the weights of a run.

    Its history and predictions are hashed whenever its record is read. A run under way removes
    its older checkpoints; what is gone by then is passed over.
    """
    record = read_record(run)
    digests = {}
    if isinstance(record, Record):
        digests = {weights_name(rule): digest for rule, digest in record.weights.items()}
    found = [_checked(run, name, digest) for name, digest in digests.items()]
    for path in checkpoint.listed(run / "checkpoints"):
        name = f"checkpoints/{path.name}"
        found.append(_checked(run, name, path.stem.rpartition("-")[2]))
    return [one for one in found if one.found != "missing" or "/" not in one.file]


def _checked(run: Path, name: str, digest: str) -> Checked:
    path = run / name
    try:
        whole = files.kind(path) == "a file" and files.sha256(path) == digest
    except FileNotFoundError:
        return Checked(name, "missing")
    except OSError:
        whole = False
    return Checked(name, "whole" if whole else "damaged")
