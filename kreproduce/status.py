"""What became of every run, by what lies below results/runs: nothing there is trusted or changed.

A run's state follows from its lock, its record and its status, in this order. Everything that is no
run is listed as what it is. Links are not followed.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kreproduce import files
from kreproduce.errors import StorageError, printable
from kreproduce.lock import Holder, Lock
from kreproduce.records import NO_RECORD, Record, read_record
from kreproduce.strict import from_json
from kreproduce.training import checkpoint

State = Literal[
    "done", "running", "interrupted", "failed", "broken off", "put aside", "damaged", "foreign"
]
"""Of a "broken off" run the process is gone without a word; a run "put aside" is finished and being
run anew; a "damaged" one cannot go on; what is "foreign" is no run."""

_LARGEST = 2**20  # bytes of a status.json
_NAMED = 3  # of the files that are no part of a run
_LOCK = re.compile(r"(?!\.\.lock)(.+)\.lock(\.json)?", re.DOTALL)
_PART = re.compile(
    r"checkpoints|(new-)?((record|status|settings)\.json|history\.csv|predictions\.csv\.gz|[a-z_]+\.weights\.h5)"
)
_CHECKPOINT = re.compile(r"epoch-(\d+)-step-(\d+)-")


@dataclass(frozen=True)
class Entry:
    """One thing below results/runs; its text is fit for a terminal.

    Attributes:
        path: where it is.
        state: see `State`.
        epoch: how many epochs are complete, as far as a checkpoint has them; None if unknown.
        step: how many steps of the next epoch are.
        epochs: how many there are to be.
        why: it failed, is damaged or is foreign.
        holder: who is running it.
        time: since when it is in this state, in UTC.
        notes: what else is remarkable.
    """

    path: Path
    state: State
    epoch: int | None = None
    step: int | None = None
    epochs: int | None = None
    why: str | None = None
    holder: Holder | None = None
    time: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """Its name."""
        return printable(self.path.name)


class _Status(BaseModel):
    """A run's status.json."""

    model_config = ConfigDict(strict=True, frozen=True)

    state: Literal["running", "interrupted", "failed", "finished"]
    epoch: Annotated[int, Field(ge=0, le=10**9)]
    step: Annotated[int, Field(ge=0, le=10**9)] = 0
    epochs: Annotated[int, Field(ge=1, le=10**9)]
    why: str | None = None
    time: str


def read(results: Path) -> list[Entry]:
    """All that lies below `results`/runs, in the order of its names.

    Raises:
        StorageError: `results`/runs itself is there and cannot be listed.
    """
    runs = results / "runs"
    try:
        paths = sorted(runs.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"{runs} cannot be read: {error.strerror or error}") from error
    found = (_entry(path) for path in paths)
    return [entry for entry in found if entry is not None]


def of(run: Path) -> Entry:
    """The state of one run, by what lies in its folder and beside it.

    Raises:
        FileNotFoundError: there is nothing.
    """
    try:
        what = files.kind(run)
        if what == "a folder":
            return replace(_of_folder(run), notes=tuple(_notes(run)))
        return _foreign(run, f"a link to {run.readlink()}" if what == "a link" else what)
    except FileNotFoundError:
        raise
    except OSError as error:
        return _foreign(run, f"cannot be read: {error.strerror or error}")


def _entry(path: Path) -> Entry | None:
    """What is to be listed for one name; None for a lock, which belongs to its run."""
    lock = _LOCK.fullmatch(path.name)
    try:
        if lock is None or files.kind(path) != "a file":
            return of(path)
        run = path.with_name(lock[1])
        if not os.path.lexists(run) and path.suffix == ".lock" and Lock(run).is_held():
            return Entry(run, "running", holder=Lock(run).holder())
    except FileNotFoundError:  # removed since it was listed
        pass
    return None


def _of_folder(run: Path) -> Entry:
    lock, status = Lock(run), _status(run)
    if lock.is_held():
        return _at(Entry(run, "running", holder=lock.holder()), status)
    if run.name.endswith(".old"):
        return Entry(run, "put aside", why="finished before, and kept until it is finished anew")
    record = read_record(run)
    if isinstance(record, Record):
        epochs = record.settings.epochs
        return Entry(run, "done", epochs, 0, epochs, time=printable(record.finished))
    if record != NO_RECORD:
        return Entry(run, "damaged", why=printable(record))
    return _unfinished(run, status)


def _unfinished(run: Path, status: _Status | None) -> Entry:
    if not any(_is_part(path.name) for path in run.iterdir()):
        return Entry(run, "foreign", why="a folder, and not of a run")
    if status is None:
        return _at(Entry(run, "broken off"), status)
    if status.state == "finished":
        return Entry(run, "damaged", why="it was finished, and its record.json is gone")
    state: State = "broken off" if status.state == "running" else status.state
    entry = _at(Entry(run, state, time=printable(status.time)), status)
    if (entry.epoch or entry.step) and not checkpoint.listed(run / "checkpoints"):
        return replace(entry, state="damaged", why="no checkpoint is left to go on from")
    return replace(entry, why=status.why and printable(status.why))


def _at(entry: Entry, status: _Status | None) -> Entry:
    """An entry with how far the run is: by its newest checkpoint, or else by its status."""
    if status is not None:
        entry = replace(entry, epoch=status.epoch, step=status.step, epochs=status.epochs)
    for path in checkpoint.listed(entry.path / "checkpoints")[:1]:
        found = _CHECKPOINT.match(path.name)
        if found:
            entry = replace(entry, epoch=int(found[1]), step=int(found[2]))
    return entry


def _status(run: Path) -> _Status | None:
    try:
        return _Status.model_validate(from_json(files.read(run / "status.json", _LARGEST)))
    except (FileNotFoundError, files.UnfitError, ValueError):
        return None


def _notes(run: Path) -> list[str]:
    notes = []
    names = sorted(path.name for path in run.iterdir())
    if "status.json" in names and _status(run) is None:
        notes.append("status.json is damaged")
    for name in filter(_is_part, names):
        what, due = files.kind(run / name), "a folder" if name == "checkpoints" else "a file"
        notes += [] if what == due else [f"{name} is not {due}, but {what}"]
    aside = len(checkpoint.damaged(run / "checkpoints"))
    if aside:
        notes.append(f"damaged checkpoints that were put aside: {aside}")
    strange = [printable(name) for name in names if not _is_part(name)]
    if strange:
        more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
        notes.append(f"no part of a run: {', '.join(strange[:_NAMED])}{more}")
    return notes


def _is_part(name: str) -> bool:
    return _PART.fullmatch(name) is not None


def _foreign(path: Path, why: str) -> Entry:
    return Entry(path, "foreign", why=printable(why))
