"""The folder of a run: its settings, its state, its history and, at the end, its record.

results/runs/<run name>/
  settings.json              the experiment, complete, and its identity
  status.json                running, interrupted, failed or finished; by whom and since when
  history.csv                one row per epoch
  predictions.csv.gz         what the headline's weights made of every test image
  record.json                written once, when the run is complete: the only source of its numbers
  best_val_loss.weights.h5, best_val_accuracy.weights.h5
  model.keras                the headline's network in layers of Keras alone, for use elsewhere
  checkpoints/               until the run is complete: what it goes on from
results/runs/<run name>.lock, .lock.json     held while a process is using the run; by whom
"""

import contextlib
import csv
import io
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from kreproduce.data.record import Images
from kreproduce.errors import LockedError, StateError, StorageError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs import checkpoint as checkpoints
from kreproduce.runs import predictions
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.runs.predictions import Predictions
from kreproduce.runs.records import (
    RULES,
    Record,
    Rule,
    Session,
    decoded,
    fault_beside,
    history_digest,
    read_record,
    weights_name,
)
from kreproduce.runs.status import (
    SUPERSEDED,
    Entry,
    Status,
    is_superseded,
    lost,
    read_status,
    strange,
    way_out,
)
from kreproduce.system import disk, files, outputs
from kreproduce.system.lock import Lock
from kreproduce.system.provenance import now
from kreproduce.system.strict import from_json
from kreproduce.text import printable

MODEL = "model.keras"
_LARGEST_JSON = 2**20  # bytes
_LONGEST_REASON = 1000  # characters
WrittenState = Literal["running", "interrupted", "failed", "finished"]


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


@dataclass(frozen=True)
class Digests:
    """The SHA-256 of what lies beside a record: the weights by rule, history, predictions."""

    weights: dict[Rule, str]
    history: str
    predictions: str


