"""Checkpoint files: whole or recognised as damaged, whatever became of them."""

import hashlib
import io

import numpy as np
import pytest
from numpy.lib import format as npy

from kreproduce.runs import checkpoint
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.system import npz

ARRAYS = {"weights/a/b": np.arange(6.0).reshape(2, 3), "optimizer/n": np.array(7), "": np.zeros(0)}


def saved(folder, epoch=3, step=4):
    checkpoint.save(folder, Checkpoint(epoch, step, {"best": {"x": 1}}, ARRAYS))
    return checkpoint.listed(folder)[0]


def test_what_was_saved_is_read(tmp_path):
    found = checkpoint.read(saved(tmp_path / "new"))
    assert (found.epoch, found.step, found.facts) == (3, 4, {"best": {"x": 1}})
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found.arrays[name], array)


def test_one_that_unpacks_without_end_is_none(tmp_path):
    content = io.BytesIO()
    np.savez_compressed(content, x=np.zeros(2**26, np.uint8), facts=np.zeros(2, np.uint8))
    path = saved(tmp_path)
    name, _, _ = path.name.rpartition("-")
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    path = path.with_name(f"{name}-{sha256}{path.suffix}")
    path.write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="are larger than its"):
        npz.read(content)
    assert checkpoint.read(path) is None


def test_a_lack_of_memory_is_no_damage(tmp_path, monkeypatch):
    def full(content, **kwargs):
        raise MemoryError

    path = saved(tmp_path)
    monkeypatch.setattr(npy, "read_array", full)
    with pytest.raises(MemoryError):
        checkpoint.read(path)


def test_every_changed_byte_and_every_cut_is_noticed(tmp_path):
    path = saved(tmp_path)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        assert checkpoint.read(path) is None
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert checkpoint.read(path) is None
    path.write_bytes(content)
    assert checkpoint.read(path) is not None


def test_the_newest_two_are_kept(tmp_path):
    (tmp_path / "new-left by a writer that was killed").write_text("half")
    for epoch, step in ((1, 9), (2, 0), (10, 0), (10, 1)):
        saved(tmp_path, epoch, step)
    assert [path.name[:26] for path in checkpoint.listed(tmp_path)] == [
        "epoch-0000010-step-0000001",
        "epoch-0000010-step-0000000",
    ]
    assert len(list(tmp_path.iterdir())) == 2


def test_saving_the_same_state_again_keeps_the_one_before(tmp_path):
    saved(tmp_path, 1, 0)
    saved(tmp_path, 2, 0)
    saved(tmp_path, 2, 0)
    assert len(checkpoint.listed(tmp_path)) == 2


def test_a_state_taken_back_is_the_newest(tmp_path):
    """After a damaged checkpoint, training goes on from an older one and passes it again."""
    saved(tmp_path, 1, 0)
    newest = saved(tmp_path, 2, 0)
    newest.write_bytes(b"")
    assert checkpoint.newest(tmp_path)[0].epoch == 1
    saved(tmp_path, 1, 5)
    assert checkpoint.newest(tmp_path)[0].step == 5


def test_a_link_is_no_checkpoint(tmp_path):
    path = saved(tmp_path / "there")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / path.name).symlink_to(path)
    assert checkpoint.newest(tmp_path / "here") == (None, [])
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert checkpoint.newest(tmp_path / "link") == (None, [])


def test_arrays_of_objects_are_refused(tmp_path):
    array = np.array([{}], object)
    with pytest.raises(ValueError, match="pickle"):
        checkpoint.save(tmp_path, Checkpoint(0, 0, {}, {"a": array}))
    assert not list(tmp_path.glob("*.npz"))
