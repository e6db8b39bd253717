"""Text of messages: made fit to be shown, lists cut short, times as people say them."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import PurePath

LONGEST = 200
"""Characters that a message repeats of what a user gave, or of what a file or folder holds."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown `word`: the nearest known one, or all."""
    known = list(known)
    close = difflib.get_close_matches(word[:LONGEST].lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"


def printable(text: object, longest: int = LONGEST) -> str:
    """Text of unknown origin, fit for a message: without what a terminal would obey, and short.

    What is too long loses its middle, for the end of a path says as much as its beginning.

    >>> printable("results/" + 300 * "x" + "/record.json", 40)
    'results/xxxxxxxxxx...xxxxxx/record.json'
    """
    text = "".join(character if character.isprintable() else "?" for character in str(text))
    if len(text) <= longest:
        return text
    kept = max(1, (longest - 3) // 2)
    return f"{text[:kept]}...{text[-kept:]}"


def quoted(value: object, longest: int = LONGEST) -> str:
    """As `printable`, in quotes if it is text: what a user gave, repeated in a message.

    >>> quoted("pets"), quoted(3), quoted(PurePath("pets"))
    ("'pets'", '3', "'pets'")
    """
    text = printable(value if isinstance(value, str | PurePath) else repr(value), longest)
    return f"'{text}'" if isinstance(value, str | PurePath) else text


def alternatives(names: Iterable[str]) -> str:
    """Return names to choose from, as a sentence has them.

    >>> alternatives(["text", "csv", "json"]), alternatives(["text"])
    ('text, csv or json', 'text')
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def some(names: Sequence[object], most: int = 3) -> str:
    """Return the first of many names, and how many more there are.

    >>> some(["a", "b"]), some(range(5000))
    ('a, b', '0, 1, 2 and 4,997 more')
    """
    if len(names) <= most + 1:  # "and 1 more" is no shorter than its name
        return ", ".join(map(printable, names))
    return f"{', '.join(map(printable, names[:most]))} and {len(names) - most:,} more"


def duration(seconds: float) -> str:
    """Seconds as a person says them: "8 s", "3 min 20 s", "2 h 5 min", "4 days 3 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for unit, below, size, part in (("min", "s", 60, 1), ("h", "min", 3600, 60)):
        if whole < size * (60 if unit == "min" else 24):
            return f"{whole // size} {unit} {whole % size // part} {below}"
    days, hours = divmod(whole // 3600, 24)
    return f"{days} day{'s' if days > 1 else ''} {hours} h"
