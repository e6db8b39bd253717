"""The archive of a dataset, downloaded to where TFDS looks for it.

In a process of its own, which can be ended: TFDS waits without end for a host that has fallen
silent, and a Python whose threads download does not end before they do.
"""

import contextlib
import importlib.util
import shlex
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from kreproduce.data.archives import PUBLISHED, Archive
from kreproduce.data.download_process import Outcome
from kreproduce.data.tfds import default_root
from kreproduce.errors import DataError, StorageError
from kreproduce.system import disk, files
from kreproduce.system.interpreter import python
from kreproduce.system.strict import from_json
from kreproduce.text import printable

_SILENCE = 60.0  # seconds that a host may send nothing
_LOOK = 0.2  # seconds between two looks at how far it is
_LARGEST_NOTE = 2**16  # bytes
ELSEWHERE = "folder with TFDS_DATA_DIR, or with --data-dir of `data prepare`"


class Watch(Protocol):
    """Is told how far a dataset's preparation is."""

    def downloading(self, received: int, size: int) -> None:
        """Take note that so many bytes of `size` have come; told repeatedly, unchanged or not."""

    def preparing(self) -> None:
        """Take note that the archive is there, and its images are being read."""


def is_downloaded(dataset: str, root: Path) -> bool:
    """Whether the archive lies in TFDS' data directory `root`, so that TFDS needs no network.

    TFDS believes the checksum in a file's name; here the file's own must be right.
    """
    archive = PUBLISHED[dataset]
    downloads = root / "downloads"
    return any(
        _is_of(note, archive) for note in (*downloads.glob("*.INFO"), *downloads.glob("*/*.INFO"))
    )


def download(dataset: str, root: Path, scratch: Path, watch: Watch) -> None:
    """Download the archive of `dataset` into TFDS' data directory `root`.

    Args:
        dataset: cifar10, malaria or colorectal_histology.
        root: A folder that exists.
        scratch: An empty folder in it, where the archive lies until it is whole.
        watch: Is told how far it is.

    Raises:
        DataError: The host refuses it, sends something else, breaks off or falls silent for a
            minute; or TensorFlow is not installed.
        StorageError: The disk does not take it.
    """
    archive = PUBLISHED[dataset]
    _check_installed(dataset, root)
    size = f"the archive of '{dataset}' has {_bytes(archive.size)}"
    free = disk.room(root)
    if free is not None and free < archive.size:
        raise StorageError(
            f"{root} has room for {_bytes(free)}, and {size}: make room, or choose another "
            f"{ELSEWHERE}"
        )
    outcome = _watched(dataset, archive, root, scratch, watch)
    if outcome.fault == "disk":
        error = OSError(outcome.errno, outcome.reason)
        raise StorageError(disk.refusal(f"{root}", error, ELSEWHERE, size))
    if outcome.fault:
        raise _fault(dataset, archive, outcome, root, scratch)
    try:
        _move(Path(outcome.file), root / "downloads" / dataset)
    except OSError as error:
        raise StorageError(disk.refusal(f"{root}", error, ELSEWHERE, size)) from error
    watch.downloading(archive.size, archive.size)


def _watched(dataset: str, archive: Archive, root: Path, scratch: Path, watch: Watch) -> Outcome:
    """Return the outcome of a download in a process that ends, whatever becomes of this one."""
    command = python("-m", "kreproduce.data.download_process", dataset, archive.url, str(scratch))
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # it ends when this is closed
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C reaches this process alone
    )
    with process:
        try:
            _wait(process, dataset, archive, root, scratch, watch)
        except BaseException:
            process.kill()
            raise
        said = process.stdout.read() if process.stdout else b""
    try:
        return Outcome.model_validate(from_json(said))
    except (ValueError, ValidationError):
        raise DataError(
            f"the process that downloads {archive.url} ended with {process.returncode}: "
            f"{_again(dataset, archive, root)}"
        ) from None


def _wait(
    process: "subprocess.Popen[bytes]",
    dataset: str,
    archive: Archive,
    root: Path,
    scratch: Path,
    watch: Watch,
) -> None:
    """Until the process has ended, or the host has been silent for too long."""
    latest, since = 0, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK)
        received = _received(scratch)
        if received is None or received > latest:  # it has yet to begin, or goes on
            latest, since = received or 0, time.monotonic()
        watch.downloading(min(latest, archive.size), archive.size)
        if process.returncode is not None:  # and what came last has been said, too
            return
        if time.monotonic() - since > _SILENCE:
            raise DataError(
                f"{_host(archive)} has sent nothing for {_SILENCE:.0f} s, after {_bytes(latest)} "
                f"of {_bytes(archive.size)} of {archive.url}: "
                f"{_again(dataset, archive, root)}"
            )


