"""`kreproduce show`: one finished run."""

import json
from pathlib import Path
from typing import Annotated

import typer


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A finished run's name or folder.")],
    hflip: Annotated[
        bool, typer.Option("--hflip", help="With the mirror image's outputs added.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
) -> None:
    """Show one finished run: settings, accuracy, curves, confusions, classes, files."""
    from kreproduce.runs import show as pages
    from kreproduce.runs.find import find_run
    from kreproduce.runs.integrity import finished

    folder = find_run(run, results)
    page = pages.page(folder, *finished(folder), "hflip" if hflip else "plain")
    if as_json:
        print(json.dumps(page.values(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(page.lines()))
