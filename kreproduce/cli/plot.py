"""`kreproduce plot`: figures of what the runs on record measured."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.cli.arguments import Command
from kreproduce.errors import SettingsError
from kreproduce.text import printable

if TYPE_CHECKING:
    from kreproduce.claims.report import Section
    from kreproduce.report.charts import Figure

_RESULTS = Path("results")

app = typer.Typer(
    help="Draw figures from the records, as SVG, PNG or PDF files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The picture, SVG, PNG or PDF by the end of its name; default: the figure's name and "
        ".svg. It is written over one that this command made and nobody changed since, and over no "
        "other file.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write the picture over any other file, too.")]
Results = Annotated[Path, typer.Option(help="Where runs are recorded.")]


@app.command(cls=Command)
def frontier(output: Output = None, force: Force = False, results: Results = _RESULTS) -> None:
    """Draw accuracy against parameters and computations, the paper's networks in grey.

    Of several protocols, that of most runs is drawn; so does ablation.
    """

    def figure() -> "Figure":
        from kreproduce.report import charts

        sections = _sections(results)
        return charts.frontier(sections[0].runs if sections else None)

    _draw("frontier", figure, output, force, results)


@app.command(cls=Command)
def curves(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Names or folders of runs, or CSV files like theirs; default: the runs of one "
            "protocol, that of most runs.",
        ),
    ] = None,
    output: Output = None,
    force: Force = False,
    results: Results = _RESULTS,
) -> None:
    """Draw the losses and accuracies of trainings by epoch, over each other."""

    def figure() -> "Figure":
        from kreproduce.compare import curves as histories
        from kreproduce.report import charts, page

        sections = [] if runs else _sections(results)
        if sections:
            return page.learning_curves(sections[0], results)
        named = [histories.find(run, results) for run in runs or ()]
        return charts.curves([histories.read(path) for path in named])

    _draw("curves", figure, output, force, results)


@app.command(cls=Command)
def confusion(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The name or folder of a run.")],
    hflip: Annotated[
        bool, typer.Option("--hflip", help="Test it with the mirror image added.")
    ] = False,
    output: Output = None,
    force: Force = False,
    results: Results = _RESULTS,
) -> None:
    """Draw the confusion matrix of a finished run on its test images."""

    def figure() -> "Figure":
        from kreproduce.report import charts
        from kreproduce.runs.find import find_run
        from kreproduce.runs.integrity import finished

        record, predictions = finished(find_run(run, results))
        names = record.data.class_names
        matrix = predictions.confusion(len(names), "hflip" if hflip else "plain")
        title = f"{printable(record.run)}{' with H flip' if hflip else ''}"
        return charts.confusion(title, matrix, names)

    _draw("confusion", figure, output, force, results)


@app.command(cls=Command)
def ablation(output: Output = None, force: Force = False, results: Results = _RESULTS) -> None:
    """Draw by how many points the networks of each claim differ."""

    def figure() -> "Figure":
        from kreproduce.report import charts

        drawn = [charts.ablation(section) for section in _sections(results)[:1]]
        if not drawn or drawn[0] is None:
            raise SettingsError(
                "no two networks that a claim is about may be compared yet; kreproduce sweep "
                "configs/reduced trains them"
            )
        return drawn[0]

    _draw("ablation", figure, output, force, results)


def _draw(
    name: str, figure: "Callable[[], Figure]", output: Path | None, force: bool, results: Path
) -> None:
    from kreproduce.report import drawing
    from kreproduce.system import outputs

    drawing.check_extra()
    if results != _RESULTS and not results.is_dir():
        raise SettingsError(
            f"there is no folder {printable(results)} of results; leave --results out"
        )
    path, command = output or Path(f"{name}.svg"), f"plot {name}"
    outputs.check_output(path, command, drawing.SUFFIXES, force=force)
    outputs.write_output(path, drawing.file(figure(), path.suffix.lower()), command)
    print(f"drawn in {path}")


def _sections(results: Path) -> "tuple[Section, ...]":
    """Return what the runs decide, the protocol of most runs first."""
    from kreproduce.claims.report import report

    return report(results).sections
