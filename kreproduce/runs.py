"""The folder of a run: its settings, its state, its history and, at the end, its record.

results/runs/<run name>/
  settings.json              the experiment, complete, and its identity
  status.json                running, interrupted, failed or finished; by whom and since when
  history.csv                a row an epoch
  record.json                written once, when the run is complete: the only witness
  lowest-validation-loss.weights.h5, highest-validation-accuracy.weights.h5
"""

import csv
import io
import json
import os
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kreproduce.errors import StorageError
from kreproduce.experiment import Experiment

RECORD_VERSION = 1
State = Literal["running", "interrupted", "failed", "finished"]


@dataclass(frozen=True)
class Epoch:
    """One row of a history; epochs are counted from 1."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


class RunFolder:
    """One run's folder. Nothing is made on disk before `start`."""

    def __init__(self, results: Path, experiment: Experiment):
        self.experiment = experiment
        self.path = results / "runs" / experiment.run_name
        self._work = self.path

    def record(self) -> dict[str, Any] | None:
        """The record of the finished run, or None."""
        try:
            return dict(json.loads((self.path / "record.json").read_text("utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def check_writable(self) -> None:
        """Find out before anything slow whether the folder can be made.

        Raises:
            StorageError: it cannot.
        """
        existing = next(
            path for path in (self.path, *self.path.absolute().parents) if path.exists()
        )
        if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
            raise StorageError(
                f"{existing} is not a folder that can be written; "
                "choose another place for the results with --results"
            )

    def start(self) -> None:
        """Make the folder, without what an unfinished run left.

        A finished run stays as it is until `finish` puts the new one in its place.
        """
        if self.record() is not None:
            self._work = self.path.with_name(f"{self.path.name}.new")
        settings = self.experiment.model_dump() | {"identity": self.experiment.identity}
        try:
            if self._work.exists():
                shutil.rmtree(self._work)
            self._work.mkdir(parents=True)
            self._write_json("settings.json", settings)
            self.set_state("running", epoch=0)
        except OSError as error:
            raise StorageError(
                f"the run folder {self._work} cannot be written: {error.strerror or error}; "
                "make room or choose another place with --results"
            ) from error

    def set_state(self, state: State, epoch: int, why: str | None = None) -> None:
        """Write down how far the run is: `epoch` epochs are done."""
        status = {
            "state": state,
            "epoch": epoch,
            "epochs": self.experiment.epochs,
            "why": why,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "time": now(),
        }
        self._write_json("status.json", status)

    def write_history(self, history: list[Epoch]) -> None:
        """Write the whole history."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(Epoch.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in history)
        self._write("history.csv", text.getvalue())

    def weights(self, which: str) -> Path:
        """Where the weights with the "lowest validation loss", say, are kept."""
        return self._work / f"{which.replace(' ', '-')}.weights.h5"

    def finish(self, record: dict[str, Any]) -> None:
        """Write the record: from here on the run is complete."""
        self.set_state("finished", epoch=self.experiment.epochs)
        self._write_json("record.json", {"record_version": RECORD_VERSION} | record)
        if self._work != self.path:
            shutil.rmtree(self.path)
            self._work.rename(self.path)
            self._work = self.path

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        self._write(name, json.dumps(values, indent=2) + "\n")

    def _write(self, name: str, text: str) -> None:
        path = self._work / name
        beside = path.with_name(f"{name}.tmp")
        beside.write_text(text, "utf-8")
        beside.replace(path)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def code_version() -> dict[str, Any]:
    """The git commit of this package's source, and whether files of it differ from that.

    Both None where the package is not run from a checkout.
    """
    package = Path(__file__).parent
    commit = _git(package, "rev-parse", "HEAD")
    tracked = commit is not None and _git(package, "ls-files", "--", "runs.py")
    if not tracked:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(_git(package, "status", "--porcelain", "--", "."))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
