"""A busy machine is told from an idle one."""

import subprocess
import sys
from pathlib import Path

import pytest

from kreproduce.bench.machine import is_busy, used


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="nobody counts it here")
def test_a_process_that_computes_is_seen():
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        share = used()
    finally:
        busy.kill()
        busy.wait()
    assert 0 < share <= 1


def test_what_is_busy():
    assert is_busy(0.5)
    assert not is_busy(0.01)
    assert not is_busy(None)
