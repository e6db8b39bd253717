"""What lies in one folder: images, folders, other files, and what a system has left there."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from kreproduce.data.images import reason
from kreproduce.errors import DataError
from kreproduce.text import some

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".webp"}
"""Of the images that are read, in lower case."""

_OTHER_IMAGES = {
    *(".apng", ".avif", ".cr2", ".dcm", ".dib", ".dng", ".eps", ".exr", ".gif", ".hdr", ".heic"),
    *(".heif", ".ico", ".j2k", ".jif", ".jp2", ".jxl", ".nef", ".pbm", ".pgm", ".pnm", ".ppm"),
    *(".psd", ".svg", ".tga"),
}
"""Of images that are not read, but counted wherever they lie."""

_OF_A_SYSTEM = {
    # network storage
    *("#recycle", "#snapshot", "@eadir", "@recently-snapshot", "@recycle", "@sharebin", "@tmp"),
    *("~snapshot", "network trash folder", "temporary items"),
    # Windows
    *("$recycle.bin", "system volume information", "desktop.ini", "ehthumbs.db", "thumbs.db"),
    *("ehthumbs_vista.db", "thumbs.db:encryptable", "zbthumbnail.info"),
    # macOS, Linux, Android, Python
    *("__macosx", "icon\r", "lost+found", "lost.dir", "__pycache__"),
    # hidden ones, of which others may be somebody's own
    *(".@__thumb", ".appledb", ".appledesktop", ".appledouble", ".cache", ".comments", ".dvc"),
    *(".documentrevisions-v100", ".fseventsd", ".git", ".hg", ".idea", ".ipynb_checkpoints"),
    *(".picasaoriginals", ".recycle", ".snapshot", ".snapshots", ".spotlight-v100", ".svn"),
    *(".temporaryitems", ".thumbnails", ".tmp", ".vscode", ".xvpics", ".zfs"),
}
"""Names in lower case, of folders and files alike."""
_OF_A_SYSTEM_BEGIN = (".trash", "._")  # .Trash-1000; ._0.png beside each 0.png that macOS copied
_FOUND = re.compile(r"found\.\d\d\d", re.IGNORECASE)  # where Windows puts what it has repaired


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, by name; what a system has left there is not in it.

    Attributes:
        path: The folder.
        folders: The visible folders.
        images: The visible files with one of `SUFFIXES`, in either case.
        broken: As `images`, but no files: links to nothing, pipes and the like.
        others: The visible files with other suffixes.
        hidden: The hidden images, and the hidden folders with images.
    """

    path: Path
    folders: tuple[str, ...]
    images: tuple[str, ...]
    broken: tuple[str, ...]
    others: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def pictures(self) -> list[Path]:
        """All visible images, be they read or not."""
        others = (name for name in self.others if _is_picture(name))
        return [self.path / name for name in (*self.images, *self.broken, *others)]


def list_folder(folder: Path) -> Listing:
    """List a folder, opening none of its files.

    Raises:
        DataError: It cannot be read, or holds a link that leads in a circle.
    """
    folders: list[str] = []
    images: list[str] = []
    broken: list[str] = []
    others: list[str] = []
    hidden: list[str] = []
    for entry, is_folder in _entries(folder):
        name = entry.name
        is_image = _suffix(name) in SUFFIXES
        if name.startswith("."):
            if count_images(folder / name).images if is_folder else is_image:
                hidden.append(name)
        elif is_folder:
            folders.append(name)
        elif not is_image:
            others.append(name)
        else:
            (images if entry.is_file() else broken).append(name)
    return Listing(
        folder, tuple(folders), tuple(images), tuple(broken), tuple(others), tuple(hidden)
    )


@dataclass(frozen=True)
class Below:
    """How many images lie in a folder and in those inside it, read or not; and what is closed."""

    images: int
    unreadable: int = 0


def count_images(folder: Path) -> Below:
    """Count the images in a folder and in all folders inside it, but for links to other folders.

    A link to a folder that holds it has none.
    """
    try:
        if folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve()):
            return Below(0)
    except (OSError, RuntimeError):  # a link in a circle
        return Below(0, 1)
    refused: list[OSError] = []
    count = 0
    for _, folders, names in os.walk(folder, onerror=refused.append):
        folders[:] = [name for name in folders if not is_of_a_system(name)]
        count += sum(_is_picture(name) for name in names)
    return Below(count, len(refused))


def is_of_a_system(name: str) -> bool:
    """Whether a file or folder called `name` is nobody's images, but a system's own."""
    lower = name.lower()
    return (
        lower in _OF_A_SYSTEM
        or lower.startswith(_OF_A_SYSTEM_BEGIN)
        or _FOUND.fullmatch(name) is not None
    )


def by_suffix(names: Iterable[str]) -> str:
    """How many files have which suffix: ".gif 12, .txt 1"."""
    counts = Counter(_suffix(name) or "without a suffix" for name in names)
    largest_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return some([f"{suffix} {count:,}" for suffix, count in largest_first], 10)


def unreadable(path: Path, error: OSError) -> DataError:
    """Return what to say of a file or folder that cannot be read."""
    return DataError(
        f"{path} cannot be read ({error.strerror or reason(error)}): "
        "mend it or its permissions, or pass another folder"
    )


def _entries(folder: Path) -> Iterable[tuple[os.DirEntry[str], bool]]:
    """Yield the entries of `folder` by name, and whether each is a folder."""
    try:
        with os.scandir(folder) as entries:
            every = sorted((e for e in entries if not is_of_a_system(e.name)), key=_name)
    except OSError as error:
        raise unreadable(folder, error) from error
    for entry in every:
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            if entry.name.startswith("."):
                continue
            raise unreadable(Path(entry.path), error) from error
        yield entry, is_folder


def _is_picture(name: str) -> bool:
    return _suffix(name) in SUFFIXES | _OTHER_IMAGES and not is_of_a_system(name)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()
