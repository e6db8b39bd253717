"""A comparison in words and numbers: for a person, and as values for JSON."""

from dataclasses import asdict
from typing import Any

from kreproduce.compare.gaps import Comparison, Gap, Line, span


def lines(comparison: Comparison) -> list[str]:
    """Return the gaps by epoch, then what they come to."""
    return [*_epochs(comparison), "", *_summary(comparison), "", *_heading(comparison)]


def values(comparison: Comparison) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "run": comparison.run.name,
        "reference": comparison.reference.name,
        "epochs": [
            {"epoch": epoch} | _plain(line)
            for epoch, line in zip(comparison.epochs, comparison.by_epoch(), strict=True)
        ],
        "summary": [{"what": line.label} | _plain(line) for line in comparison.summary()],
        "mean_distance": comparison.distances(),
        "notes": _notes(comparison),
    }


def _plain(line: Line) -> dict[str, Any]:
    return {metric: asdict(gap) for metric, gap in line.gaps.items()}


def _heading(comparison: Comparison) -> list[str]:
    """Return what lies beside what; both in full, because they may be of different lengths."""
    shared = f"compared: {span(comparison.epochs)}"
    if not comparison.run.epochs == comparison.reference.epochs == comparison.epochs:
        shared += ", which is what both have"
    return [
        f"run: {comparison.run.name}, {span(comparison.run.epochs)}",
        f"reference: {comparison.reference.name}, {span(comparison.reference.epochs)}",
        f"{shared}; a gap is the run's value less the reference's",
        *_notes(comparison),
    ]


def _notes(comparison: Comparison) -> list[str]:
    """Return what of the files was taken otherwise than it stands there."""
    return list(dict.fromkeys((*comparison.run.notes, *comparison.reference.notes)))


def _epochs(comparison: Comparison) -> list[str]:
    groups = [f"{metric:>31}" for metric in comparison.metrics]
    names = f"  {'run':>9} {'reference':>9} {'gap':>9}" * len(groups)
    rows = [
        f"{line.label:>5}" + "".join(f"  {_cells(gap)}" for gap in line.gaps.values())
        for line in comparison.by_epoch()
    ]
    return [f"{'':5}{''.join(groups)}", f"epoch{names}", *rows]


def _summary(comparison: Comparison) -> list[str]:
    summary = comparison.summary()
    width = max(len("mean distance"), *(len(line.label) for line in summary))
    rows = [f"{'':{width}}  {'':12} {'run':>9} {'reference':>9} {'gap':>9}"]
    for line in summary:
        label = line.label
        for metric, gap in line.gaps.items():
            rows.append(f"{label:{width}}  {metric:12} {_cells(gap)}")
            label = ""
    label = "mean distance"
    for metric, distance in comparison.distances().items():
        rows.append(f"{label:{width}}  {metric:12} {'':19} {distance:9.4f}")
        label = ""
    return rows


def _cells(gap: Gap) -> str:
    return f"{gap.run:9.4f} {gap.reference:9.4f} {gap.gap:+9.4f}"
