"""What can be wrong outside the code, each kind with its exit code.

A message is one sentence that names the culprit and the way out; the command line prints it
as it stands.
"""

import difflib
from collections.abc import Iterable


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
    """Another process is at this run."""

    exit_code = 6


class StateError(KreproduceError):
    """What lies in a run folder cannot be used."""

    exit_code = 7


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown `word`: the nearest known one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"


def printable(text: str, longest: int = 300) -> str:
    """Text of unknown origin, fit for a message: without what a terminal would obey, and short."""
    return "".join(character if character.isprintable() else "?" for character in text)[:longest]
