"""Every experiment that was recorded, the paper's or not: the table for whoever goes beyond it."""

import json
from collections.abc import Sequence
from typing import Any

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.network.cost import count
from kreproduce.runs.records import Record
from kreproduce.tables import columns
from kreproduce.tables.columns import Column, Row
from kreproduce.tables.contents import MEASURED_LEGEND, Contents
from kreproduce.tables.measured import summary

# What a row names; whatever else differs from the recipe stands in its footnote.
_NAMED = ("dataset", "variant", "size", "ch", "layer_l", "activation", "epochs")
_OTHERS = ("model", "model_hash")


def _on(row: Row) -> str:
    """Return the images by name, and whether they are only some of them."""
    return row["measured_on"] + (f", {row['limit']:,} of them" if row["limit"] else "")


_COLUMNS = [
    columns.plain("model", "Model"),
    Column("measured_on", "Images", _on),
    columns.count("epochs", "Epochs"),
    columns.count("parameters", "Parameters"),
    columns.count("computations_trained", "Computations"),
    *columns.measured(),
]


def contents_recorded(records: Sequence[Record]) -> Contents:
    """Return one row per experiment, all its seeds together, in the order of their names."""
    table = Contents(
        "recorded",
        title="Recorded experiments",
        columns=_COLUMNS,
        legend=f"{MEASURED_LEGEND} Computations: of the network as trained.",
    )
    for alike in _grouped(records):
        experiment, found = alike[0].settings, summary(alike)
        parameters, computations = _cost(alike[0])
        others = _set(experiment)
        table.rows.append(
            {
                "model": experiment.model_name,
                "measured_on": experiment.data_name,
                "original": alike[0].data.original,
                "epochs": experiment.epochs,
                "limit": experiment.limit,
                "parameters": parameters,
                "computations_trained": computations,
                "measured_mean": found.mean,
                "measured_sd": found.sd,
                "measured_n": found.n,
                "interval_low": found.low,
                "interval_high": found.high,
                "settings": others,
            }
        )
        note = f"{others}; {found.conditions}" if others else found.conditions
        table.mark(len(table.rows) - 1, "measured_mean", note)
    return table


def _cost(record: Record) -> tuple[int, int]:
    """Return parameters and computations: counted again, if the network is one of the paper's."""
    if record.settings.model is not None:
        return record.parameters, record.computations_trained
    cost = count(record.settings.architecture)
    return cost.parameters, cost.computations


def _grouped(records: Sequence[Record]) -> list[list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.run):
        conditions: dict[str, Any] = {
            "on": record.settings.data_name,
            "original": record.data.original,
            "limit": record.settings.limit,
            "fingerprint": record.data.fingerprint,  # other images are another row
        }
        key = json.dumps(record.settings.row_settings | conditions, sort_keys=True)
        groups.setdefault(key, []).append(record)
    return list(groups.values())


def _set(experiment: Experiment) -> str:
    """Return the settings that are not what the recipe gives this network, say "batch_size 32"."""
    values = experiment.row_settings
    named = {name: values[name] for name in _NAMED} | {"classes": experiment.classes}
    named |= {name: getattr(experiment, name) for name in _OTHERS}
    try:
        usual = resolve(named).row_settings
    except SettingsError:  # say, a network of another input size than the recipe's
        usual = {}
    return ", ".join(
        f"{name} {json.dumps(value)}" if not isinstance(value, str) else f"{name} {value}"
        for name, value in values.items()
        if usual.get(name, value) != value
    )
