"""The report: what was reproduced, on one page, in sections; how it looks is for `formats`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kreproduce import paper
from kreproduce.audit import audit, checks_by_verdict
from kreproduce.claims.decide import VERDICTS
from kreproduce.claims.report import NOTES, Report, Section, about, left_out_lines, networks, rows
from kreproduce.claims.reproduction import Audited, Reduced, cells_measured
from kreproduce.compare import curves
from kreproduce.errors import DataError, StateError
from kreproduce.report import charts
from kreproduce.report.charts import Figure
from kreproduce.runs.predictions import Predictions
from kreproduce.runs.records import Record, read_predictions
from kreproduce.tables import NUMBERS, Contents, build
from kreproduce.text import duration, printable

TITLE = "kreproduce: what was reproduced of kEffNet-B0 V2"
_NO_RUNS = "No runs that may be compared are on record."


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: in a line.
        headings: of the columns.
        rows: of cells.
        numbers: which columns are aligned to the right.
        notes: below it.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[bool, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, title: str, rows: Sequence[dict[str, str]], left: Sequence[str]) -> "Table":
        """Return a table of rows of equal keys, its headings; all but `left` are numbers."""
        heads = tuple(rows[0])
        cells = tuple(tuple(row.values()) for row in rows)
        return cls(title, heads, cells, tuple(head not in left for head in heads))


@dataclass(frozen=True)
class Part:
    """A section of the page, or what stands below one of its smaller headings.

    Attributes:
        heading: of it.
        text: paragraphs.
        points: a list below them.
        figures: below that.
        tables: below these.
        parts: smaller ones, in their order.
    """

    heading: str
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    parts: "tuple[Part, ...]" = ()


@dataclass(frozen=True)
class Page:
    """The report.

    Attributes:
        title: of it.
        verdict: one sentence.
        parts: in their order.
    """

    title: str
    verdict: str
    parts: tuple[Part, ...] = field(repr=False)


def page(found: Report, results: Path) -> Page:
    """Return the report on the runs on record below `results`.

    Raises:
        StateError: a run was changed since `found` was read.
    """
    return Page(
        TITLE,
        verdict(found),
        (
            _claims(found),
            Part(
                "Accuracy against size",
                figures=tuple(charts.frontier(s.runs) for s in found.sections)
                or (charts.frontier(None),),
            ),
            _tables(found),
            _learning_curves(found, results),
            _confusions(found, results),
            _audit(),
            _conditions(found),
        ),
    )


def verdict(found: Report) -> str:
    """Return in one sentence what was found of counts, accuracies and claims."""
    audited, reduced = Audited.done(), Reduced.of(found)
    every = list(rows(found))
    codes = {v: {row["code"] for row in every if row["verdict"] == v} for v in VERDICTS}
    decided = codes["supported"] | codes["contradicted"]
    open_ones = {row["code"] for row in every} - decided
    said = (
        f"{audited.cells} cells of the paper's tables and {audited.statements} statements of its "
        f"text were recomputed or held against its raw runs, and {sum(audited.findings.values())} "
        "findings explain what does not hold as printed"
    )
    if audited.different:
        said += f", but for {audited.different} numbers that nothing explains"
    both = codes["supported"] & codes["contradicted"]
    apart = f", support in one protocol and contradict in another {len(both)}" if both else ""
    return (
        f"{said}; of its {len(paper.trained_claims())} claims about accuracy the runs on record "
        f"support {len(codes['supported'] - both)}, contradict {len(codes['contradicted'] - both)}"
        f"{apart} and leave {len(open_ones)} undecided; {cells_measured(found.records)} of its "
        f"{audited.accuracies} accuracies were measured by its own protocol, and {reduced.runs} of "
        f"{reduced.planned} planned runs of a shorter one are on record."
    )


def _claims(found: Report) -> Part:
    parts = [_decided(section) for section in found.sections]
    if found.others:
        others = [
            {"code": d.claim.code, "claim": d.claim.claim, "verdict": "undecided"}
            for d in found.others
        ]
        table = Table.of("Claims without runs that may be compared", others, left=tuple(others[0]))
        parts.append(Part("Claims without runs", tables=(table,)))
    parts.append(Part("How to read the verdicts", points=NOTES))
    return Part(
        "The paper's claims about accuracy",
        (
            "An accuracy is kept where it is less than one point lower. The set cifar10-heldout is "
            "CIFAR-10's training images alone, one fifth of which tests.",
        ),
        parts=tuple(parts),
    )


def _decided(section: Section) -> Part:
    claims = [
        {
            "code": row["code"],
            "claim": row["claim"],
            "verdict": row["verdict"],
            "comparison": row["comparison"] or "—",
            "difference (points)": _signed(row["difference"]),
            "95% interval (points)": _between(row["low"], row["high"]),
            "p, Holm's": "—" if row["p_adjusted"] is None else f"{row['p_adjusted']:.2g}",
            "seeds": f"{row['seeds']}",
            "note": row["note"],
        }
        for row in rows(Report((section,), (), (), ()))
    ]
    measured = [
        {
            "network": row["network"],
            "parameters": f"{row['parameters']:,}",
            "seeds": f"{row['seeds']}",
            "accuracy (%)": f"{row['accuracy']:.2f}",
            "sd (points)": "—" if row["sd"] is None else f"{row['sd']:.2f}",
            "beside the plain one (points)": _signed(row["against_plain"]),
            "95% interval (points)": _between(row["low"], row["high"]),
        }
        for row in networks(section.runs)
    ]
    drawn = charts.ablation(section)
    return Part(
        section.runs.protocol,
        points=tuple(about(section.runs)),
        figures=(drawn,) if drawn else (),
        tables=(
            Table.of(
                "Claims and verdicts",
                claims,
                left=("code", "claim", "verdict", "comparison", "note"),
            ),
            Table.of("Networks measured", measured, left=("network",)),
        ),
    )


def _tables(found: Report) -> Part:
    return Part(
        "The paper's tables",
        (
            "Counts are recomputed; accuracies stand as the paper prints them, beside what was "
            "measured by a row's own settings.",
        ),
        tables=tuple(_table(build(number, found.records)) for number in NUMBERS),
    )


def _table(contents: Contents) -> Table:
    cells = []
    for place, row in enumerate(contents.rows):
        marks = [contents.marks.get((place, column.name)) for column in contents.columns]
        cells.append(
            tuple(
                column.text(row) + (f" [{', '.join(map(str, numbers))}]" if numbers else "")
                for column, numbers in zip(contents.columns, marks, strict=True)
            )
        )
    notes = [f"[{number}] {text}" for number, text in enumerate(contents.footnotes, 1)]
    return Table(
        contents.title,
        tuple(column.heading for column in contents.columns),
        tuple(cells),
        tuple(column.name not in ("model", "size") for column in contents.columns),
        tuple(notes) + ((contents.legend,) if contents.legend else ()),
    )


def _learning_curves(found: Report, results: Path) -> Part:
    figures = tuple(learning_curves(section, results) for section in found.sections)
    return Part("Learning curves", () if figures else (_NO_RUNS,), figures=figures)


def learning_curves(section: Section, results: Path) -> Figure:
    """Return the curves of all runs of a protocol, coloured by network."""
    runs, networks, notes = [], [], []
    for (label, seed), record in _sorted(section):
        try:
            read = curves.read(results / "runs" / record.run / "history.csv")
        except DataError as error:
            notes.append(f"Not drawn: {label}, seed {seed}: {error}.")
            continue
        runs.append(replace(read, name=f"{label}, seed {seed}"))
        networks.append(label)
    figure = charts.curves(runs, f"Learning curves: {section.runs.protocol}", networks)
    return replace(figure, about=(*figure.about, *notes))


def _confusions(found: Report, results: Path) -> Part:
    figures, too_large = [], []
    for section in found.sections:
        by_label: dict[str, list[tuple[Record, Predictions]]] = {}
        for (label, _), record in _sorted(section):
            made = read_predictions(results / "runs" / record.run, record)
            if isinstance(made, str):  # they were read a moment ago
                raise StateError(f"{record.run} was changed meanwhile: {made}; try again")
            by_label.setdefault(label, []).append((record, made))
        for label, runs in by_label.items():
            names = runs[0][0].data.class_names
            title = f"{label}: {section.runs.protocol}"
            if len(names) > charts.MOST_CLASSES:
                too_large.append(f"Not drawn, for its {len(names):,} classes: {title}.")
                continue
            matrix = charts.summed(made.confusion(len(names)) for _, made in runs)
            figures.append(charts.confusion(title, matrix, names, len(runs)))
    text = tuple(too_large) if found.sections else (_NO_RUNS,)
    return Part("Confusion matrices", text, figures=tuple(figures))


def _sorted(section: Section) -> Iterator[tuple[tuple[str, int], Record]]:
    """Yield the runs, the networks with most parameters first."""
    runs = section.runs.records.items()
    yield from sorted(runs, key=lambda item: (-item[1].parameters, item[0]))


def _audit() -> Part:
    counts = checks_by_verdict(audit())
    shown = [
        {
            "code": finding.code,
            "kind": finding.kind,
            "where": finding.where,
            "the paper says": finding.printed,
            "what holds": finding.right,
            "why": finding.why,
        }
        for finding in paper.findings()
    ]
    equal, different = counts.pop("equal"), counts.pop("different")
    explained = ", ".join(f"{number} × {name}" for name, number in counts.items())
    said = (
        f"{equal + different + sum(counts.values())} checks: {equal} hold as printed, "
        f"{sum(counts.values())} do not and are explained by a finding below ({explained}), "
        f"{different} are unexplained. One finding may explain several checks; `kreproduce audit` "
        "repeats them all."
    )
    return Part(
        "Audit of the paper",
        (said,),
        tables=(Table.of("Findings", shown, left=tuple(shown[0])),),
    )


def _conditions(found: Report) -> Part:
    shown = []
    for record in sorted(found.records, key=lambda record: record.run):
        conditions, changed = record.conditions, " (changed)" if record.code.dirty else ""
        versions = conditions.versions
        by_accuracy = record.test["best_val_accuracy"].accuracy.plain
        backend = f"{conditions.backend} {versions.get(conditions.backend) or ''}".strip()
        shown.append(
            {
                "run": printable(record.run),
                "seed": f"{record.settings.seed}",
                "test accuracy (%)": f"{100 * record.accuracy():.2f}",
                "by the best validation accuracy (%)": f"{100 * by_accuracy:.2f}",
                "test images": f"{record.data.test:,}",
                "device": printable(", ".join(sorted(set(conditions.devices)))),
                "devices": f"{conditions.replicas}",
                "cores": f"{conditions.cores}",
                "precision": conditions.precision,
                "software": printable(f"{backend}, Keras {versions.get('keras') or 'unknown'}"),
                "commit": printable((record.code.commit or "unknown")[:7] + changed),
                "sessions": f"{len(record.sessions)}",
                "training": duration(record.seconds.training),
                "finished": printable(record.finished[:10]),
            }
        )
    left = ("run", "device", "precision", "software", "commit", "training", "finished")
    tables = (Table.of("Runs on record", shown, left),) if shown else ()
    return Part(
        "Conditions of every run",
        (
            "The test accuracy is that of the weights of the lowest validation loss; beside it "
            "stands that of the highest validation accuracy, by which the authors' runs of 50 "
            "epochs kept theirs. A run's record.json in results/runs has all of it.",
        ),
        tuple(left_out_lines(found.left_out)),
        tables=tables,
    )


def _signed(value: float | None) -> str:
    return "—" if value is None else f"{value:+.2f}"


def _between(low: float | None, high: float | None) -> str:
    return "—" if low is None or high is None else f"{low:+.2f} to {high:+.2f}"
