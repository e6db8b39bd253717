"""Checkpoints: everything that training needs to go on, each in one file that proves itself whole.

A file's name has how far training was and the SHA-256 of its content; it is put in its place in
one step (see `files`). So whatever is in the folder under such a name is either a whole checkpoint
or recognised as damaged, at whatever moment the writer was killed.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kreproduce.system import files, npz

Arrays = dict[str, NDArray[Any]]

KEPT = 2  # the newest
_NAME = re.compile(r"epoch-(\d{7})-step-(\d{7})-([0-9a-f]{64})\.npz")
_FACTS = "facts"


@dataclass(frozen=True)
class Checkpoint:
    """One state of training.

    Attributes:
        epoch: how many epochs are complete.
        step: how many steps of the next epoch are.
        facts: what is no array; as JSON has it.
        arrays: by name.
    """

    epoch: int
    step: int
    facts: dict[str, Any]
    arrays: Arrays


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then remove all but the newest two.

    Raises:
        OSError: the disk does not take it; the earlier ones are as they were.
    """
    content = _encoded(checkpoint)
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(exist_ok=True)
    name = f"epoch-{checkpoint.epoch:07}-step-{checkpoint.step:07}-{digest}.npz"
    files.write(folder / name, content)
    others = [path for path in listed(folder) if path.name != name]
    for old in others[KEPT - 1 :]:
        old.unlink(missing_ok=True)
    for left in folder.glob("new-*"):  # by a writer that was killed
        left.unlink(missing_ok=True)


def newest(folder: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Return the newest whole checkpoint, if there is one, and the newer ones that are damaged.

    The damaged ones are put aside, as NAME.damaged.

    Raises:
        OSError: one cannot be read, or put aside.
    """
    damaged: list[Path] = []
    for path in listed(folder):
        found = read(path)
        if found is not None:
            return found, damaged
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        damaged.append(aside)
    return None, damaged


def read(path: Path) -> Checkpoint | None:
    """Return the checkpoint in a file; None if the file is not whole, or not one that `save` wrote.

    Raises:
        OSError: it cannot be read.
    """
    match = _NAME.fullmatch(path.name)
    content = path.read_bytes()
    if match is None or hashlib.sha256(content).hexdigest() != match[3]:
        return None
    try:
        arrays = npz.read(io.BytesIO(content))
        facts = json.loads(arrays.pop(_FACTS).tobytes())
    except MemoryError:  # for a good one
        raise
    # Somebody else's file under a checkpoint's name, whatever it is.
    except Exception:
        return None
    return Checkpoint(int(match[1]), int(match[2]), facts, arrays)


def listed(folder: Path) -> list[Path]:
    """Return the files named as checkpoints, the newest first; links and all else are left out."""
    found = [p for p in _entries(folder) if _NAME.fullmatch(p.name)]
    return sorted((p for p in found if p.is_file() and not p.is_symlink()), reverse=True)


def damaged(folder: Path) -> list[Path]:
    """Return the damaged checkpoints that were put aside."""
    return [path for path in _entries(folder) if path.name.endswith(".damaged")]


def _entries(folder: Path) -> Iterable[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _encoded(checkpoint: Checkpoint) -> bytes:
    facts = json.dumps(checkpoint.facts).encode()
    stream = io.BytesIO()
    arrays = checkpoint.arrays | {_FACTS: np.frombuffer(facts, np.uint8)}
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
