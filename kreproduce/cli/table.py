"""`kreproduce table`: the paper's tables, recomputed and measured."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.cli import completion
from kreproduce.errors import SettingsError
from kreproduce.text import alternatives, printable, quoted

if TYPE_CHECKING:
    from kreproduce.tables import Contents


RESULTS = Path("results")


def table(
    number: Annotated[
        str,
        typer.Argument(
            metavar="N|all|recorded",
            help="1 to 8, all of them, or whatever was recorded.",
            autocompletion=completion.tables,
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="text (default), markdown, csv, latex or json; with --write: markdown and csv.",
            autocompletion=completion.table_formats,
        ),
    ] = None,
    as_printed: Annotated[
        bool, typer.Option("--as-printed", help="The paper's own numbers.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show runs on images of this name, not the originals."),
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write files below RESULTS/tables, print none. A file is written over if it "
            "begins as its table does.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --write: write over any file, too.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = RESULTS,
) -> None:
    """Print a table of the paper: counts recomputed, accuracies as printed and as measured."""
    from kreproduce import tables
    from kreproduce.runs import records

    own = tables.OWN.get(number)
    if own is not None and (as_printed or data or write):
        raise SettingsError(f"'{number}' is no table of the paper; give it only a --format")
    numbers = () if own is not None else _numbers(number, trained=data is not None)
    if force and not write:
        raise SettingsError("--force has no meaning without --write; leave it out")
    if form is not None:
        tables.check_format(form)
    if results != RESULTS and not results.is_dir():
        raise SettingsError(
            f"there is no folder {printable(results)} of results; leave --results out"
        )
    found = records.read(results)
    built = [
        tables.build(number, found.records, as_printed=as_printed, data=data) for number in numbers
    ]
    if own is not None:
        built = [own(found.records)]
    for skipped in found.skipped:
        print(f"kreproduce: {skipped.folder} is not counted: {skipped.why}", file=sys.stderr)
    if write:
        written = tables.write(built, results, [form] if form else tables.WRITTEN, force=force)
        print(f"wrote {len(written)} files below {results / 'tables'}")
    else:
        print(_rendered(built, form or "text"), end="")


def _numbers(text: str, *, trained: bool) -> tuple[int, ...]:
    """Return the tables asked for; all of them are, if `trained`, those of trained networks."""
    from kreproduce.paper import TRAINED
    from kreproduce.tables import NUMBERS, OWN

    if text == "all":
        return tuple(TRAINED) if trained else NUMBERS
    if not (text.isascii() and text.isdigit() and int(text[:9]) in NUMBERS):
        raise SettingsError(
            f"the paper has no Table {quoted(text, 60)}; "
            f"ask for {alternatives(['1 to 8', 'all', *OWN])}"
        )
    return (int(text),)


def _rendered(built: list["Contents"], form: str) -> str:
    from kreproduce import tables

    if len(built) == 1:
        return tables.render(built[0], form)
    if form == "csv":
        raise SettingsError(
            "tables of different columns make no one CSV file; ask for one table, or add --write"
        )
    if form == "json":
        every = [tables.json_table(contents) for contents in built]
        return json.dumps(every, indent=2, ensure_ascii=False) + "\n"
    return "\n\n".join(tables.render(contents, form) for contents in built)
