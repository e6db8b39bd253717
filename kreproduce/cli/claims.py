"""`kreproduce claims`: the paper's claims about accuracy, decided by the runs on record."""

from pathlib import Path
from typing import Annotated

import typer

from kreproduce.errors import SettingsError

RESULTS = Path("results")


def claims(
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text (default), markdown, csv or json; with --write: all of them.",
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write files below RESULTS/claims, print none.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = RESULTS,
) -> None:
    """Decide the paper's claims about accuracy by runs that differ in nothing else.

    Supported, contradicted or undecided; the exit code is 0 whichever it is.
    """
    from kreproduce.claims import report

    if form is not None:
        report.check_format(form)
    if results != RESULTS and not results.is_dir():
        raise SettingsError(f"there is no folder {results} of results; leave --results out")
    found = report.report(results)
    if write:
        written = report.write(found, results, [form] if form else report.FORMATS)
        print(f"wrote {len(written)} files below {results / 'claims'}")
    else:
        print(report.render(found, form or "text"), end="")
