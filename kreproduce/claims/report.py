"""All claims with what decides them, as text, Markdown, CSV or JSON."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from kreproduce import paper
from kreproduce.claims.decide import LEVEL, Comparison, Decision, claims_for, decide
from kreproduce.claims.matched import Matched, match
from kreproduce.claims.statistics import MOST_SEEDS, Contrast, Interval, scatters_by_chance
from kreproduce.errors import SettingsError, StateError, StorageError
from kreproduce.paper import TrainedClaim
from kreproduce.runs import records
from kreproduce.runs.records import Record, Skipped
from kreproduce.system import disk, outputs
from kreproduce.text import nearest, printable, quoted

if TYPE_CHECKING:
    import pandas as pd

# By format: how its file ends.
FORMATS = {"text": "txt", "markdown": "md", "csv": "csv", "json": "json"}

TITLE = "The paper's claims about accuracy, decided by the runs on record"
BEYOND = (
    "Beyond the claims, without verdicts: every network beside the plain one, each 95% interval "
    "by itself."
)
NOTES = (
    "Verdicts are of the claims listed, one family a protocol, at 5% after Holm's adjustment; "
    "intervals are 95% each and are not adjusted. A comparison with one seed a side is undecided.",
    "Intervals account for the scatter over seeds, pooled over all networks of the protocol, and "
    "for that of the test images; Page's test of a trend, the paired t test and the bootstrap "
    "account for the seeds alone, so they speak of these test images.",
    "Seeds vary initialisation, order, augmentation and dropout, not the division of the images, "
    "and the epoch tested was chosen on the validation images.",
    "Verdicts looked at more than once, while seeds are added, are wrong more often than 5%: "
    "those of the number of seeds that was planned count.",
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
        records: all that count, in a section or in none.
    """

    sections: tuple[Section, ...]
    others: tuple[Decision, ...]
    left_out: tuple[Skipped, ...]
    records: tuple[Record, ...]


def report(results: Path) -> Report:
    """Return what the runs on record below `results` say of the claims.

    Raises:
        StorageError: the records cannot be read.
    """
    read = records.read(results)
    groups, left_out = match(results, read)
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
    return Report(tuple(sections), others, tuple(left_out), read.records)


def render(found: Report, form: str) -> str:
    """Return the report in one of `FORMATS`, ending in a newline; the same from run to run.

    Raises:
        SettingsError: there is no such format.
    """
    check_format(form)
    return {"text": _text, "markdown": _markdown, "csv": _csv, "json": _json}[form](found)


def check_format(form: str, *more: str) -> None:
    """Refuse a format that there is not.

    Raises:
        SettingsError: it is none of `FORMATS`, nor one `more`.
    """
    known = (*FORMATS, *more)
    if form not in known:
        raise SettingsError(f"there is no format {quoted(form)}; {nearest(form, known)}")


# By format: the lines with which every report begins, whatever was run.
_HEADINGS = {"text": 1, "markdown": 1, "csv": 1, "json": 2}


def write(found: Report, results: Path, forms: Iterable[str], *, force: bool = False) -> list[Path]:
    """Write the report in each format to a file below `results`/claims.

    A file that is there is written over if it begins as the report does.

    Args:
        found: the report.
        results: the folder of results.
        forms: names of formats.
        force: write over files that begin otherwise, too.

    Raises:
        SettingsError: there is no such format.
        StateError: there is a file that is no report; nothing is written.
        StorageError: a file cannot be written.
    """
    texts = {
        results / "claims" / f"claims.{FORMATS[form]}": (form, render(found, form))
        for form in forms
    }
    for path, (form, text) in texts.items():
        is_own = outputs.begins_as(text, _HEADINGS[form])
        check_free(path, is_own, "a file of `kreproduce claims`", force=force)
    for path, (_, text) in texts.items():
        put(path, text.encode())  # the same line ends everywhere
    return list(texts)


