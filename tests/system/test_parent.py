"""A process that ends with its parent."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True
)
print(child.stdout.readline(), end="", flush=True)
"""
CHILD = """
import os, time
from kreproduce.system.parent import die_with
print(die_with({parent}), os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has nothing of the kind")
@pytest.mark.parametrize(("parent", "there"), [("os.getppid()", "True"), ("1234567", "False")])
def test_it_is_killed_when_its_parent_ends(parent, there):
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PARENT, CHILD.format(parent=parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    said, number = done.stdout.split()
    assert said == there
    while (state := _state(number)) not in ("gone", "Z"):
        assert time.monotonic() - started < 30, state
        time.sleep(0.05)


def _state(number):
    try:
        with Path(f"/proc/{number}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"