class RunFolder:
    """One run's folder. Nothing is made on disk before `claim`."""

    def __init__(self, results: Path, experiment: Experiment):
        self.experiment = experiment
        self.path = results / "runs" / experiment.run_name
        self._aside = self.path.with_name(f"{self.path.name}.old")
        self._lock = Lock(self.path)
        self._made: list[Path] = []

    def record(self) -> Record | None:
        """Return the record of the finished run, or None.

        Raises:
            StateError: there is one, and it is not of this experiment or cannot be read.
        """
        if not os.path.lexists(self.path / "record.json"):
            return None
        found = read_record(self.path)
        if isinstance(found, str):
            advice = way_out(Entry(self.path, "damaged", why=found))
            raise StateError(f"{self.path}: {found}; {advice}")
        return found

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

    def checkpoint(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Return what the run can go on from; None if it has not begun.

        Args:
            warn: is told of damaged checkpoints, which are put aside.

        Raises:
            StateError: the run has begun, and there is no whole checkpoint or another run's
                settings.
            StorageError: the folder cannot be read.
        """
        with self.named(), self._storage():
            if not self.path.is_dir():
                return None
            self._check_own()
            self._check_settings(warn)
            found, damaged = checkpoints.newest(self.path / "checkpoints")
            for aside in damaged:
                warn(f"{aside} is damaged and was put aside")
            if found is None:
                self._check_unused()
            return found

    def is_locked(self) -> bool:
        """Whether a process is using this run now."""
        return self._lock.is_held()

    def check_free(self) -> None:
        """Find out before anything slow whether another process is using this run.

        Raises:
            LockedError: one is.
        """
        if self.is_locked():
            self._refuse()

    def claim(self) -> None:
        """Keep other processes out until `close`.

        Raises:
            LockedError: another process is using this run.
            StorageError: the folder cannot be written.
        """
        with self._storage():
            taken = False
            try:
                taken = self._take()
            finally:
                if not taken:
                    outputs.remove_empty(self._made)
            if not taken:
                self._refuse()

    def check_replaceable(self) -> None:
        """Refuse to remove what no run wrote, before a run begins from scratch.

        Raises:
            StateError: there is something of that kind.
            StorageError: the folder cannot be read.
        """
        with self._storage():
            names = strange(self.path) if self.path.is_dir() else []
        if names:
            raise StateError(
                f"{self.path} has {printable(names[0])}, which no run wrote and which would be "
                "removed; move it away"
            )
        if os.path.lexists(self._aside) and not is_superseded(self._aside):
            raise StateError(f"{self._aside} is where {self.path} would be kept; move it away")

    def begin(self) -> None:
        """Make the claimed folder from scratch.

        What an unfinished run left is removed. A finished one is put aside, as NAME.old, until
        the new one is finished. What no run wrote is not touched.

        Raises:
            StateError: there is something that no run wrote, and that would be removed.
            StorageError: the folder cannot be written.
        """
        with self._storage():
            self.check_replaceable()
            if (self.path / "record.json").exists():
                self._put_aside()
            elif self.path.exists():
                shutil.rmtree(self.path)
            self.path.mkdir()
            self._made.append(self.path)

    def write_settings(self, session: Session, images: Images) -> None:
        """Write down the experiment, and under which conditions it was begun or taken up."""
        data = images.model_dump(mode="json", exclude={"class_names"})  # there may be many
        about = {"session": session.model_dump(mode="json"), "data": data}
        identity = {"identity": self.experiment.identity}
        self._write_json("settings.json", self.experiment.model_dump() | identity | about)

    def set_state(
        self, state: WrittenState, epoch: int, step: int = 0, why: str | None = None
    ) -> None:
        """Write down how far the run is: `epoch` epochs are done, and `step` steps of the next."""
        status = Status(
            state=state,
            epoch=epoch,
            step=step,
            epochs=self.experiment.epochs,
            why=why and printable(why, _LONGEST_REASON),
            host=socket.gethostname(),
            pid=os.getpid(),
            time=now(),
        )
        self._write_json("status.json", status.model_dump())

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and remove all but the last two.

        Raises:
            StorageError: the disk does not take it; the earlier ones are as they were.
        """
        size = sum(array.nbytes for array in checkpoint.arrays.values())
        with self._storage(f"a checkpoint needs {_megabytes(size)}"):
            checkpoints.save(self.path / "checkpoints", checkpoint)

    def check_space(self, checkpoint: Checkpoint) -> None:
        """Find out before training whether what it will write has room.

        Raises:
            StorageError: it has not; the message says how much is needed.
        """
        sizes = {name: array.nbytes for name, array in checkpoint.arrays.items()}
        weights = sum(size for name, size in sizes.items() if name.startswith("weights/"))
        one = sum(size for name, size in sizes.items() if not name.startswith("best/"))
        needed = room_needed(one, weights)
        with self._storage():
            finished = (self.path / "record.json").exists()  # and stays until this one is
            files_there = [] if finished else [p for p in self.path.rglob("*") if p.is_file()]
            there = sum(path.stat().st_size for path in files_there)
            free = disk.room(self.path.parent)
        if free is not None and free < needed - there:
            raise StorageError(
                f"the run needs {_megabytes(needed - there)} in {self.path}, and "
                f"{_megabytes(free)} are free; make room, or choose another place with --results"
            )

    def write_history(self, history: list[Epoch]) -> None:
        """Write the whole history."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(Epoch.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in history)
        self._write("history.csv", text.getvalue().encode())

    def write_predictions(self, found: Predictions) -> None:
        """Write what the headline's weights made of the test images."""
        self._write(predictions.FILE, predictions.encoded(found))

    def weights(self, rule: Rule) -> Path:
        """Where the weights are that a rule kept."""
        return self.path / weights_name(rule)

    def keep_weights(self, rule: Rule, save: Callable[[Path], None]) -> None:
        """Have `save` write the weights beside the earlier ones, then put them in their place."""
        with self._storage():
            files.replace(self.weights(rule), save)

    def keep_model(self, save: Callable[[Path], None]) -> None:
        """Have `save` write the headline's network, likewise."""
        with self._storage():
            files.replace(self.path / MODEL, save)

    def digests(self) -> Digests:
        """Return the SHA-256 of all that a record has the hash of, as it lies there now."""
        with self._storage():
            return Digests(
                weights={rule: files.sha256(self.weights(rule)) for rule in RULES},
                history=history_digest((self.path / "history.csv").read_bytes()),
                predictions=files.sha256(self.path / predictions.FILE),
            )

    def finish(self, record: Record) -> None:
        """Write the record: from here on the run is complete.

        Raises:
            StorageError: the disk does not take it.
        """
        content = record.encoded()
        fault = None if decoded(content) == record else "it cannot be read back"
        fault = fault or fault_beside(self.path, record)
        if fault:  # the run would be lost to every reader
            raise AssertionError(f"the record of {record.run} is not written: {fault}")
        self._write("record.json", content)
        self._clear_up()

    def tidy(self) -> None:
        """Clear up after a process that was killed between writing the record and its end."""
        if not self._is_untidy():
            return
        with contextlib.suppress(OSError, StateError, StorageError):  # what is left harms nobody
            if self._lock.take(now()):
                try:
                    if self.record() is not None:
                        self._clear_up()
                finally:
                    self._lock.free()

    def close(self) -> None:
        """Let other processes in again; of a run that was not begun nothing is left."""
        self._lock.free()
        outputs.remove_empty(self._made)
        self._made = []

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Have a `StateError` begin with the folder that it is about."""
        try:
            yield
        except StateError as error:
            raise StateError(f"{self.path}: {error}") from None

    def _take(self) -> bool:
        """Take the lock; takes note of the folders that were made for it."""
        self._made = outputs.make_folder(self.path.parent)
        try:
            return self._lock.take(now())
        except FileNotFoundError:  # another process that was refused has just removed them
            self._made = outputs.make_folder(self.path.parent)
            return self._lock.take(now())

    def _clear_up(self) -> None:
        """Remove what a finished run no longer needs; its record says all, whatever fails here."""
        for path in self._left():
            shutil.rmtree(path, ignore_errors=True)
        # Of one that was put aside and taken back: a copy of it would be taken for put aside.
        with contextlib.suppress(OSError):
            (self.path / SUPERSEDED).unlink(missing_ok=True)
        with contextlib.suppress(StorageError):
            self.set_state("finished", epoch=self.experiment.epochs)

    def _is_untidy(self) -> bool:
        """Whether more is there than a finished run needs; a copy may lack its status."""
        status = read_status(self.path)
        unfinished = status is not None and status.state != "finished"
        left = (*self._left(), self.path / SUPERSEDED)
        return unfinished or any(os.path.lexists(path) for path in left)

    def _left(self) -> list[Path]:
        """Return what is of no use beside a finished run."""
        aside = [self._aside] if is_superseded(self._aside) else []
        return [*aside, self.path / "checkpoints"]

    def _put_aside(self) -> None:
        """Keep a finished run until its successor is finished, too."""
        files.write(self.path / SUPERSEDED, b"")
        shutil.rmtree(self._aside, ignore_errors=True)
        self.path.rename(self._aside)

    def _check_own(self) -> None:
        """Refuse a folder that has something in it, and nothing of a run."""
        names = strange(self.path)
        if names and len(names) == len(list(self.path.iterdir())):
            raise StateError(f"is no run (it has {printable(names[0])}); move it away")

    def _check_unused(self) -> None:
        """Refuse a folder that has more than a run leaves that was stopped at once."""
        why = lost(self.path)
        if why is not None:
            raise StateError(
                f"no whole checkpoint is left to go on from ({why}); --force starts from scratch"
            )

    def _check_settings(self, warn: Callable[[str], None]) -> None:
        """Refuse a folder whose settings were changed since it was begun, field by field."""
        path = self.path / "settings.json"
        if not path.exists():
            return
        written = _read_json(path)
        if written is None:
            warn(f"{path} is damaged and is written again")
            return
        for name, value in self._decisive().items():
            if written.get(name, value) != value:
                raise StateError(
                    f"its settings.json has {name} {written[name]!r}, and this run {value!r}; "
                    "restore it, or start from scratch with --force"
                )

    def _decisive(self) -> dict[str, Any]:
        return self.experiment.model_dump(exclude=self.experiment.elsewhere)

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        self._write(name, _json(values))

    def _write(self, name: str, content: bytes) -> None:
        with self._storage():
            files.write(self.path / name, content)

    @contextlib.contextmanager
    def _storage(self, needed: str = "") -> Iterator[None]:
        """Turn what the disk refuses into one sentence."""
        try:
            yield
        except OSError as error:
            what = f"the run folder {self.path}"
            refusal = disk.refusal(what, error, "place with --results", needed)
            raise StorageError(refusal) from error

    def _refuse(self) -> NoReturn:
        raise LockedError(self._lock.refusal(f"using {self.path}"))


def room_needed(state: int, weights: int) -> int:
    """Return the bytes that a run takes on disk at most.

    Args:
        state: bytes of the weights and the optimizer's values.
        weights: bytes of the weights alone.
    """
    # Two checkpoints and one being written, each with the best weights of two epochs at most;
    # and those two in files of their own, one of them being written.
    return (checkpoints.KEPT + 1) * (state + 2 * weights) + 3 * weights


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a small file; None where it is missing, damaged or something else."""
    try:
        values = from_json(files.read(path, _LARGEST_JSON))
    except (FileNotFoundError, files.UnfitError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
