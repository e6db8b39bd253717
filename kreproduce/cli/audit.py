"""`kreproduce audit`: what the paper states, recomputed."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from kreproduce.errors import ExitCode


def audit(
    everything: Annotated[
        bool, typer.Option("--all", help="List what is equal, too; JSON has it anyway.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recompute everything that the paper states and can be computed; exit 9 on a difference."""
    from kreproduce import paper
    from kreproduce.audit import audit as audited
    from kreproduce.audit import checks_by_verdict, findings_by_kind, lines, not_computed

    checks, limits = audited(), not_computed()
    counts = checks_by_verdict(checks)
    if as_json:
        values = {
            "findings_by_kind": findings_by_kind(),
            "findings": [asdict(finding) for finding in paper.findings()],
            "counts": counts,
            "checks": [asdict(check) for check in checks],
            "not_computed": [asdict(limit) for limit in limits],
        }
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        for line in lines(checks, limits, equal=everything):
            print(line)
    if counts["different"]:
        raise typer.Exit(ExitCode.CHECK_FAILED)
