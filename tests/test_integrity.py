"""Files of runs hashed anew."""

import hashlib
import os

import numpy as np
import pytest
from tables.recorded import record_of, write

from kreproduce import integrity
from kreproduce.experiment import resolve
from kreproduce.integrity import Checked
from kreproduce.training import checkpoint

FILE = "best_val_loss.weights.h5"


@pytest.fixture
def run(tmp_path):
    """A finished run with one of its files of weights."""
    record = record_of(resolve({"dataset": "digits"}))
    content = b"content"
    record["weights"]["best_val_loss"] = hashlib.sha256(content).hexdigest()
    folder = write(tmp_path, record)
    (folder / FILE).write_bytes(content)
    return folder


OTHER = Checked("best_val_accuracy.weights.h5", "missing")


def test_whole_files(run):
    assert integrity.check(run) == [Checked(FILE, "whole"), OTHER]


def test_a_changed_file(run):
    (run / FILE).write_text("other content")
    assert integrity.check(run) == [Checked(FILE, "damaged"), OTHER]


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_what_is_no_file_is_damaged(run, tmp_path, what):
    (run / FILE).rename(tmp_path / "whole")
    if what == "link":
        (run / FILE).symlink_to(tmp_path / "whole")
    elif what == "pipe":
        os.mkfifo(run / FILE)
    else:
        (run / FILE).mkdir()
    assert integrity.check(run)[0] == Checked(FILE, "damaged")


def test_a_record_without_its_weights_is_not_damaged(run):
    (run / FILE).unlink()
    assert integrity.check(run)[0] == Checked(FILE, "missing")


def test_checkpoints(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    folder.parent.mkdir()
    for step in (1, 2):
        state = checkpoint.Checkpoint(1, step, {}, {"a": np.zeros(step)})
        checkpoint.save(folder, state)
    newest, older = checkpoint.listed(folder)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert integrity.check(tmp_path / "run") == [
        Checked(f"checkpoints/{newest.name}", "damaged"),
        Checked(f"checkpoints/{older.name}", "whole"),
    ]
    assert newest.exists()  # nothing is put aside by who only looks
