"""The results folder: made nothing of, and what it does not offer is said."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.support import tree

from kreproduce.doctor import storage
from kreproduce.system import disk, notice

CHECKS = (storage.check_results, storage.check_room, storage.check_locks)


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """A process that has said nothing."""
    monkeypatch.setattr(notice, "_said", set())


def error(name, path=None):
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize("there", [True, False])
def test_a_good_folder_is_left_as_it_is(there, tmp_path):
    results = tmp_path / "a" / "results"
    if there:
        results.mkdir(parents=True)
        (results / "mine").write_text("mine")
    before = tree(tmp_path)
    assert [check(results).state for check in CHECKS] == ["ok"] * 3
    assert tree(tmp_path) == before


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "results").write_text("in the way")
    for check in CHECKS:
        found = check(tmp_path / "results" / "deeper")
        assert found.state == "fault"
        assert "there is a file where a folder has to be; choose another place" in found.sentence


@pytest.mark.parametrize("name", ["EROFS", "EACCES", "ENOSPC", "EDQUOT", "EIO"])
def test_a_folder_that_takes_nothing(name, tmp_path, monkeypatch):
    """As on a disk that is full or read-only: whoever runs the tests may write anywhere."""
    real = os.open

    def refuse(path, flags, *more, **options):
        if flags & os.O_CREAT:
            raise error(name, str(path))
        return real(path, flags, *more, **options)

    def refuse_file(self, *_):
        raise error(name, str(self))

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "write_bytes", refuse_file)
    for check in (storage.check_results, storage.check_locks):
        found = check(tmp_path)
        assert found.state == "fault"
        assert os.strerror(getattr(errno, name)) in found.found
        full = name in ("ENOSPC", "EDQUOT")
        assert found.found.endswith("another place with --results")
        assert ("make room" in found.found) == full
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"other")
    found = storage.check_results(tmp_path)
    assert (found.state, list(tmp_path.iterdir())) == ("fault", [])


@pytest.mark.parametrize("free", [10**6, 10**12])
def test_room(free, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tempfile.gettempdir())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    found = storage.check_room(tmp_path)
    assert found.state == ("ok" if free > 10**9 else "fault")
    assert found.values["free"] == free
    assert 2e8 < found.values["needed"] < 4e8  # three checkpoints of 4 million weights and more


def test_a_file_system_that_does_not_tell_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "room", lambda _: None)
    found = storage.check_room(tmp_path)
    assert found.state == "warning"
    assert "does not tell how much is free" in found.found


def test_no_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise error("ENOLCK")

    monkeypatch.setattr(fcntl, "flock", refuse)
    found = storage.check_locks(tmp_path)
    assert (found.state, found.remedy) == ("warning", "start no run twice")
    assert list(tmp_path.iterdir()) == []


def test_locks_that_keep_nobody_out(tmp_path, monkeypatch):
    """As of a shared folder that says yes to everybody."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    found = storage.check_locks(tmp_path)
    assert found.state == "fault"
    assert "keeps no second process out" in found.found
    assert list(tmp_path.iterdir()) == []


NOBODY = """
import os, sys
from pathlib import Path
from kreproduce.doctor import storage
if os.getuid() == 0:  # who is refused nothing
    os.setuid(65534)
for check in (storage.check_results, storage.check_locks):
    print(check(Path(sys.argv[1])).line(0))
"""


def test_a_folder_of_another_user(tmp_path):
    results = tmp_path / "results"
    results.mkdir(mode=0o555)
    command = [sys.executable, "-c", NOBODY, "results"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    refused = "cannot be written: Permission denied; choose another place with --results"
    assert done.stdout.splitlines() == [
        f"results folder  fault: results {refused}",
        f"locks  fault: a lock in results {refused}",
    ], done.stderr
