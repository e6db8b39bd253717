"""`kreproduce compare`: a run's curves beside a reference's."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from kreproduce.compare.gaps import Comparison


def compare(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name or folder, or a CSV file like its.")
    ],
    reference: Annotated[
        str,
        typer.Option(
            metavar="CSV",
            help="What to compare it with: a file with columns epoch, loss, accuracy, val_loss, "
            "val_accuracy or some of them; or another run.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="The picture; default: RUN-beside-REFERENCE.png."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
) -> None:
    """Draw a run's curves over a reference's, and print the gaps by epoch."""
    from kreproduce.compare import curves, gaps, text

    if output is not None and output.suffix.lower() != ".png":
        raise SettingsError(f"--output {output}: the picture is a PNG file; let its name end so")
    both = (curves.read(curves.find(name, results)) for name in (run, reference))
    comparison = gaps.compare(*both)
    path = output or Path(f"{comparison.run.name}-beside-{comparison.reference.name}.png")
    _draw(comparison, path)
    if as_json:
        print(json.dumps(text.values(comparison) | {"picture": str(path)}, indent=2))
    else:
        print("\n".join([*text.lines(comparison), f"drawn in {path}"]))


def _draw(comparison: "Comparison", path: Path) -> None:
    from kreproduce import files
    from kreproduce.compare import plot

    try:
        if not path.parent.is_dir():
            raise StorageError(f"{path} cannot be written: there is no folder {path.parent}")
        if path.is_dir():
            raise StorageError(f"{path} cannot be written: it is a folder")
        files.write(path, plot.png(comparison))
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}; choose another --output"
        ) from error
