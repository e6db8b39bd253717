"""What is to be said of images that are read all the same: collected, and said in a line each."""

import threading
from enum import StrEnum

from kreproduce.text import printable


class Remark(StrEnum):
    """A kind of remark; its text closes with the files that it is about."""

    WARNING = "{count} read although Pillow warned of a flaw"
    FURTHER_PICTURES = "{count} read from files with several pictures, the first of which was taken"
    NOTHING_SEEN = "{count} read as plain white, being transparent everywhere"


class Remarks:
    """Remarks on files; several threads may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Remark, dict[str, str]] = {}

    def add(self, remark: Remark, name: str, detail: str = "") -> None:
        """Note a remark on the file `name`, once however often that is read."""
        with self._lock:
            self._found.setdefault(remark, {}).setdefault(name, detail)

    def take(self) -> list[str]:
        """Return one line for each kind of remark, with the number of files, and forget them."""
        with self._lock:
            found, self._found = self._found, {}
        return [_line(remark, found[remark]) for remark in Remark if remark in found]


def _line(remark: Remark, details: dict[str, str]) -> str:
    first = min(details)
    detail = f" ({printable(details[first])})" if details[first] else ""
    count = len(details)
    others = f" and {count - 1:,} other{'s' if count > 2 else ''}" if count > 1 else ""
    text = remark.format(count="1 image was" if count == 1 else f"{count:,} images were")
    return f"{text}: {printable(first)}{detail}{others}"
