"""Processes of the doctor's own: what they say, how they fail, and that none is left."""

import os
import subprocess
import sys
import time

import pytest

from kreproduce.doctor import child
from kreproduce.doctor.child import ask


def test_a_refusal_is_its_last_word():
    answer = ask(("step", "v9", "1", "32", "auto"), 60)
    assert answer.lines == ()
    assert answer.why.startswith("'v9' is no network: say baseline")


def test_a_bug_is_its_last_line():
    assert ask(("step",), 60).why.startswith("ValueError: ")


@pytest.fixture
def script(monkeypatch):
    """Has another program than the worker run."""

    def set_to(text):
        monkeypatch.setattr(child, "python", lambda *_: [sys.executable, "-c", text])

    return set_to


def test_a_crash(script):
    script("import os; print('so far', flush=True); os.abort()")
    answer = ask((), 60)
    assert (answer.lines, answer.why) == (("so far",), "killed by SIGABRT")


def test_one_that_says_nothing(script):
    script("raise SystemExit(3)")
    assert ask((), 60).why == "exit code 3"


def test_one_that_hangs_ends_with_all_that_it_started(script, tmp_path):
    pid = tmp_path / "pid"
    script(
        "import subprocess, pathlib; p = subprocess.Popen(['sleep', '60']); "
        f"pathlib.Path({str(pid)!r}).write_text(str(p.pid)); print('begun', flush=True); p.wait()"
    )
    answer = ask((), 10)
    assert answer.why.startswith("it did not end within")
    assert _is_gone(int(pid.read_text()))


def test_one_does_not_outlive_an_interruption(script, monkeypatch, tmp_path):
    script("import time; time.sleep(60)")
    started = []

    def interrupted(self, timeout=None):
        started.append(self)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask((), 60)
    assert started[0].poll() is not None


def _is_gone(pid):
    """Whether a process is no more, or only waits for whoever may be told of its end."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.1)
    return False
