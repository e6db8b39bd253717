"""The states of runs, by what lies in their folders; hostile ones are in faults/."""

import json
import os

import numpy as np
import pytest
from helpers import recorded

from kreproduce.errors import StateError
from kreproduce.experiment.settings import resolve
from kreproduce.runs import status
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.runs.folder import RunFolder

EXPERIMENT = resolve({"dataset": "digits"})  # 12 epochs


@pytest.fixture
def folder(tmp_path):
    """A run that has been begun."""
    folder = RunFolder(tmp_path, EXPERIMENT)
    recorded.begin(folder)
    yield folder
    folder.close()


def save(folder, epoch, step):
    folder.save(Checkpoint(epoch, step, {}, {"weights/a": np.zeros(3)}))
    folder.set_state("running", epoch, step)


def only(tmp_path):
    (entry,) = status.read(tmp_path)
    assert entry.path == tmp_path / "runs" / EXPERIMENT.run_name
    assert entry.run == EXPERIMENT.run_name
    return entry


def how_far(entry):
    return entry.epoch, entry.step, entry.epochs


@pytest.mark.parametrize("what", ["missing", "file", "empty"])
def test_where_nothing_was_run(tmp_path, what):
    if what == "file":
        (tmp_path / "runs").write_text("in the way")
    elif what == "empty":
        (tmp_path / "runs").mkdir()
    assert status.read(tmp_path) == []


def test_a_run_under_way(folder, tmp_path):
    assert how_far(only(tmp_path)) == (None, None, None)
    save(folder, 3, 20)
    entry = only(tmp_path)
    assert (entry.state, entry.why, entry.notes) == ("running", None, ())
    assert how_far(entry) == (3, 20, 12)
    assert entry.holder.pid == os.getpid()
    assert entry.holder.time.startswith("20")


def test_a_run_that_is_just_being_claimed(tmp_path):
    folder = RunFolder(tmp_path, EXPERIMENT)
    folder.claim()
    entry = only(tmp_path)
    assert (entry.state, entry.holder.pid) == ("running", os.getpid())
    folder.close()
    assert status.read(tmp_path) == []  # the lock that is left is no run


def test_a_lock_of_no_run_is_a_file_like_others(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "..lock").touch()
    assert [entry.state for entry in status.read(tmp_path)] == ["foreign"]


@pytest.mark.parametrize(
    ("written", "state"),
    [("running", "crashed"), ("interrupted", "interrupted"), ("failed", "failed")],
)
def test_an_unfinished_run(folder, tmp_path, written, state):
    save(folder, 3, 20)
    why = "OSError: it had to be" if written == "failed" else None
    folder.set_state(written, 3, 25, why)
    folder.close()
    entry = only(tmp_path)
    assert (entry.state, entry.why, entry.holder) == (state, why, None)
    assert how_far(entry) == (3, 20, 12)  # from there it goes on
    assert entry.time.startswith("20")


def test_a_finished_run(folder, tmp_path):
    recorded.finish(folder)
    assert only(tmp_path).state == "running"  # to its last moment
    folder.close()
    entry = only(tmp_path)
    assert (entry.state, how_far(entry)) == ("done", (12, 0, 12))
    assert (entry.time, entry.why, entry.notes) == ("2026-01-02T00:00:00+00:00", None, ())


def test_a_finished_run_that_is_run_anew(folder, tmp_path):
    recorded.finish(folder)
    folder.begin()
    folder.set_state("running", 0)
    folder.close()
    states = {entry.run: entry.state for entry in status.read(tmp_path)}
    assert states == {
        EXPERIMENT.run_name: "crashed",
        f"{EXPERIMENT.run_name}.old": "superseded",
    }


def test_a_run_without_a_status_has_its_checkpoints(folder, tmp_path):
    save(folder, 3, 20)
    folder.close()
    (folder.path / "status.json").unlink()
    entry = only(tmp_path)
    assert (entry.state, how_far(entry)) == ("crashed", (3, 20, None))


def test_a_run_whose_checkpoints_are_gone_cannot_go_on(folder, tmp_path):
    save(folder, 3, 20)
    folder.close()
    for path in (folder.path / "checkpoints").iterdir():
        path.unlink()
    entry = only(tmp_path)
    why = "no checkpoint is left to go on from (its status.json is of a later moment)"
    assert (entry.state, entry.why) == ("damaged", why)
    with pytest.raises(StateError):  # as the run itself says
        folder.checkpoint(print)


def test_a_run_whose_record_is_gone(folder, tmp_path):
    recorded.finish(folder)
    folder.close()
    (folder.path / "record.json").unlink()
    entry = only(tmp_path)
    assert (entry.state, entry.why) == ("damaged", "it was finished, and its record.json is gone")


def test_a_damaged_record(folder, tmp_path):
    recorded.finish(folder)
    folder.close()
    path = folder.path / "record.json"
    path.write_text(path.read_text().replace('"plain": 0.9', '"plain": 0.8'))
    entry = only(tmp_path)
    assert entry.state == "damaged"
    assert entry.why.endswith("its checksum differs")


def test_what_else_lies_in_a_run(folder, tmp_path):
    save(folder, 3, 20)
    folder.close()
    for name in ("new-record.json", "best_val_loss.weights.h5"):  # no stranger
        (folder.path / name).touch()
    for name in ("a", "b\n", "c", "d", "e"):
        (folder.path / name).touch()
    (folder.path / "checkpoints" / "epoch.npz.damaged").touch()
    (folder.path / "history.csv").mkdir()
    (folder.path / "status.json").write_text("{")
    assert only(tmp_path).notes == (
        "status.json is damaged",
        "history.csv is not a file, but a folder",
        "damaged checkpoints that were put aside: 1",
        "no part of a run: a, b?, c and 2 more",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1},
        {"epoch": "3"},
        {"epochs": 0},
        {"state": "done"},
        {"time": None},
        {"step": 1.5},
    ],
)
def test_a_status_that_says_nonsense_is_damaged(folder, tmp_path, change):
    folder.set_state("interrupted", 3)
    folder.close()
    path = folder.path / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    entry = only(tmp_path)
    assert (entry.state, entry.notes) == ("crashed", ("status.json is damaged",))
