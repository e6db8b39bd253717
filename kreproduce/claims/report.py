"""All claims with what decides them, as text, Markdown, CSV or JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from kreproduce import disk, outputs, paper, records
from kreproduce.claims.decide import Comparison, Decision, claims_for, decide
from kreproduce.claims.matched import Matched, match
from kreproduce.claims.statistics import Contrast, Interval
from kreproduce.errors import SettingsError, StorageError, nearest
from kreproduce.paper import TrainedClaim
from kreproduce.records import Skipped

if TYPE_CHECKING:
    import pandas as pd

# By format: how its file ends.
FORMATS = {"text": "txt", "markdown": "md", "csv": "csv", "json": "json"}

NOTES = (
    "Verdicts are of the claims listed, one family a protocol, at 5% after Holm's adjustment; a "
    "comparison with one seed a side is undecided.",
    "Seeds vary initialisation, order and augmentation, not the division of the images, and the "
    "epoch tested was chosen on the validation images.",
    "Intervals hold the scatter over seeds, pooled over all networks of the protocol, and that "
    "of the test images.",
)
_NOT_RUN = Comparison((), why="no runs that may be compared")


@dataclass(frozen=True)
class Section:
    """What the runs of one protocol decide."""

    runs: Matched
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class Report:
    """Every claim, once in each protocol that is about it, or as undecided.

    Attributes:
        sections: a protocol each.
        others: the claims that no runs are about.
        left_out: runs that are in no section, and why.
    """

    sections: tuple[Section, ...]
    others: tuple[Decision, ...]
    left_out: tuple[Skipped, ...]


def report(results: Path) -> Report:
    """What the runs on record below `results` say of the claims.

    Raises:
        StorageError: the records cannot be read.
    """
    groups, left_out = match(results, records.read(results))
    sections = []
    for runs in groups:
        claims = claims_for(runs.dataset, runs.epochs, published=runs.published)
        if claims and len(runs.table.networks) > 1:
            sections.append(Section(runs, decide(claims, runs.table)))
        else:
            why = "no run may be compared with it" if claims else "no claim is about it"
            left_out += [Skipped(record.run, why) for record in runs.records.values()]
    about = {decision.claim.code for section in sections for decision in section.decisions}
    others = tuple(
        Decision(claim, "undecided", _NOT_RUN, None)
        for claim in paper.trained_claims()
        if claim.code not in about
    )
    return Report(tuple(sections), others, tuple(left_out))


def render(found: Report, form: str) -> str:
    """The report in one of `FORMATS`, ending in a newline; the same from run to run.

    Raises:
        SettingsError: there is no such format.
    """
    check_format(form)
    return {"text": _text, "markdown": _markdown, "csv": _csv, "json": _json}[form](found)


def check_format(form: str) -> None:
    """Refuse a format that there is not.

    Raises:
        SettingsError: it is not one of `FORMATS`.
    """
    if form not in FORMATS:
        raise SettingsError(f"there is no format {form!r}; {nearest(form, FORMATS)}")


def write(found: Report, results: Path, forms: Iterable[str]) -> list[Path]:
    """Write the report in each format to a file below `results`/claims.

    Raises:
        SettingsError: there is no such format.
        StorageError: a file cannot be written.
    """
    texts = {results / "claims" / f"claims.{FORMATS[form]}": render(found, form) for form in forms}
    for path, text in texts.items():
        put(path, text.encode())  # the same line ends everywhere
    return list(texts)


def put(path: Path, content: bytes) -> None:
    """Write a file, and its folder where there is none.

    Raises:
        StorageError: the disk does not take it.
    """
    try:
        outputs.make_folder(path.parent)
        outputs.write(path, content)
    except OSError as error:
        raise StorageError(disk.refusal(f"{path}", error, "place with --results")) from error


def rows(found: Report) -> Iterator[dict[str, Any]]:
    """A row for each claim and protocol, in points of accuracy."""
    for section in found.sections:
        for decision in section.decisions:
            yield {"protocol": section.runs.protocol, **_row(decision)}
    for decision in found.others:
        yield {"protocol": "", **_row(decision)}


def networks(runs: Matched) -> list[dict[str, Any]]:
    """The networks of a protocol, without verdicts: accuracy in percent, differences in points."""
    table, compared = runs.table, []
    for label in table.networks:
        seeds = table.seeds(label)
        accuracies = [100 * table.accuracy(label, seed) for seed in seeds]
        record = runs.records[label, seeds[0]]
        row: dict[str, Any] = {
            "network": label,
            "parameters": record.parameters,
            "seeds": len(seeds),
            "accuracy": round(fmean(accuracies), 2),
            "sd": round(stdev(accuracies), 2) if len(seeds) > 1 else None,
        }
        row |= _against("baseline", label, runs)
        compared.append(row)
    return sorted(compared, key=lambda row: row["parameters"], reverse=True)


def _against(other: str, label: str, runs: Matched) -> dict[str, float | None]:
    names = ("against_plain", "low", "high")
    if label == other or not runs.table.seeds(label, other):
        return dict.fromkeys(names)
    contrast = Contrast(runs.table, {label: 1.0, other: -1.0})
    if not contrast.is_decidable:
        return {"against_plain": _points(contrast.value), "low": None, "high": None}
    return dict(zip(names, _three(contrast.interval()), strict=True))


def _row(decision: Decision) -> dict[str, Any]:
    claim, found = decision.claim, decision.comparison
    value, low, high = _three(found.interval) if found.interval else (None, None, None)
    tested = found.p is not None
    return {
        "code": claim.code,
        "section": claim.section,
        "claim": claim.claim,
        "verdict": decision.verdict,
        "comparison": _comparison(claim, found),
        "difference": value,
        "low": low if tested else None,
        "high": high if tested else None,
        "p": _rounded(found.p),
        "p_adjusted": _rounded(decision.p_adjusted),
        "seeds": len(found.seeds),
        "note": _note(decision),
    }


def _comparison(claim: TrainedClaim, found: Comparison) -> str:
    if claim.kind in ("trend", "steps"):
        return " < ".join(label for (label,) in found.networks)
    pairs = [f"{label} - {other}" for label, other in found.networks]
    if claim.kind == "falls":
        return " > ".join(f"({pair})" for pair in pairs)
    text = " and ".join(pairs)
    return f"{text} > -{claim.margin:g}" if claim.kind == "not_worse" and text else text


def _note(decision: Decision) -> str:
    found, notes = decision.comparison, []
    if found.why:
        notes.append(found.why)
    elif found.missing:
        notes.append(f"not run: {', '.join(found.missing)}")
    if decision.verdict == "undecided" and found.p is not None and found.interval:
        needed, seeds = found.seeds_needed, len(found.seeds)
        if needed is None:
            notes.append("more seeds would not decide a difference like this")
        elif needed > seeds:
            notes.append(f"about {needed} seeds would decide a difference like this")
        else:
            notes.append("decided by itself, not among all these claims")
    return "; ".join(notes)


def _beside(found: Comparison) -> Iterator[str]:
    """What is said beside the verdict, and decides nothing."""
    for row, other, interval in found.each:
        yield f"{row} - {other} alone: {_signed(interval)}"
    if found.paired:
        p, interval = found.paired
        yield f"paired t of these alone: {_signed(interval)}, p {_rounded(p)}"
    if found.bootstrap:
        yield f"bootstrap over seeds: {_signed(found.bootstrap)}"
    for seed, pairs in found.pairs:
        yield (
            f"these two networks, seed {seed}: {pairs.won} images only the first got right, "
            f"{pairs.lost} only the second; {_signed(pairs.difference)}, "
            f"exact McNemar p {_rounded(pairs.p)}"
        )


def _scatter(runs: Matched) -> str:
    spread, independent = runs.table.spread, runs.table.independent_spread
    if spread is None or independent is None:
        return "Equal networks have one seed each, so how they scatter is unknown."
    return (
        f"Equal networks scatter by {100 * spread.deviation:.2f} points over seeds "
        f"({spread.df} degrees of freedom); by {100 * independent:.2f} if each image were "
        "got right or wrong by itself."
    )


def _text(found: Report) -> str:
    parts = []
    for section in found.sections:
        lines = [section.runs.protocol, "", *_table(networks(section.runs), "simple"), ""]
        for decision in section.decisions:
            lines += _block(decision)
        parts.append("\n".join([*lines, "", _scatter(section.runs)]))
    if found.others:
        blocks = [line for decision in found.others for line in _block(decision)]
        parts.append("\n".join(["no runs to decide", "", *blocks]))
    parts.append("\n".join(NOTES))
    parts += ["\n".join(_left_out(found.left_out))] if found.left_out else []
    return "\n\n".join(parts) + "\n"


def _block(decision: Decision) -> list[str]:
    row, found = _row(decision), decision.comparison
    lines = [f"{row['code']}  {row['verdict']:12}  {row['claim']} (section {row['section']})"]
    seeds = f"{row['seeds']} seed{'s' if row['seeds'] != 1 else ''}"
    evidence = [row["comparison"]] if row["comparison"] else []
    if found.interval:
        points = _signed(found.interval) if found.p is not None else _short(found.interval.value)
        evidence.append(f"{points} points")
    if found.p is not None:
        evidence += [f"p {row['p']}, adjusted {row['p_adjusted']}"]
    evidence += [seeds] if found.seeds else []
    evidence += [row["note"]] if row["note"] else []
    return [*lines, *(f"     {line}" for line in ["; ".join(evidence), *_beside(found)])]


def _markdown(found: Report) -> str:
    parts = []
    for section in found.sections:
        shown = [
            {name: row[name] for name in row if name not in ("section", "note")}
            | {"note": row["note"]}
            for row in map(_row, section.decisions)
        ]
        parts += [
            f"### {section.runs.protocol}",
            "\n".join(_table(networks(section.runs), "pipe")),
            "\n".join(_table(shown, "pipe")),
            _scatter(section.runs),
        ]
    if found.others:
        shown = [{n: row[n] for n in ("code", "claim", "note")} for row in map(_row, found.others)]
        parts += ["### Claims without runs", "\n".join(_table(shown, "pipe"))]
    parts.append("\n".join(f"- {note}" for note in NOTES))
    if found.left_out:
        parts.append("\n".join(f"- {line}" for line in _left_out(found.left_out)))
    return "\n\n".join(parts) + "\n"


def _left_out(skipped: Iterable[Skipped]) -> list[str]:
    return [f"{one.folder} is left out: {one.why}" for one in skipped]


def _table(shown: Sequence[dict[str, Any]], style: str) -> list[str]:
    import pandas as pd

    cells = pd.DataFrame(
        [{name: _cell(name, value) for name, value in row.items()} for row in shown]
    )
    cells.columns = [name.replace("_", " ") for name in cells.columns]
    text: str = cells.to_markdown(index=False, tablefmt=style, disable_numparse=True)
    return text.splitlines()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "—"
    if name == "parameters":
        return f"{value:,}"
    if name in ("difference", "low", "high", "against_plain"):
        return f"{value:+.2f}"
    return f"{value:.2f}" if name in ("accuracy", "sd") else str(value)


def frame(found: Report) -> "pd.DataFrame":
    """`rows` as data."""
    import pandas as pd

    return pd.DataFrame(rows(found))


def _csv(found: Report) -> str:
    return frame(found).to_csv(index=False, lineterminator="\n")


def _json(found: Report) -> str:
    values = {
        "protocols": [
            {
                "protocol": section.runs.protocol,
                "images": section.runs.table.images,
                "runs": [record.run for record in section.runs.records.values()],
                "networks": networks(section.runs),
                "scatter": _scatter(section.runs),
                "claims": [
                    _row(decision) | {"beside": list(_beside(decision.comparison))}
                    for decision in section.decisions
                ],
            }
            for section in found.sections
        ],
        "without_runs": [_row(decision) for decision in found.others],
        "notes": NOTES,
        "left_out": [{"run": one.folder, "why": one.why} for one in found.left_out],
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _points(share: float) -> float:
    return round(100 * share, 3)


def _three(interval: Interval) -> tuple[float, float, float]:
    return _points(interval.value), _points(interval.low), _points(interval.high)


def _short(share: float) -> str:
    return f"{100 * share:+.2f}"


def _signed(interval: Interval) -> str:
    low, high = _short(interval.low), _short(interval.high)
    return f"{_short(interval.value)} (95%: {low} to {high})"


def _rounded(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.2g}")
