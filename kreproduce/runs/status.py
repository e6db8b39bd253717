"""What became of every run, by what lies below results/runs: nothing there is trusted or changed.

The one place that says what state a run is in: to `status`, to `sweep` and to a run that goes on.
It follows from the run's lock, its record, its status.json and its checkpoints, in this order.
Everything that is no run is listed as what it is. Links are not followed.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kreproduce.errors import StorageError
from kreproduce.runs import checkpoint
from kreproduce.runs.records import NO_RECORD, Record, read_record
from kreproduce.system import files
from kreproduce.system.lock import Holder, Lock
from kreproduce.system.strict import from_json
from kreproduce.text import printable

State = Literal[
    "missing",
    "running",
    "interrupted",
    "crashed",
    "failed",
    "done",
    "superseded",
    "damaged",
    "foreign",
]
"""Of a "crashed" run the process is gone without a word; a "superseded" one is finished and is
being run from scratch; a "damaged" one cannot go on; what is "foreign" is no run."""

UNFINISHED: tuple[State, ...] = ("interrupted", "crashed", "failed")
"""What goes on from its last checkpoint when it is run again."""

_ENDED: dict[str, State] = {"interrupted": "interrupted", "failed": "failed"}
"""What a process said of its own end; all else it leaves behind by crashing."""

_NEWER = "is of version"
_LARGEST = 2**20  # bytes of a status.json
_NAMED = 3  # of the files that are no part of a run
_LOCK = re.compile(r"(?!\.\.lock)(.+)\.lock(\.json)?", re.DOTALL)
_PART = re.compile(
    r"checkpoints|(new-)?((record|status|settings)\.json|history\.csv|predictions\.csv\.gz"
    r"|[a-z_]+\.weights\.h5|model\.keras|superseded)"
)
_CHECKPOINT = re.compile(r"epoch-(\d+)-step-(\d+)-")
_BEFORE_THE_FIRST_CHECKPOINT = {"settings.json", "status.json", "checkpoints"}


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


class Status(BaseModel):
    """A run's status.json, as its process writes it.

    Attributes:
        state: what the process is doing, or how it ended.
        epoch: how many epochs are done.
        step: how many steps of the next are.
        epochs: how many there are to be.
        why: it failed.
        host: the machine of the process.
        pid: the process.
        time: since when, in UTC.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    state: Literal["running", "interrupted", "failed", "finished"]
    epoch: Annotated[int, Field(ge=0, le=10**9)]
    step: Annotated[int, Field(ge=0, le=10**9)] = 0
    epochs: Annotated[int, Field(ge=1, le=10**9)]
    why: str | None = None
    host: str | None = None
    pid: int | None = None
    time: str


def read_status(run: Path) -> Status | None:
    """Return what the process of a run wrote last; None where that is missing or damaged."""
    try:
        return Status.model_validate(from_json(files.read(run / "status.json", _LARGEST)))
    except (OSError, files.UnfitError, ValueError):
        return None


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
        raise StorageError(
            f"{runs} cannot be read: {error.strerror or error}; mend it or its permissions"
        ) from error
    found = (_entry(path) for path in paths)
    return [entry for entry in found if entry is not None]


def state_of(run: Path) -> Entry:
    """Return the state of one run, by what lies in its folder and beside it."""
    try:
        what = files.kind(run)
        if what == "a folder":
            return replace(_of_folder(run), notes=tuple(_notes(run)))
        return _foreign(run, f"a link to {run.readlink()}" if what == "a link" else what)
    except (FileNotFoundError, NotADirectoryError):
        lock = Lock(run)
        return (
            Entry(run, "running", holder=lock.holder()) if lock.is_held() else Entry(run, "missing")
        )
    except OSError as error:
        return _foreign(run, f"cannot be read: {error.strerror or error}")


SUPERSEDED = "superseded"
"""The file that marks a finished run as put aside by the run that is to replace it."""


def is_superseded(run: Path) -> bool:
    """Whether a folder NAME.old was put aside by kreproduce, and is no copy of somebody's."""
    return (run / SUPERSEDED).is_file()


