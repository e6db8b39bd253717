"""`kreproduce data`: get the images of a dataset, check them, look at them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.cli import completion
from kreproduce.cli.arguments import Command
from kreproduce.cli.download import Download
from kreproduce.errors import DataError, SettingsError
from kreproduce.experiment.recipes import RECIPES
from kreproduce.system import backend, quiet
from kreproduce.system.interruption import Interruptions
from kreproduce.text import alternatives, printable

if TYPE_CHECKING:
    from kreproduce.data.check import Findings
    from kreproduce.data.sources import Location

_LONGEST = 1000  # characters of a line of several names, each of them cut by itself

app = typer.Typer(help="Get, check and look at the images of a dataset.", no_args_is_help=True)

_SHOW = "data show"

Dataset = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help=f"{alternatives(RECIPES)}; with --data-dir any name.",
        autocompletion=completion.datasets,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(readable=False, help="A folder of images, or what holds a cache or TFDS' data."),
]


@app.callback()
def _data() -> None:
    """Get, check and look at the images of a dataset."""


@app.command("prepare", cls=Command)
def prepare(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="cifar10, cifar10-heldout, malaria or colorectal_histology; with --folder any "
            "name.",
            autocompletion=completion.datasets,
        ),
    ],
    archive: Annotated[
        Path | None,
        typer.Option(
            readable=False, metavar="FILE", help="Its published archive, fetched by hand."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="FOLDER",
            help="A folder of images instead, which can be original only for cifar10-heldout; "
            "needs --data-dir.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="Where to keep it; default: where TFDS keeps its datasets."
        ),
    ] = None,
) -> None:
    """Put a dataset into one file that needs neither a network nor TensorFlow.

    It is downloaded through TensorFlow Datasets, unless it is there already.
    """
    from kreproduce.data import prepare as preparation

    if archive and folder:
        raise SettingsError("--archive and --folder are two origins; give one of them")
    if folder and data_dir is None:
        raise SettingsError("--folder needs --data-dir, the folder for what is made of it; add it")
    with Interruptions():
        if archive:
            path = preparation.prepare_archive(dataset, archive, data_dir)
        elif folder and data_dir:
            path = preparation.prepare_folder(dataset, folder, data_dir)
        else:
            with Download(dataset) as download:
                path = preparation.prepare(dataset, data_dir, download)
    print(f"{dataset} is prepared in {path} ({path.stat().st_size / 1e6:,.0f} MB)")


@app.command("check", cls=Command)
def check(dataset: Dataset, data_dir: DataDir = None) -> None:
    """Decode every image: sizes, classes, fingerprint, and what is damaged or missing."""
    from kreproduce.data import check as checking

    location = _location(dataset, data_dir)
    with Interruptions():
        findings = checking.check(dataset, location)
    _print(findings, location)
    if findings.faults:
        print("\n".join(f"wrong: {printable(fault, _LONGEST)}" for fault in findings.faults))
        count = len(findings.faults)
        raise DataError(
            f"{'one thing is' if count == 1 else f'{count:,} things are'} wrong with the images "
            f"of '{dataset}', named above: mend them, or get the dataset again"
        )


@app.command("show", cls=Command)
def show(
    dataset: Dataset,
    data_dir: DataDir = None,
    output: Annotated[
        Path | None,
        typer.Option(
            writable=False,
            metavar="FILE.png",
            help="Default: DATASET.png. It is written over one that this command made and nobody "
            "changed since, and over no other file.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the sheet over any other file, too.")
    ] = False,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many images.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of the run.")] = 1,
    epoch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Of the run.")] = 1,
) -> None:
    """Write a sheet of training images as PNG: originals above, as the network sees them below.

    They are the first that a run with that seed is shown in that epoch.
    """
    from kreproduce.data import sources
    from kreproduce.experiment.settings import resolve
    from kreproduce.system import outputs

    path = output or Path(f"{dataset}.png")
    location = _location(dataset, data_dir)
    outputs.check_output(path, _SHOW, force=force)
    source = sources.open_source(location, dataset)
    classes = len(source.class_names)
    experiment = resolve({"dataset": dataset, "ch": 16, "classes": classes, "seed": seed})
    with Interruptions():
        backend.check()
        with quiet.silence_stderr():
            from kreproduce.data.contact_sheet import contact_sheet

        sheet = contact_sheet(experiment, source, count, epoch - 1)
    outputs.write_output(path, sheet, _SHOW)
    print(f"wrote {path}")


def _location(dataset: str, data_dir: Path | None) -> "Location":
    from kreproduce.data import sources
    from kreproduce.experiment.settings import dataset_of

    return sources.locate(dataset_of({"dataset": dataset}), data_dir)


def _print(findings: "Findings", location: "Location") -> None:
    """Print what was found: a table of the classes, then the rest line by line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    source, counts = findings.source, findings.counts
    table = Table("class", box=None, pad_edge=False)
    for name in ("train", "validation", "test", "together"):
        table.add_column(name, justify="right")
    for name, row in zip(
        (*source.class_names, "all"), [*counts.tolist(), counts.sum(axis=0).tolist()], strict=True
    ):
        # As text, for in a string rich obeys what stands in brackets or between colons.
        table.add_row(Text(printable(name)), *(f"{number:,}" for number in (*row, sum(row))))
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, 140)  # in a pipe it must not be cut
    console.print(table)
    sizes = [f"{height}x{width}" for height, width in findings.sizes]
    print(
        f"read         {source.kind}{', through a cache' if source.cached else ''}"
        f"{f': {location.path}' if location.path else ''}\n"
        f"split        {findings.split.rule}\n"
        f"pixels       {_range(sizes)}\n"
        f"original     {'yes' if findings.foreign is None else f'no: {findings.foreign}'}\n"
        f"fingerprint  {findings.fingerprint or 'none, for images cannot be used'}"
    )
    for what, said in (("passed over", source.passed_over), ("repeated", findings.repeated)):
        for line in said or ("none",):
            print(f"{what:13}{printable(line, _LONGEST)}")


def _range(sizes: list[str]) -> str:
    if len(sizes) > 1:
        return f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]}"
    return sizes[0] if sizes else "none"
