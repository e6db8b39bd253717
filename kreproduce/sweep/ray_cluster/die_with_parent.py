"""A command that dies with its parent.

    python -m kreproduce.sweep.ray_cluster.die_with_parent PARENT COMMAND...

A worker of Ray's may be killed at any moment, and what it has started would go on without it,
holding a GPU that Ray gives to the next.
"""

import os
import signal
import sys

from kreproduce.system.interruption import REQUESTS
from kreproduce.system.parent import die_with


def main(parent: int, command: list[str]) -> None:
    """Become `command`, killed by the system when the process `parent` ends.

    Elsewhere than on Linux the system has nothing of the kind, and the command is only run.
    """
    # Ray's threads block SIGINT, and both this and an ignored signal would be inherited.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in REQUESTS:
        signal.signal(number, signal.SIG_DFL)
    if die_with(parent):
        os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
