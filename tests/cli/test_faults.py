"""What becomes of a command: each kind of fault has its exit code and one sentence."""

import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kreproduce import errors
from kreproduce.cli import faults
from kreproduce.system.interruption import Interrupted

CODES = {
    errors.SettingsError: 2,
    errors.DataError: 3,
    errors.DivergedError: 4,
    errors.StorageError: 5,
    errors.OutOfMemoryError: 5,
    errors.LockedError: 6,
    errors.StateError: 7,
    errors.CheckError: 9,
}


def ended(error):
    """The exit code of a command that raises this."""
    with pytest.raises(SystemExit) as end, faults.explained():
        raise error
    return end.value.code


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_a_fault_that_the_user_can_mend(kind, capsys):
    assert ended(kind("it is so; do otherwise")) == CODES[kind]
    assert capsys.readouterr().err == "kreproduce: it is so; do otherwise\n"


def test_every_kind_of_fault_has_its_code():
    kinds = set(errors.KreproduceError.__subclasses__())
    assert kinds == set(CODES)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interruption(number, code, capsys):
    assert ended(Interrupted(number)) == code
    assert capsys.readouterr().err == f"kreproduce: interrupted by {number.name}\n"


def test_a_bare_ctrl_c(capsys):
    assert ended(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "kreproduce: interrupted\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_what_a_disk_refuses(number, capsys):
    assert ended(OSError(number, os.strerror(number), "/some/file")) == 5
    assert capsys.readouterr().err == f"kreproduce: /some/file: {os.strerror(number)}\n"


def test_a_full_memory(capsys):
    assert ended(MemoryError()) == 5
    assert re.fullmatch("kreproduce: the memory is full; .*\n", capsys.readouterr().err)


OTHERS = {
    "memory": (OSError(errno.ENOMEM, "Cannot allocate memory"), 5, "the memory is full"),
    "a library that does not fit": (
        ImportError("libx.so: failed to map segment from shared object", name="tensorflow"),
        *(5, "the memory is full"),
    ),
    "files": (OSError(errno.EMFILE, "Too many open files"), 5, "too many files are open"),
    "threads": (RuntimeError("can't start new thread"), 5, "no further process or thread"),
    "processes": (BlockingIOError(errno.EAGAIN, "Try again"), 5, "no further process or thread"),
    "a server that is gone": (OSError(errno.ESTALE, "Stale file handle", "x"), 5, "x: Stale file"),
    "no temporary folder": (
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
        *(5, "set TMPDIR to one"),
    ),
    "no home": (RuntimeError("Could not determine home directory."), 2, "set HOME to a folder"),
    "a package that is not there": (
        ModuleNotFoundError("No module named 'torch'", name="torch"),
        *(2, "the package torch cannot be imported (No module named 'torch')"),
    ),
    "a library that is not there": (
        ImportError("libx.so.1: cannot open shared object file", name="tensorflow.python._x"),
        *(2, "the package tensorflow cannot be imported (libx.so.1: cannot open"),
    ),
}


@pytest.mark.parametrize(("error", "code", "said"), OTHERS.values(), ids=list(OTHERS))
def test_what_the_surroundings_are_to_blame_for(error, code, said, capsys):
    assert ended(error) == code
    message = capsys.readouterr().err
    assert said in message
    assert "a bug" not in message
    assert message.count("\n") == 1


def test_a_module_of_our_own_that_is_not_there_is_a_bug(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert ended(ModuleNotFoundError("No module named", name="kreproduce.nothing")) == 1
    assert "a bug" in capsys.readouterr().err


def test_a_long_message_loses_the_middle_of_what_it_quotes(capsys):
    path = f"{'a' * 3000}/record.json"
    ended(errors.StateError(f"{path} is no record; --force starts from scratch"))
    message = capsys.readouterr().err
    assert len(message) < 300
    assert message.endswith("aaa/record.json is no record; --force starts from scratch\n")


def test_what_a_terminal_obeys_is_not_printed(capsys):
    ended(errors.StateError("\x1b[31m and [red]x[ are \n names"))
    assert capsys.readouterr().err == "kreproduce: ?[31m and [red]x[ are ? names\n"


@pytest.mark.parametrize("error", [ValueError("two\nlines"), FileNotFoundError(2, "x"), KeyError()])
def test_a_bug_leaves_its_traceback_in_a_file(error, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert ended(error) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(rf"kreproduce: a bug: {type(error).__name__}: .*\n", said)
    (report,) = tmp_path.glob("kreproduce-bug-*.txt")
    assert str(report) in said
    text = report.read_text()
    assert "Traceback (most recent call last):" in text
    assert type(error).__name__ in text
    assert text.startswith("kreproduce ")


def test_the_same_bug_leaves_one_file(capsys, tmp_path, monkeypatch):
    """With the last traceback; another bug has another."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def bug(text):
        raise ValueError(text)

    for text in ("a long first message", "second"):
        with pytest.raises(SystemExit), faults.explained():
            bug(text)
    (report,) = tmp_path.iterdir()
    assert "second" in report.read_text()
    assert "first" not in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err.count(str(report)) == 2
    ended(KeyError("another"))
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize("what", ["a link", "a hard link", "a pipe", "a folder"])
def test_a_bug_writes_over_nothing_that_lies_under_its_name(what, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(faults, "_place", lambda error: "1")
    path, other = tmp_path / "kreproduce-bug-1.txt", tmp_path / "other"
    other.write_text("somebody's")
    make = {
        "a link": lambda: path.symlink_to(other),
        "a hard link": lambda: path.hardlink_to(other),
        "a pipe": lambda: os.mkfifo(path),
        "a folder": path.mkdir,
    }
    make[what]()
    assert ended(ValueError("odd")) == 1
    assert "report it with the traceback above" in capsys.readouterr().err
    assert other.read_text() == "somebody's"


def test_a_bug_where_nothing_can_be_saved(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert ended(ValueError("odd")) == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last):" in said
    assert said.splitlines()[-1].startswith("kreproduce: a bug: ValueError: odd")


def test_what_ends_well_says_nothing(capsys):
    with faults.explained():
        pass
    assert capsys.readouterr().err == ""


SCRIPT = """
from kreproduce.cli import faults
from kreproduce.errors import StateError
with faults.explained():
    raise StateError("no")
"""


def test_the_code_is_right_where_nothing_can_be_said():
    """Standard error is a file on a full disk."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", SCRIPT], stderr=full, check=False)
    assert done.returncode == 7


def test_the_help_has_every_code(kreproduce):
    said = " ".join(kreproduce("--help").output.split())
    for code in (*range(10), 130, 138, 141, 143):
        assert re.search(rf"\b{code}\b", said)
    assert faults.EXIT_CODES in said


def test_a_working_folder_that_is_gone(tmp_path):
    script = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone');"
        "from kreproduce.cli import main; sys.argv = ['kreproduce', 'status']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("kreproduce: the working folder cannot be found")
    assert done.stderr.count("\n") == 1
