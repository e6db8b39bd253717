"""Files of runs hashed again."""

import hashlib
import os

import numpy as np
import pytest
from helpers.recorded import record_of, write

from kreproduce.experiment.settings import resolve
from kreproduce.runs import checkpoint, integrity
from kreproduce.runs.integrity import Checked

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
RECORD = [
    Checked("record.json", "whole"),
    Checked("history.csv", "whole"),
    Checked("predictions.csv.gz", "whole"),
]


def test_whole_files(run):
    assert integrity.check(run) == [*RECORD, Checked(FILE, "whole"), OTHER]


@pytest.mark.parametrize("name", ["history.csv", "predictions.csv.gz", FILE])
def test_a_changed_file(run, name):
    (run / name).write_text("other content")
    found = {one.file: one.found for one in integrity.check(run)}
    assert found.pop(name) == "damaged"
    assert found.pop(OTHER.file) == "missing"
    assert set(found.values()) == {"whole"}


@pytest.mark.parametrize("name", ["history.csv", "predictions.csv.gz"])
def test_a_file_that_a_record_does_not_count_without(run, name):
    (run / name).unlink()
    assert Checked(name, "missing") in integrity.check(run)


def test_of_a_damaged_record_nothing_else_is_known(run):
    (run / "record.json").write_text("{")
    assert integrity.check(run) == [Checked("record.json", "damaged")]


def test_a_record_that_came_from_git(run):
    """Without weights, whose files git does not take."""
    (run / FILE).unlink()
    assert integrity.check(run) == [*RECORD, Checked(FILE, "missing"), OTHER]


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_what_is_no_file_is_damaged(run, tmp_path, what):
    (run / FILE).rename(tmp_path / "whole")
    if what == "link":
        (run / FILE).symlink_to(tmp_path / "whole")
    elif what == "pipe":
        os.mkfifo(run / FILE)
    else:
        (run / FILE).mkdir()
    assert Checked(FILE, "damaged") in integrity.check(run)


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
