"""What stands in each table: its title, and its columns as data and as they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

NUMBERS = tuple(range(1, 9))
RECORDED = 0  # no table of the paper's: see `recorded`
TITLES = {
    RECORDED: "Recorded experiments",
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
    if table == RECORDED:
        return _RECORDED
    if table == 1:
        return _GROUPING
    if table == 3:
        return _SIZES
    return _TRAINED + ([_PRINTED_ACCURACY] if as_printed else _measured(data))


def _plain(name: str, heading: str) -> Column:
    return Column(name, heading, lambda row: str(row[name]))


def _count(name: str, heading: str) -> Column:
    return Column(name, heading, lambda row: f"{row[name]:,}")


def _percent(name: str, heading: str = "%") -> Column:
    return Column(name, heading, lambda row: f"{row[name]}%")


_GROUPING = [
    *(_count(name, heading) for name, heading in (("ic", "Ic"), ("f", "F"), ("parameters", "P"))),
    _count("ch", "Ch"),
    *(
        _count(f"{kind}_{path}".lower(), f"{kind}_{path}")
        for path in ("K1", "K2", "L1", "L2")
        for kind in ("G", "Fg")
        if (kind, path[1]) != ("Fg", "2")
    ),
    _count("kl_parameters", "K+L params"),
    _percent("percent"),
]
_SIZES = [
    _plain("size", "Variant"),
    _count("baseline", "EfficientNet"),
    _count("v2_16ch", "kEffNet V2 16ch"),
    _percent("v2_16ch_percent"),
    _count("v2_32ch", "kEffNet V2 32ch"),
    _percent("v2_32ch_percent"),
]
_TRAINED = [
    _plain("model", "Model"),
    _count("parameters", "Parameters"),
    _percent("parameters_percent"),
    _count("computations", "Computations"),
    _percent("computations_percent"),
]
_PRINTED_ACCURACY = _percent("test_accuracy", "Test acc.")


def _measured(data: str | None) -> list[Column]:
    """Return the accuracies; those on other images than the paper's say so in every heading."""
    on = f" on {data}" if data else ""
    return [
        _percent("test_accuracy", "Paper's test acc."),
        Column("measured_mean", f"Measured test acc.{on}", _mean),
        Column("interval_low", f"95% interval{on}", _interval),
        Column("difference", f"Difference{on}", _difference),
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


def _on(row: Row) -> str:
    """Return the images by name, and whether they are only some of them."""
    return row["measured_on"] + (f", {row['limit']:,} of them" if row["limit"] else "")


_RECORDED = [
    _plain("model", "Model"),
    Column("measured_on", "Images", _on),
    _count("epochs", "Epochs"),
    _count("parameters", "Parameters"),
    _count("computations_trained", "Computations"),
    Column("measured_mean", "Measured test acc.", _mean),
    Column("interval_low", "95% interval", _interval),
]
