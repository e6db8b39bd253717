"""`kreproduce status`: what became of every run."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreproduce.errors import ExitCode, SettingsError
from kreproduce.text import printable

if TYPE_CHECKING:
    from kreproduce.runs.integrity import Checked
    from kreproduce.runs.status import Entry

    Found = list[tuple[Entry, list[Checked]]]

RESULTS = Path("results")


def status(
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = RESULTS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Hash records and what they name again; 9 on damage.")
    ] = False,
) -> None:
    """Say what became of every run: done, running, interrupted, failed, crashed, damaged."""
    from kreproduce.runs import integrity
    from kreproduce.runs import status as runs

    if results != RESULTS and not results.is_dir():
        raise SettingsError(
            f"there is no folder {printable(results)} of results; leave --results out"
        )
    found = [
        (entry, integrity.check(entry.path) if verify and entry.state != "foreign" else [])
        for entry in runs.read(results)
    ]
    if as_json:
        print(json.dumps([_values(*one, verify) for one in found], indent=2))
    else:
        print("\n".join([*_lines(found), *_totals(found, results, verify)]))
    if verify and any(entry.state == "damaged" or _damaged(checked) for entry, checked in found):
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _values(entry: "Entry", checked: "list[Checked]", verify: bool) -> dict[str, Any]:
    values = asdict(entry)
    del values["path"]
    holder = entry.holder and entry.holder.model_dump()
    verified = {"verified": [asdict(one) for one in checked]} if verify else {}
    return {"run": entry.run} | values | {"holder": holder} | verified


def _lines(found: "Found") -> list[str]:
    width = max((len(entry.run) for entry, _ in found), default=0)
    lines = []
    for entry, checked in found:
        lines.append(f"{entry.state:11}  {entry.run:{width}}  {_said(entry)}".rstrip())
        lines += [f"{'':13}{note}" for note in entry.notes]
        lines += [f"{'':13}damaged: {one.file}" for one in _damaged(checked)]
    return lines


def _said(entry: "Entry") -> str:
    """Return what there is to say of a state."""
    if entry.state == "done":
        return f"{entry.epochs} epochs, finished {entry.time}"
    if entry.state == "running":
        who = str(entry.holder or "it has just begun")
        return "; ".join(filter(None, [_where(entry), who]))
    if entry.state == "damaged":
        return entry.why or ""
    why = entry.why if entry.time is None or entry.why is None else f"{entry.why}, at {entry.time}"
    since = entry.time and f"since {entry.time}"
    return "; ".join(filter(None, [_where(entry), why or since]))


def _where(entry: "Entry") -> str:
    if entry.epoch is None:
        return ""
    of = f" of {entry.epochs}" if entry.epochs else ""
    if entry.epoch == entry.epochs:
        return f"after epoch {entry.epoch}{of}, before the test"
    return f"in epoch {entry.epoch + 1}{of}, after step {entry.step}"


def _totals(found: "Found", results: Path, verify: bool) -> list[str]:
    if not found:
        return [f"there is no run below {results / 'runs'}"]
    states = Counter(entry.state for entry, _ in found)
    lines = [", ".join(f"{number} {state}" for state, number in states.items())]
    if verify:
        hashed = [str(one.found) for _, checked in found for one in checked]
        kinds = ("whole", "damaged", "missing")
        lines.append("files: " + ", ".join(f"{hashed.count(kind)} {kind}" for kind in kinds))
        lines += _unverified([one for _, checked in found for one in checked])
    return lines


def _unverified(checked: "list[Checked]") -> list[str]:
    """Return what could not be looked at: weights, which do not come with a record from git."""
    missing = sum(one.found == "missing" and one.is_weights for one in checked)
    if not missing:
        return []
    files = "1 file" if missing == 1 else f"{missing} files"
    return [f"{files} of weights are not here, as in a copy from git: they were not verified"]


def _damaged(checked: "list[Checked]") -> "list[Checked]":
    return [one for one in checked if one.found == "damaged"]
