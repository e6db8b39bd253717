"""A process that ends with the one that started it."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int) -> bool:
    """Have the system kill this process when the one that started it ends.

    Elsewhere than on Linux the system has nothing of the kind.

    Args:
        parent: the process that started this one.

    Returns:
        whether it is still there: it may have ended before this could be told.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent
