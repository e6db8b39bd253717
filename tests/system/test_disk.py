"""File systems that offer less: what there is is used, and what is not promised is said once."""

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from kreproduce.system import disk, files, notice

NOT_OFFERED = ("EINVAL", "EBADF", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY", "EACCES", "EPERM")
FAILED = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "ESTALE")


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """A process that has said nothing."""
    monkeypatch.setattr(notice, "_said", set())


def error(name, path=None):
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), path)


@pytest.fixture
def refuse_fsync(monkeypatch):
    """No flush of what `is_such` says of its mode, for this reason."""
    real = os.fsync

    def refuse(name, is_such):
        def fsync(descriptor):
            if is_such(os.fstat(descriptor).st_mode):
                raise error(name)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    return refuse


@pytest.mark.parametrize("name", NOT_OFFERED)
@pytest.mark.parametrize(("is_such", "what"), [(stat.S_ISDIR, "folders"), (stat.S_ISREG, "files")])
def test_a_flush_that_is_not_offered(name, is_such, what, tmp_path, refuse_fsync, capsys):
    refuse_fsync(name, is_such)
    for content in (b"one", b"two"):
        files.write(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == b"two"
    reason = os.strerror(getattr(errno, name))
    assert capsys.readouterr().err == (
        f"kreproduce: warning: the file system of {tmp_path} does not flush {what} ({reason}): a "
        "loss of power can take what was written last\n"
    )


@pytest.mark.parametrize("name", FAILED)
@pytest.mark.parametrize("is_such", [stat.S_ISDIR, stat.S_ISREG])
def test_a_flush_that_fails_is_no_success(name, is_such, tmp_path, refuse_fsync, capsys):
    refuse_fsync(name, is_such)
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
        files.write(tmp_path / "a", b"one")
    assert capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_opened(tmp_path, monkeypatch, capsys):
    real = os.open

    def opened(path, *how, **options):
        if Path(path).is_dir():
            raise error("EACCES", str(path))
        return real(path, *how, **options)

    monkeypatch.setattr(os, "open", opened)
    files.write(tmp_path / "a", b"one")
    assert "does not flush folders (Permission denied)" in capsys.readouterr().err


def test_a_file_that_is_flushed_only_when_open_for_writing(tmp_path, monkeypatch, capsys):
    real, flushed = os.fsync, []

    def fsync(descriptor):
        flags = int(Path(f"/proc/self/fdinfo/{descriptor}").read_text().split()[3], 8)
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if not is_folder and flags & os.O_ACCMODE == os.O_RDONLY:
            raise error("EBADF")
        real(descriptor)
        flushed.append(is_folder)

    monkeypatch.setattr(os, "fsync", fsync)
    files.write(tmp_path / "a", b"one")
    assert flushed == [False, True]
    assert capsys.readouterr().err == ""


def refuse_replace(monkeypatch, name, times):
    """Let no file take the place of another so many times."""
    real, left = os.replace, [times]

    def replace(source, target):
        if Path(target).exists() and left[0]:
            left[0] -= 1
            raise error(name, str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("name", ["EACCES", "EPERM", "EBUSY", "ETXTBSY"])
def test_a_file_that_a_reader_has_open_is_waited_for(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "a").write_bytes(b"one")
    refuse_replace(monkeypatch, name, 3)
    files.write(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert capsys.readouterr().err == ""


def test_and_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "PATIENCE", 0.1)
    (tmp_path / "a").write_bytes(b"one")
    refuse_replace(monkeypatch, "ETXTBSY", -1)
    with pytest.raises(OSError, match="Text file busy"):
        files.write(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_system_that_puts_no_file_in_the_place_of_another(tmp_path, monkeypatch, capsys):
    refuse_replace(monkeypatch, "EEXIST", -1)
    for content in (b"one", b"two", b"three"):
        files.write(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == b"three"
    assert capsys.readouterr().err.count("puts no file in the place of another") == 1


def test_room_is_what_the_file_system_tells(tmp_path, capsys):
    assert disk.room(tmp_path) > 0
    assert capsys.readouterr().err == ""


@pytest.fixture
def no_byte_free(monkeypatch):
    usage = shutil.disk_usage(tempfile.gettempdir())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))


@pytest.mark.usefixtures("no_byte_free")
def test_no_room_by_what_it_tells_but_it_takes_more(tmp_path, capsys):
    for _ in range(2):
        assert disk.room(tmp_path) is None
    assert capsys.readouterr().err == (
        f"kreproduce: warning: the file system of {tmp_path} does not tell how much is free (it "
        "says 0 bytes, and takes more): whether there is room for all that will be written is not "
        "known\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_byte_free")
@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT"])
def test_a_disk_that_is_full(name, tmp_path, monkeypatch, refuse_fsync, capsys):
    refuse_fsync(name, stat.S_ISREG)
    assert disk.room(tmp_path) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["ENOSYS", "EINVAL", "EACCES"])
def test_room_that_cannot_be_asked_for(name, tmp_path, monkeypatch, capsys):
    def refuse(path):
        raise error(name)

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    assert disk.room(tmp_path) is None
    assert os.strerror(getattr(errno, name)) in capsys.readouterr().err


def test_a_file_without_a_name(tmp_path, monkeypatch):
    with disk.nameless(tmp_path) as file:
        file.write(b"one")
        assert list(tmp_path.iterdir()) == []

    def refuse(**_):
        raise error("EACCES")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with disk.nameless(tmp_path) as file:  # where an open file cannot be removed
        file.write(b"one")
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["EACCES", "EROFS", "EIO", "EINVAL", "EFBIG", "ENOLCK"])
def test_no_advice_to_make_room_where_there_is_some(name):
    said = disk.refusal("the run", error(name), "place with --results")
    assert said.endswith(
        f"{os.strerror(getattr(errno, name))}; choose another place with --results"
    )


def test_advice_to_make_room_where_there_is_none():
    way_out = "; make room, or choose another place with --results"
    of_hdf5 = OSError("unable to write (errno = 28, error message = 'No space left on device')")
    for full in (error("ENOSPC"), error("EDQUOT"), of_hdf5):
        assert disk.refusal("it", full, "place with --results").endswith(way_out)
    said = disk.refusal("it", error("ENOSPC"), "place with --results", "9 MB are needed")
    assert "No space left on device (9 MB are needed); make room" in said
