"""What this process asks of the machine: its cores, and its memory."""

import contextlib
import ctypes
import os
import re
from pathlib import Path

# Of x86 and of Arm, as Linux names them.
_VECTOR = re.compile(r"avx.*|fma|sse4.*|amx.*|asimd.*|sve.*|sme|sme[0-9_].*|bf16|i8mm")

# Parameters of glibc's mallopt, from its malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_KEEP = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 256 * 2**20, _ARENA_MAX: 1}


def cores() -> int:
    """How many this process may use: fewer than the machine has under taskset or a scheduler."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def instructions() -> tuple[str, ...]:
    """Return the processor's vector instructions, by which a backend chooses its kernels.

    Machines of one name may differ in them, and then round otherwise. Empty where nobody says.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ()
    line = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return tuple(sorted(filter(_VECTOR.fullmatch, set(line.partition(":")[2].split()))))


def use_batch_policy() -> None:
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


def keep_memory() -> None:
    """Have the C library keep what is freed, for the next tensors, instead of handing it back.

    A training step frees and asks for the same gigabytes, and each time the kernel would clear
    every page: with it a step of V2 32ch took 1.23 s instead of 2.21 (2 cores, AVX2), and its peak
    of memory was the same (3.0 GB). Call it when the images are there, which are freed rarely, and
    before a backend starts its threads. Does nothing without glibc, nor where a user has set one
    of its MALLOC_ variables.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with contextlib.suppress(AttributeError, OSError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _KEEP.items():
            mallopt(parameter, value)
