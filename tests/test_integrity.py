"""Files of runs hashed anew."""

import json
import os

import numpy as np
import pytest
from tables.recorded import record_of, write

from kreproduce import files, integrity
from kreproduce.experiment import resolve
from kreproduce.integrity import Checked
from kreproduce.training import checkpoint

FILE = "lowest-validation-loss.weights.h5"


@pytest.fixture
def run(tmp_path):
    """A finished run with one file of weights and its history."""
    record = record_of(resolve({"dataset": "digits"}))
    folder = write(tmp_path, record)
    for name in (FILE, "history.csv"):
        (folder / name).write_text(f"content of {name}")
    record["weights"] = {"lowest validation loss": files.sha256(folder / FILE)}
    record["history"] = files.sha256(folder / "history.csv")
    (folder / "record.json").write_text(json.dumps(record))
    return folder


def test_whole_files(run):
    assert integrity.check(run) == [Checked(FILE, "whole"), Checked("history.csv", "whole")]


@pytest.mark.parametrize("name", [FILE, "history.csv"])
def test_a_changed_file(run, name):
    (run / name).write_text("other content")
    found = {one.file: one.found for one in integrity.check(run)}
    assert found == {FILE: "whole", "history.csv": "whole"} | {name: "damaged"}


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


def test_an_older_record_has_nothing_to_compare(run):
    record = json.loads((run / "record.json").read_text())
    del record["weights"], record["history"]
    (run / "record.json").write_text(json.dumps(record))
    assert integrity.check(run) == []


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
