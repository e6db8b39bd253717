"""A results folder full of what does not belong there: looked at, listed as what it is, left alone.

Every command runs in a process of its own: a pipe that is opened would make it wait for ever.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from faults.real import environment
from helpers.recorded import experiment_of, record_of, write

from kreproduce import paper
from kreproduce.experiment.settings import resolve
from kreproduce.runs.records import checksum

ROW = paper.rows(6)[1]
CYCLE = "[" * 100_000
SECRET = "a file of somebody else"


def good(seed):
    return record_of(experiment_of(ROW, seed=seed), plain=0.9445, hflip=0.9495)


@pytest.fixture
def hostile(tmp_path):
    """A results folder with one good run, of seed 1, and nothing else that is one."""
    results, outside = tmp_path / "results", tmp_path / "outside"
    write(results, good(1))
    runs = results / "runs"
    write(outside, good(2))
    (outside / "secret").write_text(SECRET)
    os.mkfifo(outside / "pipe")
    linked(runs, outside)
    beside(runs, outside)
    inside(runs, outside)
    return results


def linked(runs, outside):
    """Links that lead out of the folder, to a whole record and to a pipe."""
    whole = next((outside / "runs").iterdir())
    (runs / whole.name).symlink_to(whole)
    by_file = runs / good(3)["run"]
    by_file.mkdir()
    record = outside / "third.json"
    record.write_text(json.dumps(good(3)))
    (by_file / "record.json").symlink_to(record)
    (runs / "to-a-pipe").symlink_to(outside / "pipe")
    (runs / "to-itself").symlink_to("to-itself")
    (runs / "to-nowhere").symlink_to("/no/such/place")
    (runs / "up").symlink_to("..")


def beside(runs, outside):
    """What is no folder, and names that a terminal would obey."""
    os.mkfifo(runs / "a-pipe")
    (runs / "notes.txt").write_text("to do")
    (runs / "\x1b[2J\n").mkdir()
    (runs / os.fsdecode(b"not-\xff-utf8")).mkdir()
    with socket.socket(socket.AF_UNIX) as end, contextlib.chdir(runs):
        end.bind("a-socket")  # its name may be 108 bytes long
    (runs / "linked.lock").symlink_to(outside / "secret")
    os.mkfifo(runs / "piped.lock")
    os.mkfifo(runs / "piped.lock.json")
    (runs / "...").mkdir()
    (runs / "-rf").mkdir()


def inside(runs, outside):
    """Folders that look like runs."""
    for name, content in {
        "empty": {},
        "half": {"record.json": json.dumps(good(1))[:300]},
        "older": {"record.json": json.dumps(good(1) | {"record_version": 0})},
        "newer": {"record.json": json.dumps(good(1) | {"record_version": 10**400})},
        "copied": {"record.json": json.dumps(good(1) | {"checksum": checksum(good(1))})},
        "deep": {"record.json": CYCLE, "status.json": CYCLE, "settings.json": CYCLE},
        "binary": {"record.json": "\x00\x7f", "status.json": "\x00"},
        "obeyed": {"status.json": status(why="\x1b]0;owned\x07\n" * 99, host="\x1b[2J")},
        "boasting": {"status.json": status(state="finished")},
        "wrong": {"status.json": status(epoch=-1)},
        "huge-number": {"status.json": status(epoch=10**400)},
    }.items():
        (runs / name).mkdir()
        for file, text in content.items():
            (runs / name / file).write_text(text)
    for file in ("record.json", "status.json", "settings.json", "history.csv", "checkpoints"):
        for kind, make in {"pipe": os.mkfifo, "folder": os.mkdir}.items():
            (runs / f"{kind}-{file}").mkdir()
            make(runs / f"{kind}-{file}" / file)
        (runs / f"link-{file}").mkdir()
        (runs / f"link-{file}" / file).symlink_to(outside / "pipe")
    (runs / "large").mkdir()
    with (runs / "large" / "record.json").open("wb") as file:
        file.truncate(2**40)  # takes no room
    digest = "0" * 64
    (runs / "checkpoint" / "checkpoints").mkdir(parents=True)
    os.mkfifo(runs / "checkpoint" / "checkpoints" / f"epoch-0000001-step-0000000-{digest}.npz")


def status(**values):
    usual = {"state": "failed", "epoch": 1, "step": 0, "epochs": 5, "why": None}
    return json.dumps(usual | {"host": "here", "pid": 1, "time": "2026-01-01"} | values)


def kreproduce(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "kreproduce", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    for text in (done.stdout, done.stderr):
        assert not set(text) & {"\x1b", "\x07", "\x00"}
        assert SECRET not in text
    return done


def test_status_lists_everything_as_what_it_is(hostile):
    before = tree_of(hostile.parent)
    done = kreproduce("status", "--json", "--verify", "--results", hostile)
    assert done.returncode == 9  # there are damaged ones
    entries = {entry["run"]: entry for entry in json.loads(done.stdout)}
    states = {name: entry["state"] for name, entry in entries.items()}
    assert [name for name in states if states[name] == "done"] == [good(1)["run"]]
    assert len(entries) == len(list((hostile / "runs").iterdir()))
    why = {name: entry["why"] for name, entry in entries.items()}
    assert why[good(2)["run"]].startswith("a link to ")
    assert why[good(3)["run"]] == "record.json is not a file, but a link"
    assert why["half"].startswith("record.json is damaged, or not the record")
    assert why["older"] == "record.json is of version 0, and this version of kreproduce reads 1"
    assert "version 1000000" in why["newer"]
    assert why["copied"] == f"its record is that of {good(1)['run']}"
    assert why["large"] == "record.json is larger than 67,108,864 bytes"
    assert (why["a-pipe"], why["a-socket"], why["notes.txt"]) == ("a pipe", "a socket", "a file")
    assert why["empty"] == why["..."] == why["-rf"] == "an empty folder"
    assert why["boasting"] == "it was finished, and its record.json is gone"
    assert (why["linked.lock"], why["piped.lock"]) == (
        f"a link to {hostile.parent}/outside/secret",
        "a pipe",
    )
    assert why["?[2J?"] == why["not-?-utf8"] == "an empty folder"
    assert entries["link-history.csv"]["notes"] == ["history.csv is not a file, but a link"]
    assert states["wrong"] == states["huge-number"] == "crashed"
    assert entries["wrong"]["notes"] == ["status.json is damaged"]
    assert tree_of(hostile.parent) == before
    text = kreproduce("status", "--results", hostile)
    assert text.returncode == 0
    assert "foreign      notes.txt" in text.stdout


def test_only_the_good_run_counts_in_tables(hostile):
    before = tree_of(hostile.parent)
    done = kreproduce("table", "recorded", "--format", "json", "--results", hostile)
    assert done.returncode == 0
    (row,) = json.loads(done.stdout)["rows"]
    assert row["measured_n"] == 1
    assert "half is not counted: record.json is damaged, or not the record" in done.stderr
    assert f"{good(2)['run']} is not counted: it is a link" in done.stderr
    assert kreproduce("table", "6", "--results", hostile).returncode == 0
    assert tree_of(hostile.parent) == before


def test_a_sweep_looks_at_hostile_folders_of_its_runs(hostile):
    """Folders named as runs of the sweep, each with something else that is wrong."""
    settings = hostile.parent / "digits.yaml"
    settings.write_text("dataset: digits\n")
    runs = hostile / "runs"
    for seed, name in enumerate(["deep", "binary", "pipe-record.json", "link-status.json"], 1):
        run = resolve({"dataset": "digits", "seed": seed}).run_name
        shutil.move(runs / name, runs / run)
    (runs / resolve({"dataset": "digits", "seed": 5}).run_name).symlink_to(hostile.parent)
    before = tree_of(hostile.parent)
    done = kreproduce(
        "sweep", settings, "--seeds", "1,2,3,4,5,6", "--dry-run", "--results", hostile
    )
    assert done.returncode == 0, done.stderr
    assert "6 runs: " in done.stdout
    assert " done" not in done.stdout
    assert tree_of(hostile.parent) == before


@pytest.mark.parametrize("name", ["record.json", "status.json", "settings.json", "history.csv"])
def test_a_run_writes_through_no_link(name, tmp_path, monkeypatch):
    """One that a writer would follow lies where it puts a new file."""
    from faults import toy

    from kreproduce.runs.folder import RunFolder

    victim = tmp_path / "victim"
    victim.write_text(SECRET)
    begin = RunFolder.begin

    def begin_and_link(folder):
        begin(folder)
        (folder.path / f"new-{name}").symlink_to(victim)

    monkeypatch.setattr(RunFolder, "begin", begin_and_link)
    toy.train(tmp_path)
    assert victim.read_text() == SECRET
    assert RunFolder(tmp_path, toy.EXPERIMENT).record() is not None


def tree_of(folder):
    """As `support.tree`, without opening pipes and without what links lead to."""
    return {
        path.relative_to(folder): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))
    }
