"""`kreproduce compare`: a run's curves beside a reference's."""

import json
from pathlib import Path
from typing import Annotated

import typer

_COMMAND = "compare"


def compare(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name or folder, or a CSV file like its.")
    ],
    reference: Annotated[
        str,
        typer.Option(
            metavar="CSV",
            help="What to compare it with: a file with columns epoch, loss, accuracy, val_loss, "
            "val_accuracy or some of them, say a log of Keras' CSVLogger; or another run.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="The picture; default: RUN-beside-REFERENCE.png. It is written over one that this "
            "command made and nobody changed since, and over no other file.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the picture over any other file, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
) -> None:
    """Draw a run's curves over a reference's, and print the gaps by epoch."""
    from kreproduce.compare import curves, gaps, plot, text
    from kreproduce.system import outputs

    both = (curves.read(curves.find(name, results)) for name in (run, reference))
    comparison = gaps.compare(*both)
    path = output or Path(f"{comparison.run.name}-beside-{comparison.reference.name}.png")
    outputs.check_picture(path, _COMMAND, force=force)
    outputs.write_picture(path, plot.png(comparison), _COMMAND)
    if as_json:
        print(json.dumps(text.values(comparison) | {"picture": str(path)}, indent=2))
    else:
        print("\n".join([*text.lines(comparison), f"drawn in {path}"]))
