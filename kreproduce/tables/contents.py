"""One table complete: cells, marks and footnotes, before any format."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from kreproduce import paper
from kreproduce.runs.records import Record
from kreproduce.tables import recomputed
from kreproduce.tables.causes import cause
from kreproduce.tables.columns import TITLES, Column, shown
from kreproduce.tables.measured import measured

_MEASURED = (
    "measured_on",
    "measured_mean",
    "measured_sd",
    "measured_n",
    "interval_low",
    "interval_high",
    "difference",
)
_LABELS = {1: ("ic", "f", "ch"), 3: ("size",)}
MEASURED_LEGEND = (
    "Measured: mean ± standard deviation over n runs, one a seed. "
    "95% interval: Wilson's, of the mean on that many test images."
)
_LEGEND = f"{MEASURED_LEGEND} Difference: measured less the paper's, in points."


@dataclass
class Contents:
    """A table.

    Attributes:
        name: the number of the paper's table; the name of one of this project's.
        title: what it is of.
        columns: those shown.
        legend: what its measured cells mean; empty where nothing can be measured.
        as_printed: whether the cells are the paper's.
        data: name of the images that the measured cells are of, None for the original ones.
        rows: one dict per row, with one key per column of the data; see results/README.md.
        footnotes: texts, numbered from 1.
        marks: numbers of footnotes, by the row's place and the column's name.
    """

    name: int | str
    title: str
    columns: list[Column]
    legend: str = ""
    as_printed: bool = False
    data: str | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    footnotes: list[str] = field(default_factory=list)
    marks: dict[tuple[int, str], list[int]] = field(default_factory=dict)

    def mark(self, row: int, column: str, footnote: str) -> None:
        """Mark a cell with a footnote; the same text has one number."""
        if footnote not in self.footnotes:
            self.footnotes.append(footnote)
        self.marks.setdefault((row, column), []).append(self.footnotes.index(footnote) + 1)

    def notes(self, row: int) -> list[str]:
        """Return the texts of a row's footnotes, in their order."""
        numbers = {n for (place, _), marks in self.marks.items() if place == row for n in marks}
        return [self.footnotes[number - 1] for number in sorted(numbers)]


def contents(number: int, records: Sequence[Record], data: str | None = None) -> Contents:
    """Return a table recomputed, beside it what `records` measured."""
    trained = number in paper.TRAINED
    table = Contents(
        number,
        title=f"Table {number}. {TITLES[number]}",
        columns=shown(number, data=data),
        legend=_LEGEND if trained else "",
        data=data,
    )
    printed = printed_rows(number)
    for place, cells in enumerate(recomputed.rows(number)):
        row: dict[str, Any] = dict(cells)
        table.rows.append(row)
        if trained:
            row["test_accuracy"] = _accuracy(number, printed[place])
        _mark_differences(table, number, place, printed[place])
        if trained:
            _measure(table, paper.rows(number)[place], row, place, records)
    return table


def contents_as_printed(number: int) -> Contents:
    """Return a table with the paper's own numbers."""
    return Contents(
        number,
        title=f"Table {number}. {TITLES[number]}, as the paper prints it",
        columns=shown(number, as_printed=True),
        as_printed=True,
        rows=printed_rows(number),
    )


def printed_rows(number: int) -> list[dict[str, Any]]:
    """Return the cells that the paper prints; percentages are decimals with the printed digits."""
    if number in paper.TRAINED:
        names = ("parameters", "parameters_percent", "computations", "computations_percent")
        return [
            _decimals(
                {"model": row.label}
                | {name: getattr(row, name) for name in names}
                | {"test_accuracy": row.test_accuracy}
            )
            for row in paper.rows(number)
        ]
    rows = paper.grouping_rows() if number == 1 else paper.size_rows()
    return [_decimals(asdict(row)) for row in rows]


def label(number: int, row: dict[str, Any]) -> str:
    """Return the name of a row: its first cell, or the three settings of Table 1."""
    names = _LABELS.get(number, ("model",))
    if len(names) == 1:
        return str(row[names[0]])
    return ", ".join(f"{name.capitalize()} {row[name]}" for name in names)


def _decimals(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Decimal(value) if name.endswith("percent") else value for name, value in row.items()
    }


def _accuracy(number: int, printed: dict[str, Any]) -> Decimal:
    """Return the paper's accuracy: the one published number that cannot be recomputed here."""
    right = paper.right(number, printed["model"], "test_accuracy")
    return Decimal(right) if right else printed["test_accuracy"]


def _mark_differences(table: Contents, number: int, place: int, printed: dict[str, Any]) -> None:
    """Mark each cell of a row that is not what the paper prints."""
    row, name = table.rows[place], label(number, printed)
    wrong = [column for column in row if row[column] != printed[column]]
    text = {column.name: column.text for column in table.columns}
    for column in wrong:
        known = paper.erratum(number, name, column)
        why = (known and cause(known)) or "not among the known errata"
        cells = f"{text[column](row)}, where the paper prints {text[column](printed)}"
        table.mark(place, column, f"{name}: {cells}: {why}")
    row["differs_from_print"] = " ".join(wrong)


def _measure(
    table: Contents, printed: paper.Row, row: dict[str, Any], place: int, records: Sequence[Record]
) -> None:
    found = measured(printed, records, table.data)
    row |= dict.fromkeys(_MEASURED) | {"measured_on": table.data or printed.dataset}
    if isinstance(found, str):
        row["measured_n"] = 0
        table.mark(place, "measured_mean", found)
        return
    row |= {
        "measured_mean": found.mean,
        "measured_sd": found.sd,
        "measured_n": found.n,
        "interval_low": found.low,
        "interval_high": found.high,
        "difference": round(found.mean - float(row["test_accuracy"]), 4),
    }
    table.mark(place, "measured_mean", found.conditions)
