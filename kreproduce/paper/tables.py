"""Tables 1 to 8 as printed, and the claims of abstract and text."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal

from kreproduce.errors import SettingsError
from kreproduce.paper.files import lines, load

Variant = Literal["baseline", "v1", "v2"]
Activation = Literal["swish", "relu"]

# What the captions of the tables of trained networks say of all their rows: data set, epochs.
TRAINED: dict[int, tuple[str, int]] = {
    2: ("cifar10", 50),
    4: ("cifar10", 50),
    5: ("cifar10", 50),
    6: ("cifar10", 180),
    7: ("malaria", 75),
    8: ("colorectal_histology", 1000),
}


@dataclass(frozen=True)
class Row:
    """A row of Tables 2 and 4 to 8: a trained network, and the cells it prints.

    Attributes:
        table: the table's number.
        label: the first cell, as printed.
        dataset: cifar10, malaria or colorectal_histology.
        epochs: how long it was trained.
        variant: EfficientNet-B0 itself, or kEffNet-B0 V1 or V2.
        ch: channels per group; None for the baseline.
        layer_l: False only in rows labelled "no L"; the baseline, which has none, says True.
        activation: "relu" only in rows labelled "ReLU".
        hflip: whether the outputs for the image and its mirror image were added up.
        parameters: trainable parameters.
        parameters_percent: the same in percent of the table's baseline, as printed.
        computations: computations for one image (both passes, with `hflip`).
        computations_percent: the same in percent of the table's baseline, as printed.
        test_accuracy: percent.
    """

    table: int
    label: str
    dataset: str
    epochs: int
    variant: Variant
    ch: int | None
    layer_l: bool
    activation: Activation
    hflip: bool
    parameters: int
    parameters_percent: str
    computations: int
    computations_percent: str
    test_accuracy: Decimal

    @property
    def passes(self) -> int:
        """How often the network computes for an image (section 2.11)."""
        return 2 if self.hflip else 1


@dataclass(frozen=True)
class SizeRow:
    """A row of Table 3: trainable parameters of one size with 10 classes, and percentages."""

    size: str
    baseline: int
    v2_16ch: int
    v2_16ch_percent: str
    v2_32ch: int
    v2_32ch_percent: str


@dataclass(frozen=True)
class GroupingRow:
    """A row of Table 1: one pointwise convolution and the layers K and L that replace it.

    `ic` input channels and `f` filters have `parameters` weights; with `ch` channels per group
    K and L have `kl_parameters`, which is `percent` of them. `g_` are groups and `fg_` filters
    per group of a path, 0 where there is none (paths K2 and L2 have one filter per group).
    """

    ic: int
    f: int
    parameters: int
    ch: int
    g_k1: int
    fg_k1: int
    g_k2: int
    g_l1: int
    fg_l1: int
    g_l2: int
    kl_parameters: int
    percent: str


@dataclass(frozen=True)
class Claim:
    """A claim of the abstract or the text that can be recomputed.

    Attributes:
        key: a name for it.
        section: where it stands.
        claim: what is claimed, in short.
        printed: the number or word that the paper has for it.
        right: what is right, empty where that is what is printed.
        finding: the code of the finding that says why, empty likewise.
    """

    key: str
    section: str
    claim: str
    printed: str
    right: str
    finding: str


@cache
def rows(table: int) -> tuple[Row, ...]:
    """Return the rows of a table of trained networks, in the paper's order.

    Args:
        table: 2, 4, 5, 6, 7 or 8.

    Raises:
        SettingsError: there is no such table, or it shows no trained networks.
    """
    if table not in TRAINED:
        raise SettingsError(
            f"Table {table} shows no trained networks; ask for one of "
            f"{', '.join(map(str, TRAINED))}"
        )
    return tuple(_row(table, line) for line in lines(f"table_{table}.csv"))


def size_rows() -> tuple[SizeRow, ...]:
    """Table 3, from B0 to B7."""
    return load(SizeRow, "table_3.csv")


def grouping_rows() -> tuple[GroupingRow, ...]:
    """Table 1, in the paper's order."""
    return load(GroupingRow, "table_1.csv")


def claims() -> tuple[Claim, ...]:
    """Return the claims of abstract and text that can be recomputed, in the paper's order."""
    return load(Claim, "claims.csv")


def published(
    dataset: str,
    epochs: int,
    variant: Variant,
    ch: int | None,
    layer_l: bool,
    activation: Activation,
    hflip: bool,
) -> Row | None:
    """Return the first row of exactly these settings in Tables 2 and 4 to 8; None if there is none.

    The arguments are fields of `Row`, and mean what they mean there.
    """
    wanted = (dataset, epochs, variant, ch, layer_l, activation, hflip)
    for row in (row for table in TRAINED for row in rows(table)):
        has = (row.dataset, row.epochs, row.variant, row.ch)
        if (*has, row.layer_l, row.activation, row.hflip) == wanted:
            return row
    return None


def _row(table: int, line: dict[str, str]) -> Row:
    dataset, epochs = TRAINED[table]
    variant, ch, extra = _parse(line["model"])
    return Row(
        table=table,
        label=line["model"],
        dataset=dataset,
        epochs=epochs,
        variant=variant,
        ch=ch,
        layer_l=extra != "no L",
        activation="relu" if extra == "ReLU" else "swish",
        hflip=extra == "+ H Flip",
        parameters=int(line["parameters"]),
        parameters_percent=line["parameters_percent"],
        computations=int(line["computations"]),
        computations_percent=line["computations_percent"],
        test_accuracy=Decimal(line["test_accuracy"]),
    )


def _parse(label: str) -> tuple[Variant, int | None, str]:
    """Variant, channels per group, and what follows them in a row's printed label."""
    if label == "EfficientNet-B0 baseline":
        return "baseline", None, ""
    match = re.fullmatch(r"kEffNet-B0 V([12]) (\d+)ch ?(|no L|ReLU|\+ H Flip)", label)
    if match is None:
        raise ValueError(f"no row of the paper is labelled '{label}'")
    return ("v1" if match[1] == "1" else "v2"), int(match[2]), match[3]