def check_free(path: Path, is_own: Callable[[bytes], bool], what: str, *, force: bool) -> None:
    """Refuse to write over a file that is not ours.

    Args:
        path: of the file.
        is_own: whether a content is ours.
        what: should lie there, as "a file of `kreproduce claims`".
        force: whether any file may be written over.

    Raises:
        StateError: there is a file of which `is_own` is not true.
    """
    if not force and not outputs.is_free(path, is_own):
        raise StateError(
            f"{printable(path)} is not {what}, or was changed since; move it away, or write over "
            "it with --force"
        )


def put(path: Path, content: bytes) -> None:
    """Write a file, and its folder where there is none.

    Raises:
        StorageError: the disk does not take it.
    """
    made: list[Path] = []
    try:
        made = outputs.make_folder(path.parent)
        outputs.write(path, content)
    except OSError as error:
        outputs.remove_empty(made)
        raise StorageError(disk.refusal(printable(path), error, "place with --results")) from error


def rows(found: Report) -> Iterator[dict[str, Any]]:
    """Yield a row for each claim and protocol, in points of accuracy."""
    for section in found.sections:
        for decision in section.decisions:
            yield {"protocol": section.runs.protocol, **_row(decision)}
    for decision in found.others:
        yield {"protocol": "", **_row(decision)}


def networks(runs: Matched) -> list[dict[str, Any]]:
    """Return one row per network of a protocol: accuracy in percent, differences in points."""
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
        "p": rounded(found.p),
        "p_adjusted": rounded(decision.p_adjusted),
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
    if found.missing and found.seeds:  # where nothing could be compared, that is why
        notes.append(f"not run: {', '.join(found.missing)}")
    if decision.verdict == "undecided" and found.seeds_needed:
        if found.p is not None and found.p < LEVEL:
            notes.append("decided by itself, not among all these claims")
        if decision.seeds_needed is None:
            notes.append(f"not even {MOST_SEEDS} seeds would decide a difference like this")
        else:
            seeds = max(decision.seeds_needed, len(found.seeds) + 1)
            more = seeds - len(found.seeds)
            notes.append(f"about {seeds} seeds, {more} more, would decide a difference like this")
    return "; ".join(notes)


def _beside(found: Comparison) -> Iterator[str]:
    """Yield what is said beside the verdict, and decides nothing."""
    if found.slope:
        yield f"from one to the next, on average: {signed(found.slope)}"
    for row, other, interval in found.each:
        yield f"{row} - {other} alone: {signed(interval)}"
    if found.paired:
        p, interval = found.paired
        yield f"paired t of these alone: {signed(interval)}, p {rounded(p)}"
    if found.bootstrap:
        yield f"bootstrap over seeds: {signed(found.bootstrap)}"
    for row, other, seed, pairs in found.pairs:
        yield (
            f"these two networks, {row} and {other}, seed {seed}: {pairs.won} images only the "
            f"first got right, {pairs.lost} only the second; {signed(pairs.difference)}, exact "
            f"McNemar p {rounded(pairs.p)}"
        )


def about(runs: Matched) -> list[str]:
    """Return what was compared, and how equal networks scatter."""
    table = runs.table
    seeds = sorted({seed for _, seed in runs.records})
    named = f"seed{'s'[: len(seeds) > 1]} {', '.join(map(str, seeds))}"
    return [
        f"{len(table.networks)} networks, {named}, {len(runs.records)} runs, {table.images:,} test "
        "images; networks are compared at the same seeds and on the same images.",
        _scatter(runs),
    ]


def _scatter(runs: Matched) -> str:
    spread, independent = runs.table.spread, runs.table.independent_spread
    chance = scatters_by_chance(runs.table)
    if spread is None:
        return "No two networks have two seeds in common, so how equal networks scatter is unknown."
    if independent is None or chance is None:  # of accuracies or answers that are all alike
        return "How equal networks would scatter by chance alone is unknown."
    regime = (
        "more than that, so McNemar's test of one pair would call networks different too often"
        if chance < LEVEL
        else "not shown to be more than that, though few runs may not show it"
    )
    return (
        f"Equal networks scatter by {100 * spread.deviation:.2f} points over seeds "
        f"({spread.df} degree{'s'[: spread.df != 1]} of freedom), and would by "
        f"{100 * independent:.2f} if each image were got right or wrong by itself: {regime} "
        f"(p {rounded(chance)})."
    )


