"""What can be wrong outside the code, each kind with its exit code.

A message is one sentence that names the culprit and the way out; the command line prints it
as it stands.
"""


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
