"""`kreproduce predict`: pictures classified by a trained network."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.errors import DataError, SettingsError
from kreproduce.system import backend
from kreproduce.system.interruption import Interruptions
from kreproduce.text import printable

if TYPE_CHECKING:
    from kreproduce.export.predict import Classified

_MANY = 100  # pictures, from which on a terminal gets a bar


def predict(
    network: Annotated[
        str,
        typer.Argument(metavar="RUN|FILE", help="A run's name or folder, or a model.keras."),
    ],
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Files, folders, or patterns in quotes."),
    ],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 3,
    hflip: Annotated[
        bool, typer.Option("--hflip", help="Average each image's and its mirror image's outputs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
) -> None:
    """Classify pictures with a trained network.

    A picture that cannot be read is named and passed over; the command then ends with 3.
    """
    if as_json and as_csv:
        raise SettingsError("--json and --csv are two forms of the output; give one of them")
    from kreproduce.export.load import load
    from kreproduce.export.pictures import find_pictures

    with Interruptions():
        found = find_pictures(images)
        backend.tune(inference=True)
        classifier = load(network, results)
        from kreproduce.data.remarks import Remarks
        from kreproduce.export.predict import classified

        top = min(top, len(classifier.class_names))
        remarks = Remarks()
        rows = classified(classifier, found, remarks, top=top, hflip=hflip)
        rows = _with_bar(rows, len(found))
        faults = list(_print_json(rows) if as_json else _print(rows, as_csv, top))
    for line in remarks.take():
        _warn(line)
    if faults:
        count = (
            f"1 of {len(found):,} pictures"
            if len(faults) == 1
            else (f"{len(faults):,} of {len(found):,} pictures")
        )
        raise DataError(f"{count} could not be read, as said above; mend or remove what is damaged")


def _print(rows: "Iterable[Classified]", as_csv: bool, top: int) -> Iterator[str]:
    """Print one line per picture as soon as it is known; yields the faults."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        names = [f"{name}_{i}" for i in range(1, top + 1) for name in ("class", "probability")]
        writer.writerow(["picture", *names])
    for row in rows:
        if row.fault is not None:
            _warn(row.fault)
            yield row.fault
        elif as_csv:
            values = [value for name, share in row.classes for value in (name, f"{share:.6f}")]
            writer.writerow([row.picture, *values])
        else:
            said = ", ".join(f"{printable(name)} {share:.1%}" for name, share in row.classes)
            print(f"{printable(row.picture)}: {said}")


def _print_json(rows: "Iterable[Classified]") -> Iterator[str]:
    values = []
    for row in rows:
        if row.fault is not None:
            _warn(row.fault)
            yield row.fault
        else:
            classes = [{"class": name, "probability": share} for name, share in row.classes]
            values.append({"picture": str(row.picture), "classes": classes})
    print(json.dumps(values, indent=2, ensure_ascii=False))


def _with_bar(rows: "Iterator[Classified]", count: int) -> "Iterator[Classified]":
    """Show on a terminal how far it is, where there are many and they go elsewhere."""
    if count < _MANY or sys.stdout.isatty() or not sys.stderr.isatty():
        yield from rows
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr, soft_wrap=True)
    with Progress(console=console, redirect_stdout=False, redirect_stderr=False) as progress:
        yield from progress.track(rows, total=count, description="classifying")


def _warn(text: str) -> None:
    print(f"kreproduce: warning: {printable(text, 1000)}", file=sys.stderr)
