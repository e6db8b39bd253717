"""`kreproduce compare`: two runs, or a run's curves beside a reference's."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.errors import SettingsError

if TYPE_CHECKING:
    from kreproduce.runs.predictions import Shown

_COMMAND = "compare"


def compare(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A run's name or folder; with --reference also a CSV file like its."
        ),
    ],
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="A second finished run, likewise.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="CSV",
            help="Instead of a second run, curves: a file with columns epoch, loss, accuracy, "
            "val_loss, val_accuracy or some of them, say a log of Keras' CSVLogger; or a run's.",
        ),
    ] = None,
    hflip: Annotated[
        bool, typer.Option("--hflip", help="Of two runs: test them with the mirror image added.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture, PNG, SVG or PDF; default: RUN-beside-REFERENCE.png. It is written "
            "over one that this command made and nobody changed since, and over no other file.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the picture over any other file, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
) -> None:
    """Compare two finished runs, or draw a run's curves over a reference's.

    Of two runs: what differs in settings, images, conditions and metrics, with McNemar's test of
    the two networks. With --reference: a picture, and the gaps by epoch.
    """
    if (other is None) == (reference is None):
        raise SettingsError(
            "a run is compared with a second run or with a --reference; give one of them"
        )
    if other is not None and (output is not None or force):
        raise SettingsError(
            "--output and --force are about the picture, which only --reference draws; leave them "
            "out"
        )
    if reference is not None and hflip:
        raise SettingsError("--hflip has no meaning for curves; leave it out")
    if other is not None:
        _compare_runs(run, other, "hflip" if hflip else "plain", results, as_json)
    elif reference is not None:
        _compare_curves(run, reference, output, force, results, as_json)


def _compare_runs(first: str, second: str, shown: "Shown", results: Path, as_json: bool) -> None:
    from kreproduce.compare.runs import compare_runs
    from kreproduce.runs.find import find_run
    from kreproduce.runs.integrity import finished

    one, another = (finished(find_run(name, results)) for name in (first, second))
    beside = compare_runs(one, another, shown)
    if as_json:
        print(json.dumps(beside.values(), indent=2))
    else:
        print("\n".join(beside.lines()))


def _compare_curves(
    run: str, reference: str, output: Path | None, force: bool, results: Path, as_json: bool
) -> None:
    from kreproduce.compare import curves, gaps, text
    from kreproduce.report import charts, drawing
    from kreproduce.system import outputs

    drawing.check_extra()
    both = (curves.read(curves.find(name, results)) for name in (run, reference))
    comparison = gaps.compare(*both)
    path = output or Path(f"{comparison.run.name}-beside-{comparison.reference.name}.png")
    outputs.check_output(path, _COMMAND, drawing.SUFFIXES, force=force)
    figure = charts.curves([comparison.reference, comparison.run], "A run beside its reference")
    outputs.write_output(path, drawing.file(figure, path.suffix.lower()), _COMMAND)
    if as_json:
        print(json.dumps(text.values(comparison) | {"picture": str(path)}, indent=2))
    else:
        print("\n".join([*text.lines(comparison), f"drawn in {path}"]))
