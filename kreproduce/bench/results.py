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
        bench: steps, table, start-up, memory, parallel or steps-per-execution.
        conditions: device, backend, precision, versions, time, and what else bears on the numbers.
        rows: what was measured, one thing per row, in full precision.
        cells: the same as a person reads it: a row's cells in the text's table, by column.
    """

    bench: str
    conditions: dict[str, Any]
    rows: list[dict[str, Any]]
    cells: list[dict[str, str]]

    @property
    def name(self) -> str:
        """The name of its files: the bench, the device, the backend, the precision, the time."""
        conditions = (self.conditions[key] for key in ("device", "backend", "precision"))
        time = re.sub(r"[-:]|\+.*", "", self.conditions["time"])
        return "-".join([self.bench, *map(_plain, conditions), f"{time}Z"])

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
        folder = results / "bench"
        with _storage(folder):
            made = outputs.make_folder(folder)
            try:
                files.write(folder / f"{self.name}.json", self.json().encode())
                files.write(folder / f"{self.name}.txt", self.text().encode())
            finally:
                outputs.remove_empty(made)
        return folder / f"{self.name}.txt"


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
