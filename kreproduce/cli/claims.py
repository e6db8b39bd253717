"""`kreproduce claims`: the paper's claims about accuracy, decided by the runs on record."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kreproduce.cli import completion
from kreproduce.errors import SettingsError
from kreproduce.text import printable

RESULTS = Path("results")
REPORT = "report"


def claims(
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text (default), markdown, csv or json; with --write: all of them. Or report: "
            "docs/reproduction.md, all that was reproduced and what not.",
            autocompletion=completion.claims_formats,
        ),
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write files below RESULTS/claims, print none. A file is written over if it "
            "begins as its report does.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --write: write over any file, too.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = RESULTS,
) -> None:
    """Decide the paper's claims about accuracy by runs that differ in nothing else.

    Supported, contradicted or undecided; the exit code is 0 whichever it is.
    """
    from kreproduce.claims import report

    if force and not write:
        raise SettingsError("--force has no meaning without --write; leave it out")
    if form == REPORT and write:
        raise SettingsError(f"--format {REPORT} is printed only; leave --write out")
    if form is not None:
        report.check_format(form, REPORT)
    if results != RESULTS and not results.is_dir():
        raise SettingsError(
            f"there is no folder {printable(results)} of results; leave --results out"
        )
    found = report.report(results)
    if write or form == "csv":  # the others say it themselves
        for line in report.left_out_lines(found.left_out):
            print(f"kreproduce: {line}", file=sys.stderr)
    if write:
        written = report.write(found, results, [form] if form else report.FORMATS, force=force)
        print(f"wrote {len(written)} files below {results / 'claims'}")
    elif form == REPORT:
        from kreproduce.claims import reproduction

        print(reproduction.markdown(found), end="")
    else:
        print(report.render(found, form or "text"), end="")
