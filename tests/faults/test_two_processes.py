"""Two processes at one run: the second is told who the first is; a dead one keeps nobody out."""

import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from faults import toy
from faults.outcome import outcome
from faults.real import SETTINGS, Process, environment, run

from kreproduce.errors import StateError
from kreproduce.runs import status

DRIVER = str(Path(__file__).with_name("driver.py"))
OTHER = [sys.executable, DRIVER, "run", "digits", *SETTINGS]


def held(results):
    """A process that is at the run, and waits."""
    return Process(results, do="hold", call="kreproduce.training.learner:compile_model")


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


def test_another_process_finishes_it_while_the_images_are_read(tmp_path):
    """Seen when the run is claimed, and not trained a second time."""

    class Slow(toy.Images):
        def load(self):
            others.append(toy.train(tmp_path))
            return super().load()

    others = []
    done = toy.train(tmp_path, source=Slow())
    assert [other.by for other in others] == ["this run"]
    assert (done.by, done.record) == ("another process", others[0].record)


def test_another_process_finishes_it_on_other_images(tmp_path):
    class Slow(toy.Images):
        def load(self):
            toy.train(tmp_path)
            found = super().load()
            other = found.record.model_copy(update={"fingerprint": "0" * 64})
            return replace(found, record=other)

        def check(self, record):
            raise StateError("other images")

    with pytest.raises(StateError, match="other images"):
        toy.train(tmp_path, source=Slow())
