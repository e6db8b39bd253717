"""The lock of a run, asked for by others: in other processes, dead ones too, and by anybody."""

import os
import subprocess
import sys

import pytest

from kreproduce.system.lock import Lock

HOLD = """
import sys
from pathlib import Path
from kreproduce.system.lock import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.take("then"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock of the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_is_held_by_one(other, tmp_path):
    lock = Lock(tmp_path / "run")
    assert lock.is_held()
    assert (lock.holder().pid, lock.holder().time) == (other.pid, "then")
    assert str(lock.holder()).startswith(f"process {other.pid} on ")
    assert not lock.take("now")
    lock.free()  # what it does not have
    assert lock.is_held()
    assert lock.holder().pid == other.pid


def test_the_lock_of_a_killed_holder_is_free(other, tmp_path):
    other.kill()
    other.wait()
    lock = Lock(tmp_path / "run")
    assert not lock.is_held()
    assert lock.take("now")
    assert (lock.is_held(), lock.holder().pid) == (True, os.getpid())
    lock.free()
    assert (lock.is_held(), lock.holder()) == (False, None)


def test_asking_writes_nothing(tmp_path):
    assert not Lock(tmp_path / "run").is_held()
    assert list(tmp_path.iterdir()) == []


ASK = """
import os, sys
from pathlib import Path
from kreproduce.system.lock import Lock
os.chdir(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
print(Lock(Path("run")).is_held())
"""


def test_whoever_may_read_the_lock_can_ask(other, tmp_path):
    """Another user, who may not write it."""
    tmp_path.chmod(0o755)
    (tmp_path / "run.lock").chmod(0o444)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, tmp_path], capture_output=True, text=True, check=True
    )
    assert asked.stdout == "True\n"


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "link to a lock"])
def test_what_is_no_lock_is_not_held(what, tmp_path, other):
    path = tmp_path / "odd.lock"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "run.lock" if what.endswith("lock") else "nowhere")
    assert not Lock(tmp_path / "odd").is_held()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": 1}', '{"pid": "1"}', "\x00"])
def test_a_damaged_note_names_nobody(content, tmp_path, other):
    (tmp_path / "run.lock.json").write_text(content)
    assert Lock(tmp_path / "run").holder() is None


def test_a_holder_is_fit_for_a_terminal(tmp_path):
    (tmp_path / "run.lock.json").write_text('{"pid": 1, "host": "\\u001b[2J", "time": "now\\n"}')
    assert str(Lock(tmp_path / "run").holder()) == "process 1 on ?[2J, since now?"
