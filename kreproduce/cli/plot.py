"""`kreproduce plot`: figures of what the runs on record measured."""

from pathlib import Path
from typing import Annotated

import typer

from kreproduce.cli.arguments import Command
from kreproduce.errors import SettingsError
from kreproduce.text import printable

RESULTS = Path("results")
_COMMAND = "plot frontier"

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
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write the figure over any file. Without it, it is written over one that this "
            "command made and nobody changed since, and over no other.",
        ),
    ] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = RESULTS,
) -> None:
    """Draw accuracy against parameters and computations, the paper's networks in grey."""
    from kreproduce.claims import frontier, report
    from kreproduce.system import outputs

    if results != RESULTS and not results.is_dir():
        raise SettingsError(
            f"there is no folder {printable(results)} of results; leave --results out"
        )
    path = results / "claims" / "frontier.svg"
    report.check_free(
        path,
        lambda content: outputs.is_sealed_svg(content, _COMMAND),
        f"a picture as `kreproduce {_COMMAND}` made it",
        force=force,
    )
    found = report.report(results)
    svg = frontier.svg([section.runs for section in found.sections])
    report.put(path, outputs.sealed_svg(svg, _COMMAND))
    print(f"drawn in {path}")
