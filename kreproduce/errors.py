"""What can be wrong outside the code, each kind with its exit code.

A message is one sentence that names the culprit and the way out; the command line prints it
as it stands.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import PurePath


class KreproduceError(Exception):
    """A fault that the user can mend; `exit_code` is the process's."""

    exit_code = 1


class SettingsError(KreproduceError):
    """The command line or a settings file asks for something that has no meaning."""

    exit_code = 2


class DataError(KreproduceError):
    """The images are missing, damaged, or not what they are said to be."""

    exit_code = 3


class DivergedError(KreproduceError):
    """Training has reached a loss that is not a finite number."""

    exit_code = 4


class StorageError(KreproduceError):
    """The disk does not take what a run must write."""

    exit_code = 5


class OutOfMemoryError(KreproduceError):
    """The device's or the host's memory is full."""

    exit_code = 5


class LockedError(KreproduceError):
    """Another process is using this run."""

    exit_code = 6


class StateError(KreproduceError):
    """What lies in a run folder cannot be used."""

    exit_code = 7


CHECK_FAILED = 9
"""The exit code of a command that ran to its end and found what should not be."""

LONGEST = 200
"""Characters that a message repeats of what a user gave, or of what a file or folder holds."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown `word`: the nearest known one, or all of them."""
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


def some(names: Sequence[object], most: int = 3) -> str:
    """The first of many names, and how many more there are.

    >>> some(["a", "b"]), some(range(5000))
    ('a, b', '0, 1, 2 and 4,997 more')
    """
    if len(names) <= most + 1:  # "and 1 more" is no shorter than its name
        return ", ".join(map(printable, names))
    return f"{', '.join(map(printable, names[:most]))} and {len(names) - most:,} more"
