"""The paper's tables: its counts recomputed, its accuracies beside those that runs measured.

>>> from kreproduce.tables import table
>>> table(3)["v2_16ch"].tolist()[:2]
[623226, 901542]
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kreproduce import paper
from kreproduce.errors import SettingsError, StateError, StorageError
from kreproduce.experiment.settings import NAME
from kreproduce.runs import records
from kreproduce.system import outputs
from kreproduce.tables.columns import NUMBERS
from kreproduce.tables.contents import Contents, contents, contents_as_printed
from kreproduce.tables.formats import FORMATS, check_format, frame, json_table, render
from kreproduce.tables.recorded import contents_recorded
from kreproduce.text import quoted

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FORMATS",
    "NUMBERS",
    "OWN",
    "WRITTEN",
    "Contents",
    "build",
    "check_format",
    "json_table",
    "names",
    "render",
    "table",
    "write",
]

OWN: dict[str, Callable[[Sequence[records.Record]], Contents]] = {"recorded": contents_recorded}
"""This project's own tables, made of what was recorded."""

RESULTS = Path("results")
WRITTEN = ("markdown", "csv")
"""The formats kept below results/tables: one to read, one as data."""


def names() -> list[str]:
    """Return what the command line calls the tables: the paper's, all of these, and our own."""
    return [*map(str, NUMBERS), "all", *OWN]


def table(
    number: int, *, results: Path = RESULTS, as_printed: bool = False, data: str | None = None
) -> "pd.DataFrame":
    """Return a table of the paper as data; results/README.md says what its columns mean.

    Args:
        number: 1 to 8.
        results: where runs are recorded.
        as_printed: the paper's own numbers, and none measured.
        data: the name of the images whose runs are shown, instead of the paper's original ones.

    Raises:
        SettingsError: there is no such table, `data` is no name of images, or the table shows
            nothing that was run on images.
    """
    found = () if as_printed else records.read(results).records
    return frame(build(number, found, as_printed=as_printed, data=data))


def build(
    number: int,
    found: Sequence[records.Record] = (),
    *,
    as_printed: bool = False,
    data: str | None = None,
) -> Contents:
    """Return a table with its footnotes, ready for `render`; arguments same as for `table`.

    Raises:
        SettingsError: there is no such table, `data` is no name of images, or the table shows
            nothing that was run on images.
    """
    if number not in NUMBERS:
        raise SettingsError(f"the paper has no Table {number}; ask for 1 to 8, or all")
    if data is not None and not re.fullmatch(NAME, data):
        raise SettingsError(
            f"{quoted(data, 60)} is no name of images; write one such as cifar10-jpeg75"
        )
    if data is not None and number not in paper.TRAINED:
        raise SettingsError(f"Table {number} shows no trained networks; leave out the images' name")
    if not as_printed:
        return contents(number, found, data)
    if data is not None:
        raise SettingsError("the paper prints nothing of other images; leave out one of the two")
    return contents_as_printed(number)


def write(
    tables: Iterable[Contents], results: Path, forms: Iterable[str], *, force: bool = False
) -> list[Path]:
    """Write each table in each format to a file of its own below `results`/tables.

    A file that is there is written over if it begins as that table does.

    Args:
        tables: the tables.
        results: the folder of results.
        forms: names of formats.
        force: write over files that begin otherwise, too.

    Raises:
        SettingsError: there is no such format.
        StateError: there is a file that is not of that table; nothing is written.
        StorageError: a file cannot be written.
    """
    forms = list(forms)
    texts = {
        results / "tables" / f"{_stem(contents)}.{FORMATS[form]}": (form, render(contents, form))
        for contents in tables
        for form in forms
    }
    for path, (form, text) in texts.items():
        if not force and not outputs.is_free(path, outputs.begins_as(text, _HEADINGS[form])):
            raise StateError(
                f"{path} does not begin as the table that belongs there; move it away, or write "
                "over it with --force"
            )
    for path, (_, text) in texts.items():
        _write(path, text)
    return list(texts)


# By format: the lines with which every table of one number begins, whatever its cells say.
_HEADINGS = {"text": 1, "markdown": 1, "csv": 1, "latex": 4, "json": 2}


def _stem(contents: Contents) -> str:
    """Return a name that no table of other cells has, whatever the images are called."""
    kind = "-as-printed" if contents.as_printed else f"-on-{contents.data}" if contents.data else ""
    return f"table-{contents.name}{kind}"


def _write(path: Path, text: str) -> None:
    made: list[Path] = []
    try:
        made = outputs.make_folder(path.parent)
        outputs.write(path, text.encode())  # the same line ends everywhere
    except OSError as error:
        outputs.remove_empty(made)
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}; "
            "choose another place with --results"
        ) from error
