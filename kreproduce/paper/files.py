"""The package's CSV files, read into dataclasses."""

import csv
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


def lines(name: str) -> tuple[dict[str, str], ...]:
    """The lines of the data file `name`, each a dict from column to text."""
    text = files("kreproduce.paper").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def load(kind: type[T], name: str) -> tuple[T, ...]:
    """The lines of the data file `name` as `kind`, a dataclass with a field for each column."""
    types = get_type_hints(kind)
    return tuple(
        kind(**{column: _value(types[column], text) for column, text in line.items()})
        for line in lines(name)
    )


def _value(kind: Any, text: str) -> Any:
    return tuple(map(int, text.split())) if kind == tuple[int, ...] else kind(text)