def _text(found: Report) -> str:
    parts = [TITLE]
    for section in found.sections:
        lines = [section.runs.protocol, ""]
        for decision in section.decisions:
            lines += _block(decision)
        lines += ["", BEYOND, "", *_table(networks(section.runs), "simple")]
        parts.append("\n".join([*lines, "", *about(section.runs), *NOTES]))
    if found.others:
        blocks = [line for decision in found.others for line in _block(decision)]
        parts.append("\n".join(["no runs to decide", "", *blocks]))
    parts += ["\n".join(left_out_lines(found.left_out))] if found.left_out else []
    return "\n\n".join(parts) + "\n"


def _block(decision: Decision) -> list[str]:
    row, found = _row(decision), decision.comparison
    lines = [f"{row['code']}  {row['verdict']:12}  {row['claim']} ({_where(decision.claim)})"]
    seeds = f"{row['seeds']} seed{'s' if row['seeds'] != 1 else ''}"
    evidence = [row["comparison"]] if row["comparison"] else []
    if found.interval:
        points = signed(found.interval) if found.p is not None else _short(found.interval.value)
        evidence.append(f"{points} points")
    if found.p is not None:
        evidence += [f"p {row['p']}, adjusted {row['p_adjusted']}"]
    evidence += [seeds] if found.seeds else []
    evidence += [row["note"]] if row["note"] else []
    return [*lines, *(f"     {line}" for line in ["; ".join(evidence), *_beside(found)])]


def _where(claim: TrainedClaim) -> str:
    """Say "sections 2.7, 3.1" or "Abstract, sections 3.1, 4"."""
    places = claim.section.split(", ")
    numbers = [place for place in places if place[0].isdigit()]
    named = [place for place in places if place not in numbers]
    return ", ".join([*named, f"section{'s'[: len(numbers) > 1]} {', '.join(numbers)}"])


def _markdown(found: Report) -> str:
    parts = [f"**{TITLE}**"]
    for section in found.sections:
        parts += [
            f"### {section.runs.protocol}",
            "\n".join(verdicts_table(section.decisions)),
            "Beside the verdicts, deciding nothing, in points of accuracy:",
            "\n".join(
                f"- {decision.claim.code}: {line}"
                for decision in section.decisions
                for line in _beside(decision.comparison)
            ),
            BEYOND,
            "\n".join(networks_table(section.runs)),
            "\n".join(f"- {line}" for line in [*about(section.runs), *NOTES]),
        ]
    if found.others:
        shown = [{n: row[n] for n in ("code", "claim", "note")} for row in map(_row, found.others)]
        parts += ["### Claims without runs", "\n".join(_table(shown, "pipe"))]
    if found.left_out:
        parts.append("\n".join(f"- {line}" for line in left_out_lines(found.left_out)))
    return "\n\n".join(parts) + "\n"


def verdicts_table(decisions: Iterable[Decision]) -> list[str]:
    """Return the claims with their verdicts, the lines of a table in Markdown."""
    shown = [
        {name: row[name] for name in row if name not in ("section", "note")} | {"note": row["note"]}
        for row in map(_row, decisions)
    ]
    return markdown_table(shown)


def networks_table(runs: Matched) -> list[str]:
    """`networks`, the lines of a table in Markdown."""
    return markdown_table(networks(runs))


def markdown_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows of equal keys, the lines of a table in Markdown."""
    return _table(rows, "pipe")


def left_out_lines(skipped: Iterable[Skipped]) -> list[str]:
    """Return a line for each run that is in no section."""
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
        "title": TITLE,
        "protocols": [
            {
                "protocol": section.runs.protocol,
                "images": section.runs.table.images,
                "runs": [record.run for record in section.runs.records.values()],
                "networks": networks(section.runs),
                "about": about(section.runs),
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


def signed(interval: Interval) -> str:
    """Return a difference and its interval in points, say "+1.03 (95%: +0.48 to +1.59)"."""
    low, high = _short(interval.low), _short(interval.high)
    return f"{_short(interval.value)} (95%: {low} to {high})"


def rounded(p: float | None) -> float | None:
    """Return a p as tables show it."""
    return None if p is None else float(f"{p:.2g}")
