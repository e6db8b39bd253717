"""What stands in each of the paper's tables: its title, and its columns as they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

NUMBERS = tuple(range(1, 9))
TITLES = {
    1: "Layers K and L in place of some pointwise convolutions",
    2: "CIFAR-10 after 50 epochs: the baseline, V1 and V2",
    3: "Trainable parameters of B0 to B7 with 10 classes",
    4: "CIFAR-10 after 50 epochs: channels per group",
    5: "CIFAR-10 after 50 epochs: without layer L, and with ReLU",
    6: "CIFAR-10 after 180 epochs",
    7: "Malaria after 75 epochs",
    8: "Colorectal cancer histology after 1000 epochs",
}
NOTHING = "—"


@dataclass(frozen=True)
class Column:
    """A column as it is shown.

    Attributes:
        name: the column of the data whose cells, and whose footnotes, it shows.
        heading: its head.
        text: a row's cell.
    """

    name: str
    heading: str
    text: Callable[[Row], str]


def shown(table: int, *, as_printed: bool = False, data: str | None = None) -> list[Column]:
    """Return the columns of a table in the paper's order; `data` names the images measured."""
    if table == 1:
        return _GROUPING
    if table == 3:
        return _SIZES
    return _TRAINED + ([_PRINTED_ACCURACY] if as_printed else _accuracies(data))


def plain(name: str, heading: str) -> Column:
    """Return a column of cells as they are."""
    return Column(name, heading, lambda row: str(row[name]))


def count(name: str, heading: str) -> Column:
    """Return a column of counts, with thousands apart."""
    return Column(name, heading, lambda row: f"{row[name]:,}")


def percent(name: str, heading: str = "%") -> Column:
    """Return a column of percentages."""
    return Column(name, heading, lambda row: f"{row[name]}%")


_GROUPING = [
    *(count(name, heading) for name, heading in (("ic", "Ic"), ("f", "F"), ("parameters", "P"))),
    count("ch", "Ch"),
    *(
        count(f"{kind}_{path}".lower(), f"{kind}_{path}")
        for path in ("K1", "K2", "L1", "L2")
        for kind in ("G", "Fg")
        if (kind, path[1]) != ("Fg", "2")
    ),
    count("kl_parameters", "K+L params"),
    percent("percent"),
]
_SIZES = [
    plain("size", "Variant"),
    count("baseline", "EfficientNet"),
    count("v2_16ch", "kEffNet V2 16ch"),
    percent("v2_16ch_percent"),
    count("v2_32ch", "kEffNet V2 32ch"),
    percent("v2_32ch_percent"),
]
_TRAINED = [
    plain("model", "Model"),
    count("parameters", "Parameters"),
    percent("parameters_percent"),
    count("computations", "Computations"),
    percent("computations_percent"),
]
_PRINTED_ACCURACY = percent("test_accuracy", "Test acc.")


def _accuracies(data: str | None) -> list[Column]:
    """Return the accuracies; those on other images than the paper's say so in every heading."""
    on = f" on {data}" if data else ""
    return [
        percent("test_accuracy", "Paper's test acc."),
        *measured(on),
        Column("difference", f"Difference{on}", _difference),
    ]


def measured(on: str = "") -> list[Column]:
    """Return the measured accuracy and its interval; `on` follows each heading."""
    return [
        Column("measured_mean", f"Measured test acc.{on}", _mean),
        Column("interval_low", f"95% interval{on}", _interval),
    ]


def _mean(row: Row) -> str:
    if not row["measured_n"]:
        return NOTHING
    spread = "" if row["measured_sd"] is None else f" ± {row['measured_sd']:.2f}"
    return f"{row['measured_mean']:.2f}%{spread} (n = {row['measured_n']})"


def _interval(row: Row) -> str:
    if not row["measured_n"]:
        return NOTHING
    return f"{row['interval_low']:.2f}% to {row['interval_high']:.2f}%"


def _difference(row: Row) -> str:
    if not row["measured_n"]:
        return NOTHING
    return f"{round(row['difference'], 2) + 0.0:+.2f}"  # so that there is no -0.00
