"""What commands leave: their own files known again, nobody else's written over, nothing empty."""

import io

import numpy as np
import pytest
from helpers.support import tree
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kreproduce.errors import StateError, StorageError
from kreproduce.system import outputs


def png(colour=3, **text):
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), colour, np.uint8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_a_sealed_picture_is_the_same_picture():
    sealed = outputs.sealed(png(), "compare")
    with Image.open(io.BytesIO(sealed)) as image:
        image.verify()
    with Image.open(io.BytesIO(sealed)) as image:
        assert (np.asarray(image) == 3).all()
        assert image.text["kreproduce"].startswith("compare ")


def test_a_picture_is_known_again_by_its_command_alone():
    sealed = outputs.sealed(png(), "compare")
    assert outputs.is_sealed(sealed, "compare")
    assert not outputs.is_sealed(sealed, "data show")


def saved_again(content):
    """As an editor does that keeps what it does not know."""
    with Image.open(io.BytesIO(content)) as image:
        return png(4, **image.text)


def test_a_picture_that_was_changed_is_nobodys():
    sealed = outputs.sealed(png(), "compare")
    edited = saved_again(sealed)
    end = len(sealed) - 12
    for changed in (edited, sealed[:-1], sealed + b"!", sealed[:end], b"", sealed[:9], png(), b"x"):
        assert not outputs.is_sealed(changed, "compare")
    for place in range(len(sealed)):
        flipped = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert not outputs.is_sealed(flipped, "compare")


def test_what_may_be_written_over(tmp_path):
    path = tmp_path / "p.png"
    outputs.check_output(path, "compare", force=False)
    assert tree(tmp_path) == {}
    outputs.write_output(path, png(), "compare")
    outputs.check_output(path, "compare", force=False)
    with pytest.raises(StateError, match="or write over it with --force"):
        outputs.check_output(path, "data show", force=False)
    outputs.check_output(path, "data show", force=True)
    assert [*tree(tmp_path)] == ["p.png"]


@pytest.mark.parametrize("target", ["own.png", "nowhere.png"])
def test_a_link_is_somebodys(tmp_path, target):
    outputs.write_output(tmp_path / "own.png", png(), "compare")
    (tmp_path / "p.png").symlink_to(target)
    with pytest.raises(StateError, match=r"p\.png is not a file"):
        outputs.check_output(tmp_path / "p.png", "compare", force=False)


def test_a_disk_that_refuses_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "p.png").write_bytes(b"old")

    def refuse(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.disk, "flush", refuse)
    with pytest.raises(StorageError, match="cannot be written: No space left on device; choose"):
        outputs.write_output(tmp_path / "p.png", png(), "compare")
    assert tree(tmp_path) == {"p.png": b"old"}


def test_the_mode_is_that_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    outputs.write(tmp_path / "p.png", png())
    assert (tmp_path / "p.png").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_only_empty_folders_that_were_made_are_removed(tmp_path):
    (tmp_path / "there").mkdir()
    made = outputs.make_folder(tmp_path / "there" / "a" / "b")
    assert made == [tmp_path / "there" / "a", tmp_path / "there" / "a" / "b"]
    (tmp_path / "there" / "a" / "file").touch()
    outputs.remove_empty(made)
    assert [*tree(tmp_path)] == ["there", "there/a", "there/a/file"]
    assert outputs.make_folder(tmp_path / "there") == []
    (tmp_path / "there" / "a" / "file").unlink()
    outputs.remove_empty(made)
    assert [*tree(tmp_path)] == ["there"]


def test_a_folder_that_cannot_be_made_leaves_none(tmp_path):
    with pytest.raises(OSError, match="File name too long"):
        outputs.make_folder(tmp_path / "a" / "b" / ("c" * 300))
    assert tree(tmp_path) == {}


def test_asking_whether_a_folder_can_be_written_leaves_nothing(tmp_path):
    outputs.check_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        outputs.check_folder(tmp_path / "file" / "b")
    assert [*tree(tmp_path)] == ["file"]