def strange(run: Path) -> list[str]:
    """Return the names in a run's folder that no run wrote, without hidden ones; sorted.

    Raises:
        OSError: the folder cannot be read.
    """
    names = sorted(path.name for path in run.iterdir())
    return [name for name in names if not (_is_part(name) or name.startswith("."))]


def lost(run: Path) -> str | None:
    """Return what shows that a run without a whole checkpoint had one, and so cannot begin either.

    None of a run that was stopped before its first.

    Raises:
        OSError: the folder cannot be read.
    """
    status = read_status(run)
    if status is not None and (status.epoch, status.step) > (0, 0):
        return "its status.json is of a later moment"
    if checkpoint.damaged(run / "checkpoints"):
        return "those it had are damaged"
    names = sorted({path.name for path in run.iterdir()} - _BEFORE_THE_FIRST_CHECKPOINT)
    more = [name for name in names if not name.startswith("new-")]
    return f"it has {printable(more[0])}" if more else None


def _entry(path: Path) -> Entry | None:
    """Return what is to be listed for one name; None for a lock, which belongs to its run."""
    lock = _LOCK.fullmatch(path.name)
    try:
        is_lock = lock is not None and files.kind(path) == "a file"
    except OSError:  # removed since it was listed, or else its own entry says it
        is_lock = False
    if lock is not None and is_lock:
        if path.suffix != ".lock" or os.path.lexists(path.with_name(lock[1])):
            return None
        path = path.with_name(lock[1])
    entry = state_of(path)
    gone = entry.state == "missing" and not os.path.lexists(path)
    return None if gone else entry


def _of_folder(run: Path) -> Entry:
    lock, status = Lock(run), read_status(run)
    if lock.is_held():
        return _at(Entry(run, "running", holder=lock.holder()), status)
    if is_superseded(run) and run.name.endswith(".old"):
        return Entry(run, "superseded", why="finished, and kept until its successor is finished")
    record = read_record(run)
    if isinstance(record, Record):
        epochs = record.settings.epochs
        return Entry(run, "done", epochs, 0, epochs, time=printable(record.finished))
    if record != NO_RECORD:
        return Entry(run, "damaged", why=printable(record))
    return _unfinished(run, status)


def _unfinished(run: Path, status: Status | None) -> Entry:
    names = [path.name for path in run.iterdir()]
    if not names:
        return Entry(run, "missing", why="an empty folder")
    if not any(map(_is_part, names)):
        return Entry(run, "foreign", why="a folder, and not of a run")
    entry = Entry(run, "crashed")
    if status is not None:
        why = status.why and printable(status.why)
        ended = _ENDED.get(status.state, "crashed")
        entry = Entry(run, ended, why=why, time=printable(status.time))
    if checkpoint.listed(run / "checkpoints"):
        return _at(entry, status)
    if status is not None and status.state == "finished":
        why = "it was finished, and its record.json is gone"
        return _at(replace(entry, state="damaged", why=why), status)
    sign = lost(run)
    if sign is not None:
        why = f"no checkpoint is left to go on from ({sign})"
        entry = replace(entry, state="damaged", why=why)
    return _at(entry, status)


def way_out(entry: Entry) -> str:
    """Say what to do about a damaged or foreign run; never to discard what may be whole."""
    if "cannot be read" in (entry.why or ""):
        return "mend that first"
    if entry.state == "foreign":
        return "move it away"
    if _NEWER in (entry.why or ""):
        return "use the version of kreproduce that wrote it"
    return "restore it from a copy, or start from scratch with --force"


def _at(entry: Entry, status: Status | None) -> Entry:
    """Return an entry with how far the run is: by its newest checkpoint, or else by its status."""
    if status is not None:
        entry = replace(entry, epoch=status.epoch, step=status.step, epochs=status.epochs)
    for path in checkpoint.listed(entry.path / "checkpoints")[:1]:
        found = _CHECKPOINT.match(path.name)
        if found:
            entry = replace(entry, epoch=int(found[1]), step=int(found[2]))
    return entry


def _notes(run: Path) -> list[str]:
    notes = []
    names = sorted(path.name for path in run.iterdir())
    if "status.json" in names and read_status(run) is None:
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
