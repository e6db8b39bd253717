"""The kernel is told what kind of process this is."""

import os
import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux only")
def test_threads_started_later_are_batch_threads():
    script = (
        "import os, threading; from kreproduce.system import scheduling; "
        "scheduling.use_batch_policy(); "
        "thread = threading.Thread(target=lambda: print(os.sched_getscheduler(0))); "
        "thread.start(); thread.join()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == os.SCHED_BATCH


SCRIPT = """
import ctypes, os, resource, sys
from kreproduce.system import scheduling
for _ in range(int(sys.argv[1])):
    scheduling.keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
faults = []
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(64 * 2**20)
    ctypes.memset(block, 1, 64 * 2**20)
    libc.free(block)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[-1])
"""


@pytest.mark.skipif("glibc" not in platform.platform(), reason="only glibc can be told")
def test_memory_that_was_freed_is_kept_for_the_next(monkeypatch):
    """Pages that the kernel must clear: 16,384 of 4 kB in 64 MiB, or none."""
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)

    def faults(times):
        command = [sys.executable, "-c", SCRIPT, str(times)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults(0) > 1000
    assert faults(1) < 100
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")  # a user's own choice
    assert faults(1) > 1000
