"""`kreproduce plot`: figures of what the runs on record measured."""

from pathlib import Path
from typing import Annotated

import typer

from kreproduce.cli.arguments import Command
from kreproduce.errors import SettingsError

RESULTS = Path("results")

app = typer.Typer(
    help="Draw figures from the records, as SVG files below RESULTS/claims.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Without it typer would make one command of a group of one."""


@app.command(cls=Command)
def frontier(
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = RESULTS,
) -> None:
    """Draw accuracy against parameters and computations, the paper's networks in grey."""
    from kreproduce.claims import frontier, report

    if results != RESULTS and not results.is_dir():
        raise SettingsError(f"there is no folder {results} of results; leave --results out")
    found = report.report(results)
    path = results / "claims" / "frontier.svg"
    report.put(path, frontier.svg([section.runs for section in found.sections]))
    print(f"drawn in {path}")
