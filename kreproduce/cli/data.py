"""`kreproduce data`: get the images."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Get the images of a dataset.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Get the images of a dataset."""


@app.command("prepare")
def prepare(
    dataset: Annotated[str, typer.Argument(help="cifar10, malaria or colorectal_histology.")],
    data_dir: Annotated[
        Path | None, typer.Option(help="Where to keep it; default: TFDS' own folder.")
    ] = None,
) -> None:
    """Download a dataset and prepare it, through TensorFlow Datasets."""
    from kreproduce.data import prepare as preparation

    path = preparation.prepare(dataset, data_dir)
    print(f"{dataset} is prepared in {path}")
