"""The lock of a run where the file system has none, and a lock that another machine has left."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys

import pytest

from kreproduce.errors import LockedError
from kreproduce.experiment.settings import resolve
from kreproduce.runs import status
from kreproduce.runs.folder import RunFolder
from kreproduce.system import notice
from kreproduce.system.lock import Lock

REASONS = ("ENOSYS", "ENOLCK", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "EBADF", "EPERM")


def refuse_locks(monkeypatch, name="ENOLCK"):
    def refuse(*_):
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)


@pytest.fixture
def no_locks(monkeypatch):
    monkeypatch.setattr(notice, "_said", set())
    refuse_locks(monkeypatch)


def note(folder, host=None, pid=None, **others):
    """A note that another process has left."""
    own = {"host": host or socket.gethostname(), "pid": pid or ended_pid(), "time": "then"}
    (folder / "run.lock").touch()
    (folder / "run.lock.json").write_text(json.dumps(own | {"locked": False} | others))


def ended_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("name", REASONS)
def test_the_note_is_the_lock(name, tmp_path, no_locks, monkeypatch, capsys):
    refuse_locks(monkeypatch, name)
    one, two = Lock(tmp_path / "run"), Lock(tmp_path / "run")
    assert not two.is_held()
    assert one.take("now")
    assert two.is_held()
    assert not two.take("now")
    assert two.holder().pid == os.getpid()
    one.free()
    assert not two.is_held()
    assert two.take("now")
    two.free()
    assert not (tmp_path / "run.lock.json").exists()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"has no locks ({os.strerror(getattr(errno, name))}): that two runs are at one" in said


def test_what_locks_says_nothing(tmp_path, capsys):
    lock = Lock(tmp_path / "run")
    assert lock.take("now")
    assert lock.holder().locked
    lock.free()
    assert capsys.readouterr().err == ""


def test_the_note_of_a_dead_process_on_this_machine_is_taken(tmp_path, no_locks):
    note(tmp_path)
    lock = Lock(tmp_path / "run")
    assert not lock.is_held()
    assert lock.take("now")
    assert lock.holder().pid == os.getpid()


def test_the_note_of_a_living_process_on_this_machine_holds(tmp_path, no_locks):
    note(tmp_path, pid=os.getppid())
    lock = Lock(tmp_path / "run")
    assert lock.is_held()
    assert not lock.take("now")


def test_a_process_that_had_this_ones_number_is_gone(tmp_path, no_locks):
    """As in a container that was started again."""
    note(tmp_path, pid=os.getpid())
    assert Lock(tmp_path / "run").take("now")


@pytest.mark.parametrize("locks_here", [False, True], ids=["no locks here", "locks here"])
def test_the_note_of_another_machine_holds(locks_here, tmp_path, monkeypatch):
    """Also for a machine that has locks, on storage that the other sees without."""
    if not locks_here:
        refuse_locks(monkeypatch)
    note(tmp_path, host="node17")
    lock = Lock(tmp_path / "run")
    assert lock.is_held()
    assert not lock.take("now")


def test_the_note_beside_a_lock_says_nothing_where_there_are_locks(tmp_path):
    note(tmp_path, host="node17", locked=True)
    assert not Lock(tmp_path / "run").is_held()
    assert Lock(tmp_path / "run").take("now")


@pytest.mark.parametrize("pid", [0, -1, 10**30])
def test_a_note_with_an_absurd_number_holds_nothing(pid, tmp_path, no_locks):
    note(tmp_path, pid=pid or -1)
    assert not Lock(tmp_path / "run").is_held()


def test_a_note_that_is_only_begun_holds(tmp_path, no_locks):
    (tmp_path / "run.lock").touch()
    (tmp_path / "run.lock.json").touch()
    assert Lock(tmp_path / "run").is_held()
    assert not Lock(tmp_path / "run").take("now")


@pytest.mark.parametrize("damaged", [False, True])
def test_the_way_out_works(damaged, tmp_path, no_locks):
    """Whoever is refused by a lock of another machine is told how to free it."""
    folder = RunFolder(tmp_path, resolve({"dataset": "digits"}))
    folder.path.parent.mkdir()
    left = Lock(folder.path)
    beside = folder.path.with_name(f"{folder.path.name}.lock.json")
    left.path.touch()
    text = json.dumps({"host": "node17", "pid": 12, "time": "2026-11-25", "locked": False})
    beside.write_text("" if damaged else text)
    who = "it has just begun" if damaged else "process 12 on node17, since 2026-11-25"
    for ask in (folder.check_free, folder.claim):
        with pytest.raises(LockedError) as refused:
            ask()
        assert str(refused.value) == (
            f"another process is using {folder.path} ({who}); wait for it or stop it; if it no "
            f"longer runs, remove {left.path} and {beside.name}"
        )
    (entry,) = status.read(tmp_path)
    assert (entry.state, entry.path) == ("running", folder.path)
    left.path.unlink()
    beside.unlink()
    folder.check_free()
    folder.claim()
    folder.close()


def test_the_way_out_works_where_a_machine_keeps_a_lock(tmp_path, monkeypatch):
    """As a file server does whose client is gone."""
    folder = RunFolder(tmp_path, resolve({"dataset": "digits"}))
    gone = RunFolder(tmp_path, resolve({"dataset": "digits"}))
    monkeypatch.setattr(socket, "gethostname", lambda: "node17")
    gone.claim()
    monkeypatch.undo()
    with pytest.raises(LockedError, match=r"on node17, since .*; if it no longer runs, remove"):
        folder.check_free()
    for path in folder.path.parent.glob("*.lock*"):
        path.unlink()
    folder.claim()
    assert gone.is_locked()
    folder.close()
    gone.close()


def test_a_lock_of_this_machine_is_left_to_its_process(tmp_path):
    folder = RunFolder(tmp_path, resolve({"dataset": "digits"}))
    folder.claim()
    with pytest.raises(LockedError, match=r"\(process \d+ on .*\); wait for it or stop it$"):
        RunFolder(tmp_path, resolve({"dataset": "digits"})).check_free()
    folder.close()


@pytest.mark.parametrize("name", ["EACCES", "ESTALE"])
def test_a_lock_that_is_refused_is_somebody_elses(tmp_path, monkeypatch, name):
    """So says SMB, and NFS of one that its holder is just removing; neither lacks locks."""
    monkeypatch.setattr(notice, "_said", set())
    (tmp_path / "run.lock").touch()
    refuse_locks(monkeypatch, name)
    assert not Lock(tmp_path / "run").take("now")
    assert Lock(tmp_path / "run").is_held()
    assert not notice._said


def test_a_disk_that_fails_is_no_file_system_without_locks(tmp_path, monkeypatch):
    refuse_locks(monkeypatch, "EIO")
    with pytest.raises(OSError, match="Input/output error"):
        Lock(tmp_path / "run").take("now")


def test_a_warning_that_is_interrupted_leaves_no_lock(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    refuse_locks(monkeypatch)
    monkeypatch.setattr("kreproduce.system.lock.say_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Lock(tmp_path / "run").take("now")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("locks", [True, False])
def test_the_note_of_whoever_took_it_after_a_removal_by_hand_stays(tmp_path, monkeypatch, locks):
    monkeypatch.setattr(notice, "_said", set())
    if not locks:
        refuse_locks(monkeypatch)
    first, second = Lock(tmp_path / "run"), Lock(tmp_path / "run")
    assert first.take("then")
    for path in list(tmp_path.iterdir()):  # as the message says, for a process that still runs
        path.unlink()
    assert second.take("now")
    first.free()
    assert second.holder().time == "now"
    second.free()
    assert not list(tmp_path.iterdir())
