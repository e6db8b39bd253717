"""How the kernel shares out the cores to this process."""

import contextlib
import os
import re
from pathlib import Path

# Of x86 and of Arm, as Linux names them.
_VECTOR = re.compile(r"avx.*|fma|sse4.*|amx.*|asimd.*|sve.*|sme|sme[0-9_].*|bf16|i8mm")


def cores() -> int:
    """How many this process may use: fewer than the machine has under taskset or a scheduler."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def instructions() -> tuple[str, ...]:
    """The processor's vector instructions, by which a backend chooses its kernels.

    Machines of one name may differ in them, and then round otherwise. Empty where nobody says.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ()
    line = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return tuple(sorted(filter(_VECTOR.fullmatch, set(line.partition(":")[2].split()))))


def as_batch() -> None:
    """Tell Linux that this thread, and those it starts, compute for long and answer nobody.

    What a user chose otherwise, say with chrt, is left. Call it before a backend starts its
    threads. Without it a kernel may wake both threads of an operation on one core and leave the
    other idle: on 2 cores (Linux 6.18) 8 of 12 training steps took 1.27 s instead of 0.64, with
    it none.
    """
    if not hasattr(os, "SCHED_BATCH"):
        return
    with contextlib.suppress(OSError):  # a container may forbid it
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
