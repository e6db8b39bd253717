"""The results folder: whether it can be written, has room, and has locks."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from kreproduce.doctor.check import Check
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import count
from kreproduce.runs.folder import room_needed
from kreproduce.system import disk, files
from kreproduce.system.lock import Lock
from kreproduce.system.provenance import now

_ELSEWHERE = "place with --results"
_BLOCK = 2**20  # bytes written for a trial
_BYTES = 4  # of a weight


def check_results(results: Path) -> Check:
    """Whether files can be written, replaced and removed where the results are to be.

    The folder need not be there. Nothing is left of the trial.
    """
    name = "results folder"
    try:
        with _place(results) as place:
            for content in (bytes(_BLOCK), bytes(1)):
                files.write(place, content)
            if place.read_bytes() != bytes(1):
                return Check(
                    name,
                    "fault",
                    f"{results} does not keep what is written there",
                    f"choose another {_ELSEWHERE}",
                )
    except OSError as error:
        return Check(name, "fault", disk.refusal(f"{results}", error, _ELSEWHERE))
    said = "" if results.is_dir() else ", still to be made"
    return Check(name, "ok", f"{results.absolute()}{said}, can be written")


def check_room(results: Path) -> Check:
    """Whether there is room for the largest run of the paper's tables, the plain network."""
    name, needed = "space", _largest_run()
    try:
        free = disk.room(_existing(results))
    except OSError as error:
        return Check(name, "fault", disk.refusal(f"{results}", error, _ELSEWHERE))
    if free is None:
        found = f"the file system of {results} does not tell how much is free"
        return Check(name, "warning", found, f"see that a run finds {needed / 1e9:.1f} GB there")
    found = f"{free / 1e9:,.1f} GB are free at {results}, and a run takes up to {needed / 1e9:.1f}"
    values = {"free": free, "needed": needed}
    if free < needed:
        remedy = f"make room, or choose another {_ELSEWHERE}"
        return Check(name, "fault", found, remedy, values)
    return Check(name, "ok", found, values=values)


def check_locks(results: Path) -> Check:
    """Whether a lock keeps a second process out; what other machines see cannot be told here."""
    name = "locks"
    try:
        with _place(results) as place:
            first, second = Lock(place), Lock(place)
            try:
                taken = first.take(now())
                holder = first.holder()
                kept = second.is_held() and not second.take(now())
            finally:
                first.free()
                second.free()
    except OSError as error:
        return Check(name, "fault", disk.refusal(f"a lock in {results}", error, _ELSEWHERE))
    if not (taken and kept):
        found = f"a lock in {results} keeps no second process out"
        remedy = f"choose another {_ELSEWHERE}, or start no run twice"
        return Check(name, "fault", found, remedy)
    if holder is None or not holder.locked:
        found = f"the file system of {results} has no locks, and a note does their work"
        return Check(name, "warning", found, "start no run twice")
    return Check(name, "ok", f"a lock in {results} keeps a second process out")


@contextlib.contextmanager
def _place(results: Path) -> Iterator[Path]:
    """Hold a free name where the results are to be; whatever has it at the end is removed.

    Raises:
        OSError: there is a file where a folder has to be.
    """
    place = _existing(results) / f".new-{secrets.token_hex(8)}"
    try:
        yield place
    finally:
        for left in place.parent.glob(f"*{place.name}*"):
            with contextlib.suppress(OSError):
                left.unlink()


def _existing(results: Path) -> Path:
    """Return the folder, or the nearest above it that is there.

    Raises:
        NotADirectoryError: that is a file.
        OSError: it cannot be looked at.
    """
    folders = (results.absolute(), *results.absolute().parents)
    found = next(folder for folder in folders if os.path.lexists(folder))
    if not found.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(found))
    return found


def _largest_run() -> int:
    """Bytes that a run of the plain network needs at most; see `RunFolder.check_space`."""
    weights = _BYTES * count(Architecture(variant="baseline", ch=None)).parameters
    return room_needed(2 * weights, weights)  # the optimizer has a value for each
