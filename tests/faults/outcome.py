"""What a run came to, to compare: all that it measured, and nothing of when and how fast."""

import csv
import hashlib
import json
from pathlib import Path


def folder_of(results: Path) -> Path:
    """The folder of the only run below `results`."""
    found = [path for path in (results / "runs").iterdir() if path.is_dir()]
    (folder,) = (path for path in found if path.suffix != ".old")
    return folder


def outcome(results: Path) -> dict:
    """Weights, history and tests of the only run below `results`, to the last digit."""
    folder = folder_of(results)
    record = json.loads((folder / "record.json").read_text())
    with (folder / "history.csv").open() as file:
        rows = [[v for name, v in row.items() if name != "seconds"] for row in csv.DictReader(file)]
    return {
        "left": sorted(path.name for path in folder.iterdir()),
        "history": rows,
        "files": {path.name: _sha256(path) for path in sorted(folder.glob("*.h5"))},
        **{name: record[name] for name in ("weights", "best_epoch", "test")},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
