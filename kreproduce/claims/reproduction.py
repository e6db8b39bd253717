"""The report of the reproduction, docs/reproduction.md: prose from a template, numbers from data.

They come from the audit, the paper's raw runs, the recipes and the records; where nothing was
measured, the template says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import jinja2

from kreproduce import paper
from kreproduce.audit import audit, cells, checks_by_verdict, findings_by_kind, not_computed
from kreproduce.claims import planned
from kreproduce.claims.decide import VERDICTS, Decision, Verdict
from kreproduce.claims.matched import label_of
from kreproduce.claims.report import (
    NOTES,
    Report,
    Section,
    about,
    left_out_lines,
    markdown_table,
    networks_table,
    signed,
    verdicts_table,
)
from kreproduce.claims.statistics import CONFIDENCE, Contrast
from kreproduce.claims.table import HFLIP
from kreproduce.experiment.settings import Experiment, of_row
from kreproduce.network.architecture import STRIDES
from kreproduce.runs.records import Record
from kreproduce.tables.measured import Measured, measured
from kreproduce.training.schedule import FLOOR, PEAK_EPOCH, learning_rate

_ABLATIONS = {
    "channels per group, from 32 down to 2": ("C01", "C02"),
    "layer L, together with the interleaving": ("C05", "C06"),
    "swish, for ReLU": ("C07", "C08"),
    "the mirror image in testing": ("C09",),
    "V2's groups, for V1's": ("C10", "C11"),
}
"""What of the method is changed, and the claims about it."""

_TEMPLATE = Path(__file__).with_name("reproduction.md.jinja")


def markdown(found: Report) -> str:
    """Return the report in Markdown, with links as from docs/; the same from run to run."""
    return render_template(
        _TEMPLATE,
        audit=Audited.done(),
        authors=_Authors.read(),
        measured=cells_measured(found.records),
        reduced=Reduced.of(found),
        protocols=[_Protocol.of(section) for section in found.sections],
        ablations="\n".join(_ablations(found)),
        without_runs=[(decision.claim.code, decision.claim.claim) for decision in found.others],
        left_out=left_out_lines(found.left_out),
        settings="\n".join(_settings(found.records)),
        rate=_Rate(),
        notes=NOTES,
    )


def render_template(template: Path, **values: Any) -> str:
    """Return a page whose prose is a Jinja template and whose numbers are `values`."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # it is Markdown
    )
    environment.filters |= {"count": _count, "names": _names}
    return environment.from_string(template.read_text(encoding="utf-8")).render(**values)


@dataclass(frozen=True)
class Audited:
    """What the audit counted.

    Attributes:
        cells, statements: checks of the tables' cells, and of what abstract and text say.
        as_printed: statements held against printed accuracies alone.
        equal, confirmed, different: checks that are as printed, that differ as a finding says, and
            otherwise.
        findings: by kind, in words.
        by_reading: codes of findings that no number decides.
        accuracies, unpublished: accuracy cells, and those without a published raw run.
    """

    cells: int
    statements: int
    as_printed: int
    equal: int
    confirmed: int
    different: int
    findings: dict[str, int]
    by_reading: tuple[str, ...]
    accuracies: int
    unpublished: int

    @classmethod
    def done(cls) -> "Audited":
        checks = audit()
        counts = checks_by_verdict(checks)
        unpublished, as_printed, by_reading = not_computed()
        of_cells = len(list(cells.checks()))
        return cls(
            cells=of_cells,
            statements=len(checks) - of_cells,
            as_printed=len(as_printed.names),
            equal=counts["equal"],
            confirmed=len(checks) - counts["equal"] - counts["different"],
            different=counts["different"],
            findings={f"{kind}": number for kind, number in findings_by_kind().items()},
            by_reading=by_reading.names,
            accuracies=unpublished.of,
            unpublished=len(unpublished.names),
        )


@dataclass(frozen=True)
class _Authors:
    """What the authors' published raw runs took.

    Attributes:
        runs: how many there are.
        hours: of a GPU, by the median time of an epoch.
        gpus: that they name.
    """

    runs: int
    hours: int
    gpus: tuple[str, ...]

    @classmethod
    def read(cls) -> "_Authors":
        runs = paper.runs()
        seconds = sum(run.epochs * run.epoch_seconds for run in runs)
        gpus = sorted({run.gpu for run in runs} - {"not stated"})
        return cls(len(runs), round(seconds / 3600), tuple(gpus))


