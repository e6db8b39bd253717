"""The kernel is told what kind of process this is."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux only")
def test_threads_started_later_are_batch_threads():
    script = (
        "import os, threading; from kreproduce import scheduling; scheduling.as_batch(); "
        "thread = threading.Thread(target=lambda: print(os.sched_getscheduler(0))); "
        "thread.start(); thread.join()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == os.SCHED_BATCH
