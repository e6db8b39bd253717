"""`kreproduce status`: every run in a line, as JSON, and hashed again."""

import json

import numpy as np
import pytest
from helpers import recorded
from helpers.support import tree

from kreproduce.experiment.settings import resolve
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.runs.folder import RunFolder
from kreproduce.system import files

RULE, OTHER = "best_val_loss", "best_val_accuracy"


def run_of(results, seed):
    folder = RunFolder(results, resolve({"dataset": "digits", "seed": seed}))
    recorded.begin(folder)
    folder.save(Checkpoint(3, seed, {}, {"weights/a": np.zeros(3)}))
    folder.set_state("running", 3, seed)
    return folder


@pytest.fixture
def runs(kreproduce):
    """One run in each state but foreign, in the command's folder."""
    results = kreproduce.folder / "results"
    made = {
        name: run_of(results, seed)
        for seed, name in enumerate(
            ("done", "running", "interrupted", "failed", "crashed", "damaged", "before the test")
        )
    }
    done = made["done"]
    done.keep_weights(RULE, lambda path: path.write_bytes(b"weights"))
    digest = files.sha256(done.weights(RULE))
    recorded.finish(done, weights={RULE: digest, OTHER: "0" * 64})
    made["interrupted"].set_state("interrupted", 3, 2)
    made["failed"].set_state("failed", 3, 3, "OSError: it had to be")
    (made["damaged"].path / "record.json").write_text("{")
    made["before the test"].save(Checkpoint(12, 0, {}, {}))
    (results / "runs" / "notes.txt").touch()
    for name, folder in made.items():
        if name != "running":
            folder.close()
    yield made
    made["running"].close()


def lines_of(output, made):
    names = {folder.path.name: name for name, folder in made.items()}
    found = {}
    for line in output.splitlines():
        for run, name in names.items():
            if run in line:
                found[name] = tuple(part.strip() for part in line.split(run))
    return found


def test_a_line_for_every_run(kreproduce, runs):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("status")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert tree(kreproduce.folder.parent) == before
    lines = lines_of(result.output, runs)
    assert lines["done"] == ("done", "12 epochs, finished 2026-01-02T00:00:00+00:00")
    state, said = lines["running"]
    assert state == "running"
    assert said.startswith("in epoch 4 of 12, after step 1; process ")
    state, said = lines["interrupted"]
    assert state == "interrupted"
    assert said.startswith("in epoch 4 of 12, after step 2; since 20")
    state, said = lines["failed"]
    assert state == "failed"
    assert said.startswith("in epoch 4 of 12, after step 3; OSError: it had to be, at 20")
    assert lines["crashed"][0] == "crashed"
    assert lines["before the test"][1].startswith("after epoch 12 of 12, before the test; since")
    assert lines["damaged"][0] == "damaged"
    assert lines["damaged"][1].startswith("record.json is damaged, or not the record")
    assert set(result.output.splitlines()[-1].split(", ")) == {
        *("1 done", "1 running", "1 interrupted", "1 failed", "2 crashed", "1 damaged"),
        "1 foreign",
    }


def test_json(kreproduce, runs):
    entries = {entry["run"]: entry for entry in json.loads(kreproduce("status", "--json").output)}
    assert len(entries) == len(runs) + 1
    entry = entries[runs["running"].path.name]
    assert (entry["state"], entry["epoch"], entry["step"], entry["epochs"]) == ("running", 3, 1, 12)
    assert set(entry["holder"]) == {"host", "pid", "time", "locked"}
    assert entries[runs["failed"].path.name]["why"] == "OSError: it had to be"
    assert entries["notes.txt"]["why"] == "a file"
    assert "verified" not in entry


def test_verify_ends_with_9_on_damage_only(kreproduce, runs):
    (runs["damaged"].path / "record.json").unlink()
    result = kreproduce("status", "--verify")
    assert (result.code, result.imported) == (0, [])
    assert "files: 11 whole, 0 damaged, 1 missing\n" in result.output
    runs["done"].weights(RULE).write_bytes(b"waights")
    result = kreproduce("status", "--verify")
    assert result.code == 9
    assert "damaged: best_val_loss.weights.h5\n" in result.output
    assert "files: 10 whole, 1 damaged, 1 missing\n" in result.output
    entries = json.loads(kreproduce("status", "--verify", "--json").output)
    (entry,) = (entry for entry in entries if entry["state"] == "done")
    damaged = {"file": "best_val_loss.weights.h5", "found": "damaged"}
    assert damaged in entry["verified"]
    runs["done"].weights(RULE).unlink()
    assert kreproduce("status", "--verify").code == 0


def test_verify_says_what_it_cannot_verify(kreproduce):
    """Records from git, without their weights."""
    results = kreproduce.folder / "results"
    folder = recorded.write(results, recorded.record_of(resolve({"dataset": "digits"})))
    result = kreproduce("status", "--verify")
    assert result.code == 0
    assert result.output.endswith(
        "files: 3 whole, 0 damaged, 2 missing\n"
        "2 files of weights are not here, as in a copy from git: they were not verified\n"
    )
    (folder / "predictions.csv.gz").write_bytes(b"other content")
    result = kreproduce("status", "--verify")
    assert result.code == 9
    assert "damaged: predictions.csv.gz\n" in result.output
    assert "files: 2 whole, 1 damaged, 2 missing\n" in result.output


def test_a_damaged_run_fails_the_check(kreproduce, runs):
    assert kreproduce("status").code == 0
    assert kreproduce("status", "--verify").code == 9


def test_where_nothing_was_run(kreproduce):
    result = kreproduce("status", "--verify")
    assert (result.code, result.output) == (0, "there is no run below results/runs\n")
    assert json.loads(kreproduce("status", "--json").output) == []


def test_a_results_folder_that_is_not_there(kreproduce):
    result = kreproduce("status", "--results", "elsewhere")
    assert result.code == 2
    assert "there is no folder elsewhere of results; leave --results out" in result.message


def test_a_results_folder_that_may_not_be_read(kreproduce, monkeypatch):
    runs = kreproduce.folder / "results" / "runs"
    runs.mkdir(parents=True)
    runs.chmod(0)
    monkeypatch.setenv("AS_NOBODY", "1")
    result = kreproduce("status")
    runs.chmod(0o755)
    assert result.code == 5
    assert "results/runs cannot be read: Permission denied" in result.message
