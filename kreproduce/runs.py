"""The folder of a run: its settings, its state, its history and, at the end, its record.

results/runs/<run name>/
  settings.json              the experiment, complete, and its identity
  status.json                running, interrupted, failed or finished; by whom and since when
  history.csv                a row an epoch
  record.json                written once, when the run is complete: the only witness
  lowest-validation-loss.weights.h5, highest-validation-accuracy.weights.h5
"""

import contextlib
import csv
import io
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from kreproduce.errors import LockedError, StateError, StorageError
from kreproduce.experiment import Experiment
from kreproduce.records import RECORD_VERSION, read_record

_LONGEST_STATUS = 2**16  # bytes
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
        self._aside = self.path.with_name(f"{self.path.name}.old")
        self._lock = FileLock(self.path.with_name(f"{self.path.name}.lock"))

    def record(self) -> dict[str, Any] | None:
        """The record of the finished run, or None.

        Raises:
            StateError: there is one, and it is not of this experiment or cannot be read.
        """
        if not os.path.lexists(self.path / "record.json"):
            return None
        found = read_record(self.path)
        if isinstance(found, str):
            raise StateError(f"{self.path}: {found}; --force runs it anew")
        return found.model_dump()

    def check_writable(self) -> None:
        """Find out before anything slow whether the folder can be made.

        Raises:
            StorageError: it cannot.
        """
        places = (self.path, *self.path.absolute().parents)
        existing = next(path for path in places if os.path.lexists(path))
        if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
            raise StorageError(
                f"{existing} is not a folder that can be written; "
                "choose another place for the results with --results"
            )
        if self.path.is_symlink():
            raise StorageError(f"{self.path} is a link; remove it or choose another --results")

    def status(self) -> dict[str, Any]:
        """What `set_state` wrote last; empty where that is missing or damaged."""
        path = self.path / "status.json"
        try:
            # A pipe would keep its reader waiting for ever.
            if not path.is_file() or path.stat().st_size > _LONGEST_STATUS:
                return {}
            status = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return status if isinstance(status, dict) else {}

    def is_locked(self) -> bool:
        """Whether a process is at this run now."""
        if not Path(self._lock.lock_file).exists():
            return False
        try:
            with self._lock.acquire(blocking=False):
                return False
        except Timeout:
            return True
        except OSError:  # a lock that cannot be touched cannot be held from here either
            return False

    def claim(self) -> None:
        """Keep other processes out until `close`.

        Raises:
            LockedError: another process is at this run.
            StorageError: the folder cannot be written.
        """
        with self._storage():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=1)  # seconds: somebody may just be asking `is_locked`
            except Timeout:
                raise LockedError(
                    f"another process is at {self.path} ({self._holder()}); wait for it or stop it"
                ) from None

    def start(self, conditions: dict[str, Any]) -> None:
        """Claim the folder and make it anew.

        What an unfinished run left is removed. A finished one is put aside, as NAME.old, until
        the new one is finished.

        Raises:
            LockedError: another process is at this run.
            StorageError: the folder cannot be written.
        """
        self.claim()
        with self._storage():
            if (self.path / "record.json").exists():
                shutil.rmtree(self._aside, ignore_errors=True)
                self.path.rename(self._aside)
            elif self.path.exists():
                shutil.rmtree(self.path)
            self.path.mkdir()
        settings = self.experiment.model_dump() | {"identity": self.experiment.identity}
        self._write_json("settings.json", settings | conditions)
        self.set_state("running", epoch=0)

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
        return self.path / f"{which.replace(' ', '-')}.weights.h5"

    def keep_weights(self, which: str, save: Callable[[Path], None]) -> None:
        """Have `save` write the weights beside the earlier ones, then put them in their place."""
        path = self.weights(which)
        beside = path.with_name(f"new-{path.name}")
        with self._storage():
            save(beside)
            beside.replace(path)

    def finish(self, record: dict[str, Any]) -> None:
        """Write the record: from here on the run is complete."""
        self._write_json("record.json", {"record_version": RECORD_VERSION} | record)
        self.set_state("finished", epoch=self.experiment.epochs)
        shutil.rmtree(self._aside, ignore_errors=True)

    def close(self) -> None:
        """Let other processes in again."""
        self._lock.release(force=True)

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        self._write(name, json.dumps(values, indent=2) + "\n")

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        beside = path.with_name(f"{name}.tmp")
        with self._storage():
            beside.write_text(text, "utf-8")
            beside.replace(path)

    @contextlib.contextmanager
    def _storage(self) -> Iterator[None]:
        """Turn what the disk refuses into one sentence."""
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"the run folder {self.path} cannot be written: {error.strerror or error}; "
                "make room, or choose another place with --results"
            ) from error

    def _holder(self) -> str:
        status = self.status()
        if status.get("state") != "running":
            return "it has just begun"
        return f"process {status.get('pid')} on {status.get('host')}, since {status.get('time')}"


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