def _received(scratch: Path) -> int | None:
    """How many bytes have been written; None before the first connection."""
    begun = [path for path in scratch.glob("*/*") if path.is_dir() or path.suffix != ".INFO"]
    if not begun:
        return None
    total = 0
    for path in (*begun, *scratch.glob("*/*/*")):
        with contextlib.suppress(OSError):  # it has just been renamed
            total += path.stat().st_size if path.is_file() else 0
    return total


def _fault(
    dataset: str, archive: Archive, outcome: Outcome, root: Path, scratch: Path
) -> DataError:
    """Return what to say of a download that failed, by no fault of the disk."""
    again = _again(dataset, archive, root)
    received = _received(scratch) or 0
    if outcome.fault == "installation":
        return DataError(
            f"TensorFlow Datasets cannot download '{dataset}' ({printable(outcome.reason)}): "
            "install kreproduce in a new virtual environment, or "
            f"{_by_hand(dataset, archive, root)}"
        )
    if outcome.fault == "content":
        return DataError(
            f"{archive.url} sends another file than the published archive "
            f"({_difference(archive, scratch)}): {again}"
        )
    if outcome.status is not None:
        return DataError(
            f"{_host(archive)} answers with the HTTP status {outcome.status} to {archive.url}: "
            f"{again}"
        )
    if received:
        return DataError(
            f"the download of {archive.url} broke off after {_bytes(received)} of "
            f"{_bytes(archive.size)}: {again}"
        )
    return DataError(f"{archive.url} cannot be downloaded ({printable(outcome.reason)}): {again}")


def _difference(archive: Archive, scratch: Path) -> str:
    """In what a file that was downloaded is not the published one."""
    for path in scratch.glob("*/*/*"):
        with contextlib.suppress(OSError):
            if (size := path.stat().st_size) != archive.size:
                return f"it has {size:,} bytes where {archive.size:,} are expected"
            return f"its SHA-256 is {files.sha256(path)} where {archive.sha256} is expected"
    return "by its checksum"


def _move(file: Path, home: Path) -> None:
    """Put an archive and TFDS' note of it into a folder of TFDS' downloads, the note first."""
    home.mkdir(parents=True, exist_ok=True)
    note = _note(file)
    for path in (note, file):
        disk.flush(path)
        disk.rename(path, home / path.name)
    disk.flush(home)


def _is_of(note: Path, archive: Archive) -> bool:
    """Whether this is TFDS' note of the archive, and that lies whole beside it."""
    try:
        said: Any = from_json(files.read(note, _LARGEST_NOTE))
        file = note.with_suffix("")
        return (
            archive.url in said["urls"]
            and said["url_info"]["checksum"] == archive.sha256
            and file.stat().st_size == archive.size
            and files.sha256(file) == archive.sha256
        )
    except (OSError, files.UnfitError, ValueError, KeyError, TypeError):
        return False


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.INFO")


def _check_installed(dataset: str, root: Path) -> None:
    """Before a long download, that what reads it is there at all."""
    for package in ("tensorflow", "tensorflow_datasets"):
        if importlib.util.find_spec(package) is None:
            raise DataError(
                f"'{dataset}' is downloaded and prepared with the package {package}, which is not "
                f"installed: install it, or {_by_hand(dataset, PUBLISHED[dataset], root)}"
            )


def _again(dataset: str, archive: Archive, root: Path) -> str:
    return f"run the same command again later, or {_by_hand(dataset, archive, root)}"


def _by_hand(dataset: str, archive: Archive, root: Path) -> str:
    name = _name(archive)
    where = "" if root == default_root() else f" --data-dir {shlex.quote(str(root))}"
    command = f"kreproduce data prepare {dataset} --archive {name}{where}"
    return f"get {name} from elsewhere and run `{command}`"


def _name(archive: Archive) -> str:
    return archive.url.rpartition("/")[2]


def _host(archive: Archive) -> str:
    return urllib.parse.urlsplit(archive.url).netloc


def _bytes(number: int) -> str:
    from rich.filesize import decimal

    return decimal(number)
