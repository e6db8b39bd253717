"""A run's folder as bytes, to carry it to a machine that shares no storage, and back."""

import io
import shutil
import zipfile
from pathlib import Path

from kreproduce.errors import StorageError
from kreproduce.system import disk


def pack(folder: Path) -> bytes | None:
    """All plain files in a run's folder; None if there is no such folder.

    Raises:
        StorageError: they cannot be read.
    """
    if not folder.is_dir():
        return None
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(buffer, "w") as archive:  # not compressed: weights are noise
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    archive.write(path, path.relative_to(folder))
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be read: {error.strerror or error}; mend it or its permissions"
        ) from error
    return buffer.getvalue()


def unpack(packed: bytes, folder: Path) -> None:
    """Put what was packed in the place of `folder`, which is as it was until all is there.

    Raises:
        StorageError: the disk does not take it.
    """
    beside = folder.with_name(f"{folder.name}.tmp")
    before = folder.with_name(f"{folder.name}.before.tmp")
    try:
        for leftover in (beside, before):
            shutil.rmtree(leftover, ignore_errors=True)
        beside.mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(beside)  # which lets no name lead out of it
        if folder.exists():
            folder.rename(before)
        beside.rename(folder)
        shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        raise StorageError(disk.refusal(f"{folder}", error, "place with --results")) from error
