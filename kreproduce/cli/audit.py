"""`kreproduce audit`: what the paper states, recomputed."""

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kreproduce.audit import Check

DIFFERENT = 9
"""The exit code if the paper differs in more than its known errata."""


def audit(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recompute everything that the paper states and can be computed; exit 9 on a difference."""
    from kreproduce.audit import audit as audited
    from kreproduce.audit import not_computed

    checks, limits = audited(), not_computed()
    verdicts = Counter(check.verdict for check in checks)
    counts = {verdict: verdicts[verdict] for verdict in ("equal", "erratum", "different")}
    if as_json:
        values = {
            "counts": counts,
            "checks": [asdict(check) for check in checks],
            "not_computed": [asdict(limit) for limit in limits],
        }
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        for check in checks:
            print(_line(check))
        print(", ".join(f"{n} {verdict}" for verdict, n in counts.items()))
        print(f"not computed: {'; '.join(map(str, limits))}")
    if counts["different"]:
        raise typer.Exit(DIFFERENT)


def _line(check: "Check") -> str:
    """A check on one line: what is printed, and what holds where that is something else."""
    recomputed = "" if check.printed == check.recomputed else f", recomputed {check.recomputed}"
    mark = " (from accuracies as printed)" if check.as_printed else ""
    why = f"; {check.why}" if check.why else ""
    statement = f"{check.claim}: {check.printed}{recomputed}{mark}{why}"
    return f"{check.verdict:9}  {check.where:16}  {statement}"
