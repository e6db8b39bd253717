"""What is measured: a network by its name, and how it is fed and computed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kreproduce import paper
from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.text import quoted

# Written out, because the module that has them imports Keras; a test holds them equal.
LOWERINGS = ("auto", "dense", "per_group", "native", "naive", "plain")

_NAME = re.compile(
    r"((?P<size>b[0-7])-)?(?P<variant>baseline|v1|v2)(-(?P<ch>\d{1,5})ch)?"
    r"(?P<no_l>-nol)?(?P<relu>-relu)?(:(?P<lowering>[a-z_]+))?"
)
_SMALL = 64  # pixels; inputs below skip strides, as on CIFAR-10 (section 2.10)


@dataclass(frozen=True)
class Case:
    """A network to be measured.

    Attributes:
        name: as `of` takes it.
        experiment: the settings under which it is trained.
        lowering: how its grouped layers are computed.
    """

    name: str
    experiment: Experiment
    lowering: str


def of(name: str, *, batch: int, input_size: int, precision: str) -> Case:
    """Return the case of a network that is named as run folders name it, say "v2-32ch-relu".

    Behind a colon there may be how its grouped layers are computed: "v2-32ch:naive". An input
    below 64 pixels skips the first three strides, for all networks alike.

    Args:
        name: the network.
        batch: images a step.
        input_size: height and width of the input in pixels.
        precision: as of an experiment; "auto" is float32 on a CPU.

    Raises:
        SettingsError: there is no such network, or a setting is out of range.
    """
    found = _NAME.fullmatch(name.lower())
    if found is None:
        raise SettingsError(
            f"{quoted(name, 60)} is no network: say baseline, v1-16ch, v2-32ch, v2-4ch-nol, "
            "v2-16ch-relu or b3-v2-16ch, and behind a colon how to compute its groups, "
            "as v2-32ch:naive"
        )
    lowering = found["lowering"] or "auto"
    if lowering not in LOWERINGS:
        raise SettingsError(f"{quoted(name, 60)}: groups are computed {', '.join(LOWERINGS)}")
    chosen: dict[str, Any] = {
        "size": (found["size"] or "b0").upper(),
        "variant": found["variant"],
        "ch": found["ch"] and int(found["ch"]),
        "layer_l": not found["no_l"],
        "activation": "relu" if found["relu"] else "swish",
        "batch_size": batch,
        "input_size": input_size,
        "skip_strides": 3 if input_size < _SMALL else 0,
        "precision": precision,
    }
    return Case(name, resolve({"dataset": "cifar10"}, chosen), lowering)


def of_the_paper() -> Sequence[str]:
    """Return the baseline, and V1 and V2 of every Ch that the paper trains on CIFAR-10."""
    tables = [table for table, (dataset, _) in paper.TRAINED.items() if dataset == "cifar10"]
    rows = {(row.variant, row.ch) for table in tables for row in paper.rows(table)}
    grouped = sorted((variant, ch) for variant, ch in rows if ch is not None)
    return ["baseline", *(f"{variant}-{ch}ch" for variant, ch in grouped)]


def noise(count: int, size: int) -> np.ndarray:
    """Return images uint8 (count, size, size, 3) to measure with."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, size, size, 3), np.uint8)
