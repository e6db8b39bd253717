"""How many channels a group has, layer by layer: Ch as a number, a rule, or patterns of names."""

import difflib
import hashlib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import SupportsIndex, TypeAlias

from kreproduce.errors import SettingsError
from kreproduce.network.grouping import Replacement
from kreproduce.text import printable, quoted, some

Ch: TypeAlias = int | str
"""A number, or a rule: "sqrt" or "share:0.15"."""

Channels: TypeAlias = Ch | tuple[tuple[str, Ch | None], ...] | None
"""One `Ch` for all layers; or pairs of a pattern and a `Ch`, of which the first that matches a
layer's name counts. None keeps a layer."""

_MOST = 100_000
_SHARE = re.compile(r"share:(0?\.\d+|1(?:\.0*)?)")


def normalized(ch: object) -> Channels:
    """Return Ch as this package keeps it: what was a mapping is a tuple of pairs, in its order.

    Raises:
        SettingsError: it is neither a number, nor a rule, nor such a mapping.
    """
    given = ch
    if isinstance(ch, Mapping):
        ch = tuple(ch.items())
    if isinstance(ch, tuple | list):
        pairs = [tuple(pair) for pair in ch if isinstance(pair, tuple | list)]
        if not pairs or len(pairs) < len(ch) or any(len(pair) != 2 for pair in pairs):
            raise SettingsError(
                f"ch: {quoted(given)} is refused; write a pattern of layers' names and a number on "
                "each line below it, as in '*_expand': 16"
            )
        return tuple((_pattern(pattern), _one(one)) for pattern, one in pairs)
    return _one(ch)


def parse(text: str) -> Channels:
    """Return what a command line says of Ch: "16", "sqrt" or "block[1-3]*=8,*_se_*=none,*=32".

    Raises:
        SettingsError: it says nothing that has a meaning.
    """
    if "=" not in text:
        value = _value(text)
        return normalized(text if value is None else value)
    pairs = [pair.rpartition("=") for pair in text.split(",")]
    return normalized([(pattern.strip(), _value(value)) for pattern, _, value in pairs])


def label(channels: Channels) -> str:
    """Return a short name: "16ch", "sqrtch", "share0.15ch"; of patterns, with digits of a hash."""
    if isinstance(channels, tuple):
        return f"mixed{hashlib.sha256(repr(channels).encode()).hexdigest()[:4]}ch"
    return f"{str(channels).replace(':', '')}ch"


def chosen(channels: Channels, path: str) -> tuple[str | None, Ch | None]:
    """Return the pattern that decides a layer, None where none does, and its Ch.

    Where one Ch serves all layers, the pattern is "*".
    """
    if not isinstance(channels, tuple):
        return "*", channels
    return next(((pattern, ch) for pattern, ch in channels if matches(path, pattern)), (None, None))


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern matches a whole path; a name with brackets in it matches itself."""
    return path == pattern or fnmatchcase(path, pattern)


def check_patterns(patterns: Iterable[str], paths: Iterable[str], what: str = "ch") -> None:
    """Refuse patterns that decide no layer.

    Args:
        patterns: in the order in which they are tried.
        paths: of all pointwise layers.
        what: the setting that has the patterns.

    Raises:
        SettingsError: a pattern matches no layer, or none that an earlier one leaves.
    """
    paths, left, before = list(paths), list(paths), ""
    for pattern in patterns:
        matched = [path for path in paths if matches(path, pattern)]
        if not matched:
            close = difflib.get_close_matches(pattern.strip("*"), paths, n=1, cutoff=0.5)
            known = f"did you mean '{close[0]}'?" if close else f"there are {some(paths)}"
            raise SettingsError(
                f"{what}: {quoted(pattern)} matches no pointwise layer; "
                f"{known if paths else 'there is none'}"
            )
        if not set(matched) & set(left):
            raise SettingsError(
                f"{what}: {quoted(pattern)} decides no layer, for the patterns before it "
                f"({printable(before, 80)}) match all that it does; the first that matches counts"
            )
        left = [path for path in left if path not in matched]
        before = f"{before}, {pattern}" if before else pattern


def replacement(
    ch: Ch, channels: int, filters: int, replace: Callable[[int], Replacement | None]
) -> Replacement | None:
    """Return what replaces a layer by a number or a rule; None where it is kept.

    "sqrt" is the square root of the layer's input channels, rounded. "share:s" is the largest
    number by which layers K and L have at most the share s of the weights that they replace: the
    paper's conclusion proposes Ch as a fraction of a layer's parameters for later work.

    Args:
        ch: number or rule.
        channels: of the layer's input.
        filters: of the layer.
        replace: the replacement by a number.
    """
    if isinstance(ch, int):
        return replace(ch)
    if ch == "sqrt":
        return replace(max(1, round(math.sqrt(channels))))
    most = float(ch.removeprefix("share:")) * channels * filters
    for number in range(channels, 0, -1):
        replaced = replace(number)
        if replaced is not None and replaced.weights <= most:
            return replaced
    return None


def _value(text: str) -> int | str | None:
    text = text.strip()
    if text == "none":
        return None
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text


def _pattern(pattern: object) -> str:
    if not isinstance(pattern, str) or not pattern:
        raise SettingsError(
            f"ch: {quoted(pattern)} is no pattern of layers' names, as is '*_expand'"
        )
    return pattern


def _one(ch: object) -> Ch | None:
    if ch is None:
        return None
    if isinstance(ch, SupportsIndex) and not isinstance(ch, bool):
        number = operator.index(ch)
        if not 1 <= number <= _MOST:
            raise SettingsError(f"ch: {number} is refused; a group has 1 to {_MOST:,} channels")
        return number
    if isinstance(ch, str) and (ch == "sqrt" or (_SHARE.fullmatch(ch) and float(ch[6:]) > 0)):
        return ch
    raise SettingsError(
        f"ch: {quoted(ch)} is refused; give a number, 'sqrt', or 'share:0.15' with a share from "
        "0 to 1"
    )
