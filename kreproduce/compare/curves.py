"""The curves of a training, read from a CSV file with one row per epoch, whoever wrote it."""

import csv
import io
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kreproduce.errors import DataError, SettingsError
from kreproduce.runs.find import nearest_run

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
"""What is compared; other columns, such as seconds, are passed over."""

# What Keras calls the accuracy, depending on its version and on how it was asked for.
_ACCURACIES = (
    "accuracy",
    "acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
)
# What Keras' CSVLogger writes, for an epoch without a validation, and for one that diverged.
_NOT_MEASURED = ("na", "nan")  # in any capitals

_LARGEST = 16 * 2**20  # bytes; 1000 epochs take 100,000
_MOST_EPOCHS, _LARGEST_LOSS = 1_000_000, 1e30


@dataclass(frozen=True)
class Curves:
    """A training, epoch by epoch.

    Attributes:
        name: of the run, or of the file.
        epochs: counted from 1, ascending.
        values: by metric, one value an epoch; losses are at least 0, accuracies at most 1.
        notes: what was taken otherwise than it stands in the file, a sentence each.
    """

    name: str
    epochs: tuple[int, ...]
    values: dict[str, tuple[float, ...]]
    notes: tuple[str, ...] = ()


def find(where: str, results: Path) -> Path:
    """Return the history that `where` means: a CSV file, a run's folder, or a run below `results`.

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
        f"{where[:200]!r}{nearest_run(where, results)}"
    )


def read(path: Path) -> Curves:
    """Return the curves in a CSV file with a column "epoch" and one or more of `METRICS`.

    A log of Keras' CSVLogger is one, too: its epochs, which are counted from 0, are counted from
    1 here; "acc" is the accuracy; and metrics and epochs that were not measured ("NA") are left
    out.

    Raises:
        DataError: the file is no such history; the message has the line at fault.
    """
    (_, header), *rows = _table(path) or [(1, [])]
    columns = _columns(path, header)
    lines = [_row(f"{path}, line {number}", header, row, columns) for number, row in rows]
    if not lines:
        raise DataError(f"{path} has no epoch yet; wait for the first")
    epochs = [epoch for epoch, _ in lines]
    for earlier, epoch in pairwise(epochs):
        if epoch <= earlier:
            raise DataError(
                f"{path}: epoch {epoch} stands after epoch {earlier}; keep one training in it, "
                "sorted by epoch"
            )
    name = path.parent.name if path.name == "history.csv" else path.stem
    return _curves(path, name or path.stem, epochs, [values for _, values in lines])


def _curves(
    path: Path, name: str, epochs: list[int], rows: list[dict[str, float | None]]
) -> Curves:
    """Return the curves of what was measured, with epochs counted from 1."""
    metrics = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    measured = {
        epoch: row
        for epoch, row in zip(epochs, rows, strict=True)
        if metrics and all(row[name] is not None for name in metrics)
    }
    if not measured:
        raise DataError(
            f"{path} has no epoch in which all of its metrics were measured; give one that has"
        )
    notes = []
    if epochs[0] == 0:
        notes.append(f"{path} counts its epochs from 0, as Keras does: here they count from 1")
    elif epochs[0] > 1:
        notes.append(f"{path} begins with epoch {epochs[0]}, taken as counted from 1")
    if len(measured) < len(epochs):
        notes.append(
            f"{path} lacks a metric in {len(epochs) - len(measured)} of {len(epochs)} epochs, "
            "which are left out"
        )
    shift = 1 if epochs[0] == 0 else 0
    values = {
        name: tuple(value for row in measured.values() if (value := row[name]) is not None)
        for name in metrics
    }
    return Curves(name, tuple(epoch + shift for epoch in measured), values, tuple(notes))


def _table(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that are not empty, by number: the column names, then the rows."""
    text = _text(path)
    # Keras' CSVLogger can be told to separate otherwise.
    first = text.lstrip("\n").partition("\n")[0]
    separator = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    table: list[tuple[int, list[str]]] = []
    while True:
        number = lines.line_num + 1
        try:
            row = next(lines, None)
        except csv.Error as error:
            why = str(error)
            if "end of data" in why:
                raise _unclosed(path, number) from error
            raise DataError(f"{path}, line {number}: it is not CSV ({why}); mend it") from error
        if row is None:
            return table
        if any("\n" in cell for cell in row):  # up to the quote of another cell
            raise _unclosed(path, number)
        if row:
            table.append((number, [cell.strip() for cell in row] if not table else row))


def _unclosed(path: Path, number: int) -> DataError:
    return DataError(f"{path}, line {number}: a quote is not closed on its line; mend it")


def _history(folder: Path) -> Path:
    path = folder / "history.csv"
    if not path.exists():
        raise DataError(f"{folder} holds no history.csv; a run writes it with its first epoch")
    return path


def _text(path: Path) -> str:
    try:
        if not path.is_file():  # to open a pipe would wait for ever
            raise DataError(f"{path} is not a file; give a CSV file with one row per epoch")
        if path.stat().st_size > _LARGEST:
            raise DataError(
                f"{path} is too large for a history; give a CSV file with one row per epoch"
            )
        return path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not text, as CSV is"
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Where the file has the epoch and those of `METRICS` that it has."""
    columns = {}
    for metric in ("epoch", *METRICS):
        part = "val_" if metric.startswith("val_") else ""
        names = [f"{part}{name}" for name in _ACCURACIES] if "accuracy" in metric else [metric]
        found = [name for name in names if name in header]
        if metric in found:
            found = [metric]
        if len(found) > 1:
            raise DataError(
                f"{path} has the columns {' and '.join(found)}; leave one of them, or call one "
                f"{metric}"
            )
        for name in found:
            if header.count(name) > 1:
                times = header.count(name)
                raise DataError(f"{path} has the column {name} {times} times; leave one of them")
            columns[metric] = header.index(name)
    if "epoch" not in columns or len(columns) < 2:
        has = ", ".join(map(repr, header))
        raise DataError(
            f"{path} has the columns {f'{has[:100]}…' if len(has) > 100 else has or '(none)'}, and "
            f"a history has epoch and some of {', '.join(METRICS)}"
        )
    return columns


def _row(
    where: str, header: list[str], row: list[str], columns: dict[str, int]
) -> tuple[int, dict[str, float | None]]:
    """Return the epoch and the metrics of one line; None is what was not measured."""
    if len(row) != len(header):
        raise DataError(f"{where}: it has {len(row)} cells under {len(header)} columns; mend it")
    epoch = _number(where, "epoch", row[columns["epoch"]], 0, _MOST_EPOCHS)
    if not epoch.is_integer():
        raise DataError(f"{where}: epoch {epoch} is not a whole number")
    values: dict[str, float | None] = {}
    for metric, place in columns.items():
        most = 1 if "accuracy" in metric else _LARGEST_LOSS
        if metric != "epoch":
            cell = row[place]
            missing = cell.strip().lower() in _NOT_MEASURED
            values[metric] = None if missing else _number(where, header[place], cell, 0, most)
    return int(epoch), values


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
