"""The curves of a training, read from a CSV file with a row an epoch, whoever wrote it."""

import csv
import difflib
import io
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kreproduce.errors import DataError, SettingsError

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
"""What is compared; other columns, such as seconds, are passed over."""

_LARGEST = 16 * 2**20  # bytes; 1000 epochs take 100,000
_MOST_EPOCHS, _LARGEST_LOSS = 1_000_000, 1e30


@dataclass(frozen=True)
class Curves:
    """A training, epoch by epoch.

    Attributes:
        name: of the run, or of the file.
        epochs: counted from 1, ascending.
        values: by metric, one value an epoch; losses are at least 0, accuracies at most 1.
    """

    name: str
    epochs: tuple[int, ...]
    values: dict[str, tuple[float, ...]]


def find(where: str, results: Path) -> Path:
    """The history that `where` means: a CSV file, a run's folder, or a run below `results`.

    Raises:
        SettingsError: there is nothing of that name.
        DataError: it is a folder without a history.
    """
    for path in (Path(where), results / "runs" / where):
        try:
            if path.is_dir():
                return _history(path)
            if path.exists():
                return path
        except (OSError, ValueError) as error:
            raise DataError(f"{where[:200]!r} cannot be read: {_reason(error)}") from error
    raise SettingsError(
        f"there is no file, no run's folder and no run below {results / 'runs'} that is called "
        f"{where[:200]!r}{_nearest(where, results)}"
    )


def read(path: Path) -> Curves:
    """The curves in a CSV file with a column "epoch" and one or more of `METRICS`.

    Raises:
        DataError: the file is no such history; the message has the line at fault.
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        header = [name.strip() for name in next(lines, [])]
        metrics = _metrics(path, header)
        rows = [
            _row(f"{path}, line {lines.line_num}", header, row, metrics) for row in lines if row
        ]
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: it is not CSV ({error})") from error
    if not rows:
        raise DataError(f"{path} has no epoch yet")
    epochs = tuple(int(row[0]) for row in rows)
    for earlier, epoch in pairwise(epochs):
        if epoch <= earlier:
            raise DataError(f"{path}: epoch {epoch} stands behind epoch {earlier}; sort it")
    values = {name: tuple(row[i] for row in rows) for i, name in enumerate(metrics, start=1)}
    name = path.parent.name if path.name == "history.csv" else path.stem
    return Curves(name or path.stem, epochs, values)


def _history(folder: Path) -> Path:
    path = folder / "history.csv"
    if not path.exists():
        raise DataError(f"{folder} holds no history.csv; a run writes it with its first epoch")
    return path


def _nearest(where: str, results: Path) -> str:
    try:
        names = [path.name for path in (results / "runs").iterdir() if path.is_dir()]
    except OSError:
        return ""
    close = difflib.get_close_matches(where, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _text(path: Path) -> str:
    try:
        if not path.is_file():  # to open a pipe would wait for ever
            raise DataError(f"{path} is not a file; a history is CSV, with a row an epoch")
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} is too large to be a history, which is CSV")
        return path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not text, as CSV is"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _metrics(path: Path, header: list[str]) -> list[str]:
    """Those of `METRICS` that the file has."""
    metrics = [name for name in METRICS if name in header]
    if "epoch" not in header or not metrics:
        has = ", ".join(map(repr, header))
        raise DataError(
            f"{path} has the columns {f'{has[:100]}…' if len(has) > 100 else has or '(none)'}, and "
            f"a history has epoch and some of {', '.join(METRICS)}"
        )
    for name in ("epoch", *metrics):
        if header.count(name) > 1:
            raise DataError(f"{path} has the column {name} {header.count(name)} times")
    return metrics


def _row(where: str, header: list[str], row: list[str], metrics: list[str]) -> list[float]:
    """The epoch and the metrics of one line."""
    if len(row) != len(header):
        raise DataError(f"{where}: it has {len(row)} cells under {len(header)} columns")
    cells = dict(zip(header, row, strict=True))
    epoch = _number(where, "epoch", cells["epoch"], 1, _MOST_EPOCHS)
    if not epoch.is_integer():
        raise DataError(f"{where}: epoch {epoch} is not a whole number")
    return [
        epoch,
        *(
            _number(where, name, cells[name], 0, 1 if "accuracy" in name else _LARGEST_LOSS)
            for name in metrics
        ),
    ]


def _number(where: str, name: str, cell: str, least: float, most: float) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not least <= number <= most:  # what is not a number is nowhere between
        raise DataError(
            f"{where}: {name} is {cell[:40]!r}, not a number between {least:g} and {most:g}"
        )
    return number
