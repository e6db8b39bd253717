"""Runs that may be compared with each other: equal in everything but the network and the seed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kreproduce.claims.table import HFLIP, Correct, Table
from kreproduce.experiment.settings import Experiment
from kreproduce.network.channels import label
from kreproduce.runs.records import Found, Record, Session, Skipped, read_predictions

# What the claims are about: everything else must be equal.
_COMPARED = {"variant", "ch", "layer_l", "activation", "seed"}
_MIXED = "it went on under other conditions, or with other code, than it began"


@dataclass(frozen=True, eq=False)
class Matched:
    """Runs of one protocol on the same images, under the same conditions.

    Attributes:
        protocol: in words.
        dataset: whose images they are, as the paper calls it.
        epochs: of training.
        published: whether they are trained as rows of the paper, be it on fewer images or others.
        records: by label and seed.
        table: what they made of the test images, plain and with the mirror image.
    """

    protocol: str
    dataset: str
    epochs: int
    published: bool
    records: dict[tuple[str, int], Record]
    table: Table = field(repr=False)

    @property
    def is_papers(self) -> bool:
        """Whether it is the paper's own protocol, on all of its images."""
        record = next(iter(self.records.values()))
        return self.published and record.settings.limit is None and record.data.original


def match(results: Path, found: Found) -> tuple[list[Matched], list[Skipped]]:
    """Return the groups of runs below `results`, the largest first, and who is in none, and why.

    Raises:
        StorageError: predictions cannot be read.
    """
    groups: dict[str, list[Record]] = {}
    left_out = list(found.skipped)
    for record in sorted(found.records, key=lambda record: record.finished):
        if record.code.dirty is not False:
            why = "it ran with changed files" if record.code.dirty else "its commit is unknown"
        elif any(_conditions(session) != _conditions(record) for session in record.sessions):
            why = _MIXED
        elif record.settings.size != "B0":
            why = "the claims are about networks of size B0"
        else:
            groups.setdefault(json.dumps(_key(record), sort_keys=True), []).append(record)
            continue
        left_out.append(Skipped(record.run, why))
    built = [_built(results, records, left_out) for records in groups.values()]
    built.sort(key=lambda group: (-len(group.records), group.protocol))
    return built, left_out


def label_of(settings: Experiment) -> str:
    """Return what the paper's rows call a network, without its size, say "V2 4ch no L"."""
    if settings.variant == "baseline":
        return "baseline"
    parts = [settings.variant.upper(), label(settings.ch)]
    parts += [] if settings.layer_l else ["no L"]
    parts += ["ReLU"] if settings.activation == "relu" else []
    return " ".join(parts)


def _key(record: Record) -> dict[str, Any]:
    """Return what must be equal, in JSON's types."""
    settings = record.settings
    row = settings.published()
    # The paper trained its plain network on enlarged images: a row is what its recipe says.
    alike = (
        {"dataset": row.dataset, "epochs": row.epochs, "limit": settings.limit}
        if row
        else settings.model_dump(
            mode="json", exclude=_COMPARED | {"precision"} | settings.elsewhere
        )
    )
    return {
        "published": row is not None,
        "settings": alike,
        "images": [record.data.name, record.data.fingerprint],
        "conditions": _conditions(record),
    }


def _conditions(ran: Record | Session) -> dict[str, Any]:
    """Conditions and code; the operating system's release computes nothing."""
    conditions = ran.conditions.model_dump(mode="json", exclude={"platform", "devices"})
    devices = sorted(set(ran.conditions.devices))
    return conditions | {"devices": devices, "commit": ran.code.commit}


def _built(results: Path, records: Sequence[Record], left_out: list[Skipped]) -> Matched:
    chosen: dict[tuple[str, int], Record] = {}
    correct: dict[str, dict[int, Correct]] = {}
    for record in records:
        network = (label_of(record.settings), record.settings.seed)
        found = read_predictions(results / "runs" / record.run, record)
        if isinstance(found, str):  # changed since the record was read
            left_out.append(Skipped(record.run, found))
        elif network in chosen:
            left_out.append(Skipped(record.run, f"{chosen[network].run} was the first of its seed"))
        else:
            chosen[network] = record
            label, seed = network
            correct.setdefault(label, {})[seed] = found.plain == found.true
            correct.setdefault(label + HFLIP, {})[seed] = found.hflip == found.true
    first = records[0]
    return Matched(
        protocol=_protocol(records),
        dataset=first.settings.dataset.removesuffix("-heldout"),
        epochs=first.settings.epochs,
        published=first.settings.published() is not None,
        records=chosen,
        table=Table(correct),
    )


def _protocol(records: Iterable[Record]) -> str:
    """Say "reduced protocol on cifar10-heldout, 25 epochs; AMD EPYC, tensorflow, float32"."""
    first = next(iter(records))
    settings, conditions = first.settings, first.conditions
    which = (
        "the paper's protocol"
        if settings.published() and not settings.limit
        else "reduced protocol"
    )
    parts = [f"{which} on {first.data.name}", f"{settings.epochs} epochs"]
    parts += [f"{first.data.train:,} training images"] if settings.limit else []
    devices = " and ".join(sorted(set(conditions.devices)))
    cores = "" if conditions.gpu else f", {conditions.cores} core{'s'[: conditions.cores > 1]}"
    under = f"{devices}{cores}, {conditions.backend}, {conditions.precision}"
    commit = f"commit {first.code.commit[:7]}" if first.code.commit else "no commit"
    return f"{', '.join(parts)}; {under}, {commit}"
