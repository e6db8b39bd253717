"""A process that dies with the one that started it, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TIED = [sys.executable, "-m", "kreproduce.sweep.ray_cluster.die_with_parent"]
# As Ray's threads do, it blocks SIGINT, and what it starts would inherit that.
PARENT = f"""
import os, signal, subprocess, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
script = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
command = {TIED} + [str(os.getpid()), sys.executable, "-c", script]
child = subprocess.Popen(command, start_new_session=True)
child.wait()
print(child.returncode, flush=True)
"""
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux has it")


@pytest.fixture
def parent():
    """A process that has started a tied one, and the number of that."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, int(process.stdout.readline())
        process.kill()


def is_running(pid):
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@ON_LINUX
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_parent(parent, number):
    process, child = parent
    assert is_running(child)
    process.send_signal(number)
    process.wait()
    wait(lambda: not is_running(child))


def test_it_can_be_interrupted_and_its_end_is_seen(parent):
    process, child = parent
    os.kill(child, signal.SIGINT)
    assert process.stdout.readline() == f"{-signal.SIGINT}\n"


def test_nothing_is_run_for_a_parent_that_is_gone(tmp_path):
    command = [sys.executable, "-c", "open('made', 'w')"]
    subprocess.run([*TIED, "1", *command], check=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
    subprocess.run([*TIED, str(os.getpid()), *command], check=True, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
