"""A busy machine is told from an idle one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kreproduce.bench import conditions
from kreproduce.bench.conditions import cores_in_use, is_busy


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="nobody counts it here")
def test_a_process_that_computes_is_seen():
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        cores = cores_in_use()
    finally:
        busy.kill()
        busy.wait()
    assert 0.8 <= cores <= os.cpu_count()


@pytest.mark.parametrize("content", ["", "cpu", "cpu a b c d e", "cpu 0 0 0 0 0 0 0 0 0 0"])
def test_where_nothing_is_counted(content, tmp_path, monkeypatch):
    (tmp_path / "stat").write_text(content)
    monkeypatch.setattr(conditions, "_SECONDS", 0.0)
    monkeypatch.setattr(conditions, "Path", lambda name: tmp_path / "stat")
    assert cores_in_use() is None


def test_what_is_busy():
    assert is_busy(0.5)
    assert not is_busy(0.01)
    assert not is_busy(None)
