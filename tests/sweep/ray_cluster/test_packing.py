"""A run's folder, packed on one machine and unpacked on another."""

import io
import os
import zipfile

import pytest
from helpers.support import tree

from kreproduce.errors import StorageError
from kreproduce.sweep.ray_cluster import packing


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "there" / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "status.json").write_text("{}")
    (folder / "checkpoints" / "1").write_bytes(bytes(range(256)) * 1000)
    return folder


def test_there_and_back(folder, tmp_path):
    home = tmp_path / "here" / "run"
    packing.unpack(packing.pack(folder), home)
    assert tree(home) == tree(folder)
    assert [path.name for path in home.parent.iterdir()] == ["run"]


def test_what_was_there_before_is_replaced(folder, tmp_path):
    home = tmp_path / "here" / "run"
    home.mkdir(parents=True)
    (home / "old").write_text("old")
    packing.unpack(packing.pack(folder), home)
    assert tree(home) == tree(folder)
    assert [path.name for path in home.parent.iterdir()] == ["run"]


def test_nothing_there(tmp_path):
    assert packing.pack(tmp_path / "run") is None


def test_only_plain_files_travel(folder, tmp_path):
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("/etc/passwd")
    packing.unpack(packing.pack(folder), tmp_path / "run")
    assert sorted(tree(tmp_path / "run")) == ["checkpoints", "checkpoints/1", "status.json"]


def test_no_name_leads_out_of_the_folder(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../out", "")
    home = tmp_path / "here" / "run"
    packing.unpack(buffer.getvalue(), home)
    assert sorted(tree(tmp_path)) == ["here", "here/run", "here/run/out"]


def test_what_was_there_stays_if_the_disk_refuses(folder, tmp_path):
    home = tmp_path / "here" / "run"
    home.mkdir(parents=True)
    (home / "old").write_text("old")
    (tmp_path / "here" / "run.tmp").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        packing.unpack(packing.pack(folder), home)
    assert sorted(tree(home)) == ["old"]
