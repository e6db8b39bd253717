"""Two processes at one run: the second is told who the first is; a dead one keeps nobody out."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from faults.outcome import outcome
from faults.real import SETTINGS, Process, environment, run

from kreproduce import status

DRIVER = str(Path(__file__).with_name("driver.py"))
OTHER = [sys.executable, DRIVER, "run", "digits", *SETTINGS]


def held(results):
    """A process that is at the run, and waits."""
    return Process(results, do="hold", call="kreproduce.training.learner:assemble")


def second(results, *more):
    command = [*OTHER, "--results", str(results), *more]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    return done.returncode, done.stderr


@pytest.mark.slow
def test_two_processes(reference, tmp_path, tally):
    with held(tmp_path) as first:
        first.wait_until_held(tmp_path)
        who = rf"process {first.process.pid} on {re.escape(socket.gethostname())}, since 20\d\d-"
        for more in ([], ["--force"]):
            code, message = second(tmp_path, *more)
            assert code == 6, message
            assert re.search(rf"another process is using .*/digits-\S+ \({who}", message)
            assert "Traceback" not in message
        (entry,) = status.read(tmp_path)
        assert entry.state == "running"
        assert entry.holder.pid == first.process.pid
    assert first.ended().code == -9
    assert status.read(tmp_path) == []
    end = run(tmp_path)
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally("a second process", 2)


@pytest.mark.faults
def test_many_processes_at_once(reference, tmp_path, tally):
    """Started in the same moment: one trains, the others are refused; together they end it."""
    processes = [Process(tmp_path) for _ in range(4)]
    ends = [process.ended() for process in processes]
    assert {end.code for end in ends} <= {0, 6}, ends
    assert sum("epoch 3/3" in end.said for end in ends) == 1
    assert outcome(tmp_path) == reference.outcome
    tally("a second process", 3)