def cells_measured(records: Sequence[Record]) -> int:
    """How many accuracy cells of the paper have a run of exactly their settings."""
    rows = [row for table in paper.TRAINED for row in paper.rows(table)]
    return sum(isinstance(measured(row, records), Measured) for row in rows)


@dataclass(frozen=True)
class Reduced:
    """The runs of the reduced protocol, whether or not they can be compared yet.

    Attributes:
        runs: how many of the planned ones are on record.
        more: how many others there are of the planned networks, with other seeds.
        planned: how many there are to be.
        networks, seeds: planned.
        first: when the first was complete, in UTC; empty without runs.
    """

    runs: int
    more: int
    planned: int
    networks: int
    seeds: int
    first: str

    @classmethod
    def of(cls, found: Report) -> "Reduced":
        runs = [record for record in found.records if planned.is_planned(record.settings)]
        every = [record for record in found.records if _is_reduced(record)]
        networks, seeds = len(planned.networks()), len(planned.SEEDS)
        return cls(
            runs=len(runs),
            more=len(every) - len(runs),
            planned=networks * seeds,
            networks=networks,
            seeds=seeds,
            first=min((record.finished for record in runs), default=""),
        )


def _is_reduced(record: Record) -> bool:
    return planned.is_of_a_network(record.settings)


@dataclass(frozen=True)
class _Protocol:
    """What the runs of one protocol decide.

    Attributes:
        name: of the protocol.
        is_papers: whether it is the paper's own.
        is_reduced: whether it is the planned reduced one.
        decided: codes by verdict.
        claims: how many there are.
        most_seeds: that any claim rests on.
        compared: codes of the claims that any runs are about.
        missing: networks of the claims that were not run.
        unplanned: those of them that no planned run of a reduced protocol will bring.
        by_accuracy: a network's accuracy in percent, the mean over seeds, by the weights of the
            highest validation accuracy.
        verdicts: a table in Markdown.
        networks: likewise.
        about: what was compared, in sentences.
        told: points by which a difference of two networks has to be off to be told from none, the
            median over them; None with one seed.
        repeated: points within which 19 of 20 pairs of single runs of one network lie; likewise.
    """

    name: str
    is_papers: bool
    is_reduced: bool
    decided: dict[Verdict, list[str]]
    claims: int
    most_seeds: int
    compared: list[str]
    missing: list[str]
    unplanned: list[str]
    by_accuracy: dict[str, float]
    verdicts: str
    networks: str
    about: list[str]
    told: float | None
    repeated: float | None

    @classmethod
    def of(cls, section: Section) -> "_Protocol":
        decisions = section.decisions
        missing = [
            label.removesuffix(HFLIP)
            for decision in decisions
            for label in decision.comparison.missing
        ]
        to_come = {label_of(settings) for settings in planned.networks()}
        is_reduced = any(map(_is_reduced, section.runs.records.values()))
        return cls(
            name=section.runs.protocol,
            is_papers=section.runs.is_papers,
            is_reduced=is_reduced,
            decided={
                verdict: [d.claim.code for d in decisions if d.verdict == verdict]
                for verdict in VERDICTS
            },
            claims=len(decisions),
            most_seeds=max(len(decision.comparison.seeds) for decision in decisions),
            compared=[d.claim.code for d in decisions if d.comparison.seeds],
            missing=list(dict.fromkeys(missing)),
            unplanned=[one for one in dict.fromkeys(missing) if is_reduced and one not in to_come],
            by_accuracy=_by_accuracy(section),
            verdicts="\n".join(verdicts_table(decisions)),
            networks="\n".join(networks_table(section.runs)),
            about=about(section.runs),
            told=_told(section),
            repeated=_repeated(section),
        )


def _by_accuracy(section: Section) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for (label, _), record in section.runs.records.items():
        found.setdefault(label, []).append(record.test["best_val_accuracy"].accuracy.plain)
    return {label: 100 * fmean(found[label]) for label in section.runs.table.networks}


def _ablations(found: Report) -> list[str]:
    """Return a table of what is changed, and what the runs of each protocol say of it."""
    rows = []
    for what, codes in _ABLATIONS.items():
        for code in codes:
            said = {
                section.runs.protocol: _said(decision)
                for section in found.sections
                for decision in section.decisions
                if decision.claim.code == code
            }
            for protocol, text in said.items() or [("—", "no runs that may be compared")]:
                rows.append(
                    {
                        "changed": what,
                        "claim": code,
                        "protocol": protocol,
                        "what the runs say": text,
                    }
                )
    return markdown_table(rows)


