"""What can be wrong outside the code, each kind with its exit code.

A message is one sentence that names the culprit and the way out; the command line prints it
as it stands.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ends, but for signals: 128 and the signal's number, as a shell has it."""

    DONE = 0
    BUG = 1
    SETTINGS = 2
    DATA = 3
    DIVERGED = 4
    RESOURCES = 5
    LOCKED = 6
    STATE = 7
    RUNS_FAILED = 8
    CHECK_FAILED = 9


class KreproduceError(Exception):
    """A fault that the user can mend; `exit_code` is the process's."""

    exit_code = ExitCode.BUG


class SettingsError(KreproduceError):
    """The command line or a settings file asks for something that has no meaning."""

    exit_code = ExitCode.SETTINGS


class DataError(KreproduceError):
    """The images are missing, damaged, or not what they are said to be."""

    exit_code = ExitCode.DATA


class DivergedError(KreproduceError):
    """Training has reached a loss that is not a finite number."""

    exit_code = ExitCode.DIVERGED


class StorageError(KreproduceError):
    """The disk does not take what a run must write."""

    exit_code = ExitCode.RESOURCES


class OutOfMemoryError(KreproduceError):
    """The device's or the host's memory is full."""

    exit_code = ExitCode.RESOURCES


class LockedError(KreproduceError):
    """Another process is using this run."""

    exit_code = ExitCode.LOCKED


class StateError(KreproduceError):
    """What lies in a run folder cannot be used."""

    exit_code = ExitCode.STATE


class CheckError(KreproduceError):
    """What was made did not pass its check, and is not kept."""

    exit_code = ExitCode.CHECK_FAILED
