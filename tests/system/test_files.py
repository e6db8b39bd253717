"""Files found whole, and read without being led elsewhere."""

import contextlib
import os
import socket
from pathlib import Path

import pytest

from kreproduce.system import files


def refuse(path):
    path.write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_what_was_written_is_there_and_nothing_else(tmp_path):
    files.write(tmp_path / "a", b"one")
    files.write(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_refused_leaves_the_old_content(tmp_path):
    files.write(tmp_path / "a", b"one")
    with pytest.raises(OSError, match="No space left"):
        files.replace(tmp_path / "a", refuse)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_content_and_name_are_flushed_to_the_disk(tmp_path, monkeypatch):
    flushed, fsync = [], os.fsync

    def noted(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        flushed.append((path, [there.name for there in tmp_path.iterdir()]))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    files.write(tmp_path / "a", b"one")
    assert flushed == [(tmp_path / "new-a", ["new-a"]), (tmp_path, ["a"])]


@pytest.mark.parametrize("what", ["link", "pipe", "file"])
def test_what_lies_beside_is_not_written_through(tmp_path, what):
    victim, beside = tmp_path / "victim", tmp_path / "new-a"
    victim.write_text("of somebody else")
    if what == "link":
        beside.symlink_to(victim)
    elif what == "pipe":
        os.mkfifo(beside)
    else:
        beside.hardlink_to(victim)
    files.write(tmp_path / "a", b"one")
    assert victim.read_text() == "of somebody else"
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    assert files.read(tmp_path / "a", 3) == b"one"
    with pytest.raises(files.UnfitError, match=r"^is larger than 2 bytes$"):
        files.read(tmp_path / "a", 2)
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "b", 2)


def test_what_is_no_file_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as end, contextlib.chdir(tmp_path):
        end.bind("socket")  # its name may be 108 bytes long
    for name in ("pipe", "folder", "link", "socket"):
        assert files.kind(tmp_path / name) == f"a {name}"
        with pytest.raises(files.UnfitError, match=f"^is not a file, but a {name}$"):
            files.read(tmp_path / name, 9)
    assert files.kind(Path(os.devnull)) == "a device"


def test_what_cannot_be_known_is_said(tmp_path):
    (tmp_path / "a").write_text("one")
    with pytest.raises(files.UnfitError, match=r"^cannot be read: Not a directory$"):
        files.read(tmp_path / "a" / "b", 9)


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_a_log_is_written_to_a_file_of_its_own(tmp_path, what):
    path, other = tmp_path / "log", tmp_path / "other"
    other.write_text("another's")
    path.symlink_to(other) if what == "link" else os.mkfifo(path)
    for truncate, text in ((True, "one\n"), (False, "one\ntwo\n"), (True, "three\n")):
        with files.log(path, truncate=truncate) as log:
            log.write(text.splitlines()[-1] + "\n")
        assert path.read_text() == text
    assert other.read_text() == "another's"


def test_the_sum_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")
