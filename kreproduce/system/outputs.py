"""What a command leaves where its user says: over nobody else's file, and nothing if it is refused.

Pictures and pages are known again by a seal, the name of the command and the SHA-256 of the rest of
the file: one that anybody has changed since is no longer the command's.
"""

import contextlib
import hashlib
import os
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from kreproduce.errors import SettingsError, StateError, StorageError
from kreproduce.system import disk, files
from kreproduce.text import alternatives, printable

LARGEST = 2**28  # bytes of a file that may be a command's own
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_KEYWORD = b"kreproduce\x00"


def check_output(
    path: Path, command: str, suffixes: Sequence[str] = (".png",), *, force: bool
) -> None:
    """Refuse, before anything slow, a place where `command` cannot or may not put a file.

    Args:
        path: of the file.
        command: as `write_output` is told.
        suffixes: in one of which its name must end, of those that `sealed` knows.
        force: whether any file may be written over.

    Raises:
        SettingsError: the name ends otherwise.
        StateError: there is a file that `command` did not make, or that was changed since.
        StorageError: it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise SettingsError(
            f"--output {_named(path)}: let its name end in {alternatives(list(suffixes))}"
        )
    with _storage(path):
        if path.is_dir():
            raise _unwritable(path, "it is a folder")
        if not path.parent.is_dir():
            raise _unwritable(path, f"there is no folder {_named(path.parent)}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise _unwritable(path, "its folder is not yours to write in")
    if not force and not is_free(path, lambda content: is_sealed(content, command, suffix)):
        raise StateError(
            f"{_named(path)} is not a file as `kreproduce {command}` made it; choose another "
            "--output, or write over it with --force"
        )


def write_output(path: Path, content: bytes, command: str) -> None:
    """Put a file at `path`, sealed as that of `command`.

    Raises:
        StorageError: the disk does not take it; what was at `path` is as it was.
    """
    with _storage(path):
        write(path, sealed(content, command, path.suffix.lower()))


def sealed(content: bytes, command: str, suffix: str = ".png") -> bytes:
    """Return a file with a few bytes at its end, by which `command` knows it again.

    In a PNG they are a chunk of text before its end; in text and in a PDF, whose readers pass over
    what follows its end, they are a comment.
    """
    if suffix != ".png":
        return content + _comment(content, command, suffix)
    if not content.endswith(_END):
        raise AssertionError("no PNG file")
    body = content.removesuffix(_END)
    return body + _chunk(body, command) + _END


def is_sealed(content: bytes, command: str, suffix: str = ".png") -> bool:
    """Whether this is a file just as `command` made it; of text, however its lines end."""
    if suffix == ".png":
        length = len(_chunk(b"", command)) + len(_END)
        body = content[:-length]
        return body.startswith(_SIGNATURE) and content == body + _chunk(body, command) + _END
    if suffix != ".pdf":
        content = content.replace(b"\r\n", b"\n")
    body = content[: -len(_comment(b"", command, suffix))]
    return bool(body) and content == sealed(body, command, suffix)


def is_free(path: Path, is_own: Callable[[bytes], bool]) -> bool:
    """Whether there is nothing at `path`, or a file of whose content `is_own` is true."""
    if not os.path.lexists(path):
        return True
    try:
        return is_own(files.read(path, LARGEST))
    except FileNotFoundError:  # gone meanwhile
        return True
    except files.UnfitError:
        return False


def begins_as(text: str, lines: int) -> Callable[[bytes], bool]:
    """Tell of a file's content whether its first `lines` are those of `text`."""
    heading = text.encode().splitlines()[:lines]
    return lambda content: content.splitlines()[:lines] == heading


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, by way of a name that nobody else uses.

    Raises:
        OSError: the disk does not take it; what was at `path` is as it was.
    """
    beside = path.with_name(f".new-{secrets.token_hex(8)}")
    try:
        beside.write_bytes(content)
        disk.flush(beside)
        disk.rename(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> list[Path]:
    """Make a folder and those above it; returns those that were not there, the outermost first.

    Raises:
        OSError: it cannot be made; none that was made on the way is left.
    """
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)][::-1]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        remove_empty(missing)
        raise
    return missing


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that `make_folder` made, as far as nothing has come into them."""
    for folder in reversed(list(folders)):
        with contextlib.suppress(OSError):
            folder.rmdir()


def check_folder(path: Path) -> None:
    """Find out whether files can be made in a folder, which need not be there; leaves nothing.

    Raises:
        OSError: they cannot.
    """
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    probe = existing / f".new-{secrets.token_hex(8)}"
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    probe.unlink()


def _comment(body: bytes, command: str, suffix: str) -> bytes:
    said = f"kreproduce {command} {hashlib.sha256(body).hexdigest()}"
    return f"% {said}\n".encode() if suffix == ".pdf" else f"<!-- {said} -->\n".encode()


def _chunk(body: bytes, command: str) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    data = b"tEXt" + _KEYWORD + f"{command} {digest}".encode("latin-1")
    return (len(data) - 4).to_bytes(4, "big") + data + zlib.crc32(data).to_bytes(4, "big")


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _unwritable(path: Path, why: str) -> StorageError:
    return StorageError(f"{_named(path)} cannot be written: {why}; choose another --output")


def _named(path: Path) -> str:
    return printable(str(path))