def _said(decision: Decision) -> str:
    found = decision.comparison
    shown = found.slope or found.interval
    if found.p is None or shown is None:
        return f"{decision.verdict}: {found.why or 'nothing to test'}"
    of = "from one to the next " if found.slope else ""
    return f"{decision.verdict}: {of}{signed(shown)} points, {_count(len(found.seeds), 'seed')}"


def _told(section: Section) -> float | None:
    """Half the width of the interval of a network's difference to the plain one."""
    table = section.runs.table
    others = [label for label in table.networks if label != "baseline"]
    contrasts = [Contrast(table, {label: 1.0, "baseline": -1.0}) for label in others]
    intervals = [contrast.interval() for contrast in contrasts if contrast.is_decidable]
    return 100 * median(i.high - i.value for i in intervals) if intervals else None


def _repeated(section: Section) -> float | None:
    from scipy.stats import t

    spread = section.runs.table.spread_of_one
    if spread is None:
        return None
    return 100 * float(t.ppf((1 + CONFIDENCE) / 2, spread.df) * (2 * spread.variance) ** 0.5)


@dataclass(frozen=True)
class _Rate:
    """The learning rate: where it begins, its highest, when that is, and its lowest."""

    first: float = learning_rate(0, 30)
    highest: float = learning_rate(PEAK_EPOCH, 30)
    highest_after: int = PEAK_EPOCH
    lowest: float = FLOOR


def _settings(records: Sequence[Record]) -> list[str]:
    """Return a table of what the runs are trained with, the paper's and the reduced ones."""
    columns = {
        "CIFAR-10, 50 epochs, V1 and V2": _row_settings("cifar10", 50, "v2"),
        "plain": _row_settings("cifar10", 50, "baseline"),
        "CIFAR-10, 180 epochs, V2": _row_settings("cifar10", 180, "v2"),
        "plain ": _row_settings("cifar10", 180, "baseline"),
        "Malaria": _row_settings("malaria", 75, "v2"),
        "Colorectal": _row_settings("colorectal_histology", 1000, "v2"),
    }
    described = {name: _described(settings) for name, settings in columns.items()}
    for record in [record for record in records if _is_reduced(record)][:1]:
        described["reduced, all networks, as recorded"] = _described(record.settings) | {
            "precision": record.conditions.precision,
            "images": _images(record.data.train, record.data.validation, record.data.test),
        }
    names = next(iter(described.values()))
    return markdown_table(
        [
            {"": name} | {column: cells[name] for column, cells in described.items()}
            for name in names
        ]
    )


def _row_settings(dataset: str, epochs: int, variant: str) -> Experiment:
    rows = [row for table in paper.TRAINED for row in paper.rows(table)]
    return of_row(
        next(
            row
            for row in rows
            if (row.dataset, row.epochs, row.variant) == (dataset, epochs, variant)
        )
    )


def _described(settings: Experiment) -> dict[str, str]:
    warp = settings.augmentation
    flips = {"mirrored": warp.horizontal_flip, "upside down": warp.vertical_flip}
    sizes = paper.IMAGES.get(settings.dataset)
    return {
        "input": f"{settings.input_size}×{settings.input_size}",
        "strides skipped": f"{settings.skip_strides} of {STRIDES}",
        "batch": f"{settings.batch_size}",
        "epochs": f"{settings.epochs}",
        "cycle of the learning rate": f"{settings.cycle} epochs",
        "precision": settings.gpu_precision.replace("_", " "),
        "rotation": f"±{warp.rotation:g}°",
        "shift": f"±{100 * warp.shift:g}%",
        "shear": f"±{warp.shear:g}°",
        "zoom": f"±{100 * warp.zoom:g}%",
        "flips": ", ".join(name for name, is_on in flips.items() if is_on),
        "validation images": settings.validation,
        "images": _images(*sizes.sizes) if sizes else "—",
    }


def _images(*parts: int) -> str:
    return " / ".join(f"{part:,}" for part in parts)


def _count(number: int, what: str) -> str:
    """Say "1 run" or "22 runs"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _names(values: Iterable[Any]) -> str:
    """Say "none", "C01", or "C01, C02 and C03"."""
    *others, last = [str(value) for value in values] or ["none"]
    return f"{', '.join(others)} and {last}" if others else last
