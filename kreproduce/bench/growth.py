"""How long the commands that read all records take, against how many runs there are.

The runs are copies of finished ones under other seeds, in a folder that is removed afterwards.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kreproduce.bench.timing import in_turn, starting
from kreproduce.errors import StateError, StorageError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs import records
from kreproduce.runs.predictions import FILE
from kreproduce.runs.records import Record
from kreproduce.system import disk

_COMMANDS = {
    "table 5": ["table", "5"],
    "table recorded": ["table", "recorded"],
    "status": ["status"],
    "claims": ["claims"],
    "report": ["report", "--force"],
}


def finished(results: Path) -> tuple[Record, ...]:
    """Return the records of finished runs, the ones to copy.

    Raises:
        StateError: there is none.
    """
    found = records.read(results).records
    if not found:
        raise StateError(
            f"no run below {results / 'runs'} is finished: kreproduce run digits makes one"
        )
    return found


def measure(
    results: Path,
    templates: Sequence[Record],
    numbers: Sequence[int],
    repeats: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure each command on so many runs; one row per number and command.

    Args:
        results: where finished runs are recorded.
        templates: of `finished`.
        numbers: of runs.
        repeats: of each measurement.
        say: is told how it goes.

    Raises:
        StorageError: the disk for temporary files does not take 20 KB a run.
    """
    commands = {
        name: ["-m", "kreproduce", *arguments]
        for name, arguments in _COMMANDS.items()
        if name != "report" or find_spec("altair")
    }
    rows: list[dict[str, Any]] = []
    for number in sorted(set(numbers)):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            try:
                _copy(results, templates, number, folder / "results")
            except OSError as error:
                where = "place for temporary files with TMPDIR"
                raise StorageError(disk.refusal(temporary, error, where)) from error
            timings = in_turn([starting(command, folder) for command in commands.values()], repeats)
        for name, timing in zip(commands, timings, strict=True):
            rows.append(
                {
                    "command": name,
                    "runs": number,
                    "repeats": len(timing.seconds),
                    "seconds": timing.median,
                    "every_repeat": list(timing.seconds),
                }
            )
            say(f"{number:,} runs, {name}: {timing.median:.2f} s")
    return rows


def cells(rows: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them, and what a run takes more than at first."""
    first: dict[str, dict[str, Any]] = {}
    return [_cells(row, first.setdefault(row["command"], row)) for row in rows]


def _cells(row: dict[str, Any], first: dict[str, Any]) -> dict[str, str]:
    more, seconds = row["runs"] - first["runs"], row["seconds"] - first["seconds"]
    return {
        "command": row["command"],
        "runs": f"{row['runs']:,}",
        "s": f"{row['seconds']:.2f}",
        "ms a run more": f"{1000 * seconds / more:.1f}" if more else "",
    }


def _copy(results: Path, templates: Sequence[Record], number: int, target: Path) -> None:
    """Write so many copies of finished runs, each of a seed of its own."""
    for seed in range(1, number + 1):
        template = templates[seed % len(templates)]
        settings = Experiment.model_validate(template.settings.model_dump() | {"seed": seed})
        own = {"settings": settings, "run": settings.run_name, "identity": settings.identity}
        folder = target / "runs" / settings.run_name
        folder.mkdir(parents=True)
        (folder / "record.json").write_bytes(template.model_copy(update=own).encoded())
        for name in (FILE, "history.csv"):
            shutil.copyfile(results / "runs" / template.run / name, folder / name)
