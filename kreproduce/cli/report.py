"""`kreproduce report`: all that was reproduced, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from kreproduce.errors import SettingsError
from kreproduce.text import printable

_RESULTS = Path("results")
_COMMAND = "report"


def report(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page, HTML or Markdown by the end of its name, .html or .md. It is written "
            "over one that this command made and nobody changed since, and over no other file.",
        ),
    ] = Path("report.html"),
    force: Annotated[
        bool, typer.Option("--force", help="Write the page over any other file, too.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = _RESULTS,
) -> None:
    """Write one page on what was reproduced: verdict, claims, figures, tables, audit, conditions.

    The HTML file holds everything that it shows, and asks for nothing from anywhere.
    """
    from kreproduce.claims import report as claims
    from kreproduce.report import drawing, formats
    from kreproduce.report.page import page
    from kreproduce.system import outputs

    is_html = output.suffix.lower() == ".html"
    if is_html:
        drawing.check_extra()
    if results != _RESULTS and not results.is_dir():
        raise SettingsError(
            f"there is no folder {printable(results)} of results; leave --results out"
        )
    outputs.check_output(output, _COMMAND, formats.SUFFIXES, force=force)
    shown = page(claims.report(results), results)
    text = formats.html(shown) if is_html else formats.markdown(shown)
    outputs.write_output(output, text.encode(), _COMMAND)
    print(f"written to {output}")
