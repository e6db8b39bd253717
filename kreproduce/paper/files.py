"""The package's CSV files, read into dataclasses."""

import csv
from functools import cache
from importlib.resources import files
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def lines(name: str) -> tuple[dict[str, str], ...]:
    """Return the lines of the data file `name`, each a dict from column to text."""
    text = files("kreproduce.paper").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def load(kind: type[T], name: str) -> tuple[T, ...]:
    """Return the lines of the data file `name` as `kind`, a dataclass with a field per column."""
    types = get_type_hints(kind)
    return tuple(
        kind(**{column: _value(types[column], text) for column, text in line.items()})
        for line in lines(name)
    )


def _value(kind: Any, text: str) -> Any:
    if kind == tuple[int, ...]:
        return tuple(map(int, text.split()))
    if kind == tuple[str, ...]:
        return tuple(text.split("; ")) if text else ()
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueError(f"{text!r} is none of {get_args(kind)}")
        return text
    if get_origin(kind) is UnionType:  # say float | None: an empty cell means none
        return get_args(kind)[0](text) if text else None
    return kind(text)
