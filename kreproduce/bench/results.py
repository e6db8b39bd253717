"""The results of a bench, with the conditions they were measured under: as text, JSON, files."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kreproduce.errors import StorageError
from kreproduce.system import disk, files, outputs


@dataclass(frozen=True)
class Results:
    """What one bench measured.

    Attributes:
        bench: the name of its command.
        conditions: device, backend, precision, versions, time, and what else bears on the numbers.
        rows: what was measured, one thing per row, in full precision.
        cells: the same as a person reads it: a row's cells in the text's table, by column.
    """

    bench: str
    conditions: dict[str, Any]
    rows: list[dict[str, Any]]
    cells: list[dict[str, str]]

    @property
    def path(self) -> Path:
        """Where its files are below results/bench, but for their suffix.

        A folder for each day and device: what was measured there on one day belongs together.
        """
        time = re.sub(r"[-:]|\+.*", "", self.conditions["time"])
        backend, precision = (_plain(self.conditions[key]) for key in ("backend", "precision"))
        folder = f"{time[:8]}-{_plain(self.conditions['device'])}"
        return Path(folder, f"{self.bench}-{backend}-{precision}-{time}Z")

    def json(self) -> str:
        """Everything, as JSON."""
        values = asdict(self)
        del values["cells"]
        return json.dumps(values, indent=2) + "\n"

    def text(self) -> str:
        """Return the conditions and a table."""
        import pandas as pd

        cells = pd.DataFrame(self.cells)
        table = cells.to_markdown(index=False, tablefmt="simple", disable_numparse=True)
        return "\n".join([_sentence(self.bench, self.conditions), "", table, ""])

    def write(self, results: Path) -> Path:
        """Write text and JSON below `results`/bench, and return the text's path.

        Raises:
            StorageError: the disk does not take them.
        """
        stem = results / "bench" / self.path
        with _storage(stem.parent):
            made = outputs.make_folder(stem.parent)
            try:
                files.write(stem.with_name(f"{stem.name}.json"), self.json().encode())
                files.write(stem.with_name(f"{stem.name}.txt"), self.text().encode())
            finally:
                outputs.remove_empty(made)
        return stem.with_name(f"{stem.name}.txt")


def check_writable(results: Path) -> None:
    """Try, before anything is measured, whether `results`/bench can be written; leaves nothing.

    Raises:
        StorageError: it cannot.
    """
    with _storage(results / "bench"):
        outputs.check_folder(results / "bench")


@contextlib.contextmanager
def _storage(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(disk.refusal(f"{folder}", error, "place with --results")) from error


def _sentence(bench: str, conditions: dict[str, Any]) -> str:
    known = {key: value for key, value in conditions.items() if value is not None}
    versions = known.pop("versions")
    lines = [f"{key.replace('_', ' ')}: {value}" for key, value in known.items()]
    lines += [f"{name} {version}" for name, version in versions.items() if version]
    return f"kreproduce bench {bench}\n" + "; ".join(lines)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
