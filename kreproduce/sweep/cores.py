"""The processor cores that this process may use, dealt out to runs side by side.

Two runs of one thread on a core each get more done than one run of two threads: nobody waits for
another thread at the end of each operation. The backends start as many threads as the process
may use cores, so that nothing but the cores need be told to a run.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from itertools import count, groupby, pairwise
from pathlib import Path

Cores = tuple[int, ...]
"""Cores by the numbers that the system gives them."""

_TOPOLOGY = Path("/sys/devices/system/cpu")


def usable() -> list[int]:
    """Return the cores that this process may use, neighbours beside each other; on Linux only.

    Fewer than the machine has in a container, under `taskset` or in a job of a batch system.
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0), key=_neighbourhood)


def divide(cores: Sequence[int], parts: int) -> list[Cores]:
    """So many parts of neighbours that share no core, or one of each core if there are fewer.

    Args:
        cores: as `usable` orders them.
        parts: at least 1.
    """
    parts = min(parts, len(cores))
    ends = [len(cores) * part // parts for part in range(parts + 1)] if parts else []
    return [tuple(sorted(cores[a:b])) for a, b in pairwise(ends)]


@contextlib.contextmanager
def only(cores: Cores) -> Iterator[Cores]:
    """Confine what this thread starts in here to these cores, and hand out those granted.

    None are granted if none are asked for, or if this process may use none of them any more, as
    when a batch system has moved it; what is started may then use all that this process may.
    Other threads of this process keep what they have. Nothing runs between the fork and the start
    of the new program, where a process with threads could hang.
    """
    before = os.sched_getaffinity(0) if cores else set()
    granted = tuple(core for core in cores if core in before)
    if not granted:
        yield ()
        return
    os.sched_setaffinity(0, granted)
    try:
        yield granted
    finally:
        os.sched_setaffinity(0, before)


def named(cores: Cores) -> str:
    """In words, as `taskset --cpu-list` writes them.

    >>> named((0,)), named((0, 1, 2, 8))
    ('core 0', 'cores 0-2,8')
    """
    steps = count()
    runs = [list(run) for _, run in groupby(sorted(cores), lambda core: core - next(steps))]
    ranges = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"core{'s' if len(cores) > 1 else ''} {','.join(ranges)}"


def _neighbourhood(core: int) -> tuple[int, int, int]:
    """Order cores so that the two halves of one (hyper-threading) stand beside each other.

    Many machines number them otherwise: of 16 in 8 pairs, 0 and 8 are one.
    """
    topology = _TOPOLOGY / f"cpu{core}" / "topology"
    try:
        package = int((topology / "physical_package_id").read_text())
        whole = int((topology / "core_id").read_text())
    except (OSError, ValueError):  # some virtual machines do not tell
        return 0, core, core
    return package, whole, core
