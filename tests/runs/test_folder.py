"""The folder of a run: what is made when, what is refused, and who may be at it."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import recorded
from helpers.line_ends import LINE_ENDS
from helpers.support import tree

from kreproduce.errors import LockedError, StateError, StorageError
from kreproduce.experiment.settings import resolve
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.runs.folder import Epoch, RunFolder
from kreproduce.runs.status import SUPERSEDED, read_status
from kreproduce.runs.status import read as read_states
from kreproduce.system import files

EXPERIMENT = resolve({"dataset": "digits"})


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "results", EXPERIMENT)
    yield folder
    folder.close()


def status(folder):
    return json.loads((folder.path / "status.json").read_text())


def refuse(warning):
    raise AssertionError(warning)


def begin(folder):
    recorded.begin(folder)
    folder.set_state("running", 0)


def finish(folder, **options):
    begin(folder)
    recorded.finish(folder, **options)
    folder.close()


def test_only_a_claim_makes_anything(folder, tmp_path):
    assert folder.record() is None
    folder.check_writable()
    assert tree(tmp_path) == {}
    assert folder.checkpoint(refuse) is None
    assert tree(tmp_path) == {}
    begin(folder)
    assert {path.name for path in folder.path.iterdir()} == {"settings.json", "status.json"}
    settings = json.loads((folder.path / "settings.json").read_text())
    assert settings["identity"] == EXPERIMENT.identity
    assert settings["session"]["conditions"]["cores"] == 16
    assert settings["data"]["train"] == 100
    assert status(folder)["state"] == "running"
    assert folder.record() is None


def test_a_claim_of_what_is_not_begun_leaves_nothing(folder, tmp_path):
    folder.claim()
    assert folder.is_locked()
    folder.close()
    assert tree(tmp_path) == {}
    (tmp_path / "results").mkdir()  # which somebody made
    folder.claim()
    folder.close()
    assert [*tree(tmp_path)] == ["results"]


def test_only_the_run_is_left_of_a_run(folder, tmp_path):
    finish(folder)
    assert [path.name for path in (tmp_path / "results" / "runs").iterdir()] == [folder.path.name]


def test_a_claim_that_the_disk_refuses_leaves_nothing(folder, tmp_path, monkeypatch):
    def refuse(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", refuse)
    with pytest.raises(StorageError, match="No space left"):
        folder.claim()
    assert tree(tmp_path) == {}


def test_folders_that_another_process_has_just_removed_are_made_again(folder, monkeypatch):
    """It was refused, and had made them."""
    take, removed = folder._lock.take, []

    def remove_and_take(time):
        if not removed:
            removed.append(folder.path.parent.rmdir())
        return take(time)

    monkeypatch.setattr(folder._lock, "take", remove_and_take)
    folder.claim()
    assert folder.is_locked()


def test_the_folder_of_another_process_stays(folder, tmp_path):
    folder.claim()
    with pytest.raises(LockedError):
        RunFolder(tmp_path / "results", EXPERIMENT).claim()
    assert folder.is_locked()


def test_a_finished_run(folder):
    finish(folder, plain=0.25)
    record = folder.record()
    assert record.settings == EXPERIMENT
    assert record.accuracy() == 0.25
    assert (status(folder)["state"], status(folder)["epoch"]) == ("finished", EXPERIMENT.epochs)


def test_what_an_unfinished_run_left_is_removed_by_another_beginning(folder):
    begin(folder)
    folder.write_history([Epoch(1, 1.0, 0.5, 1.0, 0.5, 0.001, 2.0)])
    folder.close()
    begin(folder)
    assert not (folder.path / "history.csv").exists()


def test_a_finished_run_is_put_aside_until_the_new_one_is_finished(folder):
    finish(folder, plain=0.1)
    aside = folder.path.with_name(folder.path.name + ".old")
    for _ in range(2):  # also where the first attempt was killed
        begin(folder)
        assert '"plain": 0.1' in (aside / "record.json").read_text()
        folder.close()
    finish(folder, plain=0.2)
    assert folder.record().accuracy() == 0.2
    assert not aside.exists()


def test_a_copy_called_old_is_somebodys_own(folder, tmp_path):
    """A backup, say: it is neither removed nor replaced."""
    finish(folder)
    copy = folder.path.with_name(folder.path.name + ".old")
    shutil.copytree(folder.path, copy)
    before = tree(copy)
    folder.tidy()
    with pytest.raises(StateError, match=rf"{copy} is where .* would be kept; move it away"):
        begin(folder)
    folder.close()
    assert tree(copy) == before
    states = {entry.run: (entry.state, entry.why) for entry in read_states(tmp_path / "results")}
    assert states[copy.name] == ("damaged", f"its record is that of {folder.path.name}")


def test_a_copy_of_one_that_was_taken_back_is_somebodys_own_too(folder):
    """Put aside, then renamed by hand to what it was, as after a successor that is not wanted."""
    finish(folder)
    begin(folder)
    folder.close()
    old = folder.path.with_name(folder.path.name + ".old")
    shutil.rmtree(folder.path)
    old.rename(folder.path)
    folder.tidy()
    shutil.copytree(folder.path, old)
    folder.tidy()
    assert (old / "record.json").exists()


@pytest.mark.parametrize("there", ["nothing else", "a record", "checkpoints"])
def test_what_no_run_wrote_is_not_removed(folder, there):
    """Not by --force either, which begins without looking for a checkpoint."""
    if there == "a record":
        finish(folder)
    elif there == "checkpoints":
        begin(folder)
        folder.save(checkpoint(1, 1))
        folder.close()
    folder.path.mkdir(parents=True, exist_ok=True)
    (folder.path / "thesis.tex").write_text("dear to somebody")
    with pytest.raises(StateError, match=r"has thesis.tex, which no run wrote .*; move it away"):
        begin(folder)
    assert (folder.path / "thesis.tex").exists()
    if there == "nothing else":
        with pytest.raises(StateError, match=r"is no run \(it has thesis.tex\); move it away"):
            folder.checkpoint(refuse)


def test_a_second_process_is_refused_and_harms_nothing(folder, tmp_path):
    assert not folder.is_locked()
    begin(folder)
    before = tree(folder.path)
    assert RunFolder(tmp_path / "results", EXPERIMENT).is_locked()
    script = f"""
from pathlib import Path
from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
RunFolder(Path({str(tmp_path / "results")!r}), resolve({{"dataset": "digits"}})).claim()
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "LockedError: another process is using" in done.stderr
    assert f"process {status(folder)['pid']} on" in done.stderr
    assert tree(folder.path) == before
    folder.close()
    assert not folder.is_locked()
    assert subprocess.run(command, check=False).returncode == 0


def test_asking_who_is_at_it_keeps_nobody_out(folder, tmp_path):
    """`claim` waits a moment for whoever holds the lock only to ask."""
    asking = RunFolder(tmp_path / "results", EXPERIMENT)

    def ask():
        asking.claim()
        time.sleep(0.3)
        asking.close()

    thread = threading.Thread(target=ask)
    thread.start()
    while not folder.is_locked():
        time.sleep(0.01)
    folder.claim()
    thread.join()
    assert asking.is_locked()


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\x00"])
def test_a_damaged_status_says_nothing(folder, content):
    folder.path.mkdir(parents=True)
    (folder.path / "status.json").write_text(content)
    assert read_status(folder.path) is None


def test_the_same_process_is_refused_too(folder, tmp_path):
    begin(folder)
    with pytest.raises(LockedError):
        RunFolder(tmp_path / "results", EXPERIMENT).claim()
    with pytest.raises(LockedError, match=f"process {os.getpid()} on"):
        RunFolder(tmp_path / "results", EXPERIMENT).check_free()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "3", "{}", '{"record_version": 0}', '{"record_version": 1}', "\x00", '"x"'],
)
def test_a_damaged_or_foreign_record_is_refused(folder, content):
    folder.path.mkdir(parents=True)
    (folder.path / "record.json").write_text(content)
    with pytest.raises(StateError, match=r"with --force$|reads 1; use the version of "):
        folder.record()


def test_a_record_of_another_experiment_is_refused(folder):
    finish(folder)
    path = folder.path / "record.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(StateError, match="its checksum differs"):
        folder.record()


def test_a_record_that_is_a_folder_is_refused(folder):
    (folder.path / "record.json").mkdir(parents=True)
    with pytest.raises(StateError, match=r"record\.json is not a file"):
        folder.record()


def test_places_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(StorageError, match="results is not a folder that can be written"):
        folder.check_writable()
    with pytest.raises(StorageError, match="there is a file where a folder has to be"):
        folder.claim()


def test_links_are_not_followed(folder, tmp_path):
    folder.path.parent.mkdir(parents=True)
    folder.path.symlink_to(tmp_path)
    with pytest.raises(StorageError, match="is a link"):
        folder.check_writable()


def test_a_disk_that_refuses_becomes_one_sentence(folder):
    begin(folder)

    def save(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    folder.weights("best_val_loss").write_bytes(b"good")
    with pytest.raises(StorageError, match="cannot be written: No space left on device"):
        folder.keep_weights("best_val_loss", save)
    assert folder.weights("best_val_loss").read_bytes() == b"good"


def checkpoint(epoch=1, step=0, size=10):
    return Checkpoint(epoch, step, {"note": "é"}, {"weights/a": np.arange(size)})


def test_a_run_goes_on_from_its_newest_checkpoint(folder):
    begin(folder)
    assert folder.checkpoint(refuse) is None  # killed before its first one
    for step in range(3):
        folder.save(checkpoint(1, step))
        folder.set_state("running", 1, step)
    found = folder.checkpoint(refuse)
    assert (found.epoch, found.step, found.facts) == (1, 2, {"note": "é"})
    np.testing.assert_array_equal(found.arrays["weights/a"], np.arange(10))


def test_damaged_checkpoints_are_put_aside_until_none_is_left(folder):
    begin(folder)
    folder.save(checkpoint(1, 1))
    folder.save(checkpoint(1, 2))
    folder.set_state("running", 1, 2)
    warnings = []
    for step in (2, 1):
        (path,) = (folder.path / "checkpoints").glob(f"*-step-{step:07}-*.npz")
        path.write_bytes(path.read_bytes()[:-1])
        if step == 2:
            assert folder.checkpoint(warnings.append).step == 1
    with pytest.raises(StateError, match=r"no whole checkpoint is left to go on from .*--force"):
        folder.checkpoint(warnings.append)
    with pytest.raises(StateError, match="no whole checkpoint is left"):  # and again
        folder.checkpoint(refuse)
    assert [w.endswith("is damaged and was put aside") for w in warnings] == [True, True]


def test_checkpoints_that_were_removed_are_missed(folder):
    begin(folder)
    folder.save(checkpoint())
    folder.set_state("running", 1)
    shutil.rmtree(folder.path / "checkpoints")
    with pytest.raises(StateError, match="no whole checkpoint is left"):
        folder.checkpoint(refuse)


@pytest.mark.parametrize("name", ["thesis.txt", "history.csv", "best_val_loss.weights.h5"])
def test_what_no_run_left_before_its_first_checkpoint_is_not_removed(folder, name):
    folder.path.mkdir(parents=True)
    (folder.path / "status.json").write_text("{")  # says nothing of how far it was
    (folder.path / name).write_text("dear to somebody")
    with pytest.raises(StateError, match=rf"no whole checkpoint .*\(it has {name}\); --force"):
        folder.checkpoint(refuse)
    assert (folder.path / name).exists()


def test_a_run_that_was_stopped_at_once_is_begun(folder):
    begin(folder)
    (folder.path / "new-history.csv").touch()
    (folder.path / "checkpoints").mkdir()
    assert folder.checkpoint(refuse) is None


def test_settings_that_were_changed_are_refused_by_name(folder):
    begin(folder)
    path = folder.path / "settings.json"
    path.write_text(path.read_text().replace('"ch": 16', '"ch": 32'))
    with pytest.raises(StateError, match=r"settings\.json has ch 32, and this run 16; restore it"):
        folder.checkpoint(refuse)


@pytest.mark.parametrize("change", LINE_ENDS.values(), ids=list(LINE_ENDS))
def test_git_may_change_the_line_ends_of_what_a_run_goes_on_from(folder, tmp_path, change):
    begin(folder)
    folder.save(checkpoint(1, 1))
    folder.set_state("interrupted", 1, 1)
    folder.close()
    for name in ("settings.json", "status.json"):
        path = folder.path / name
        path.write_bytes(change(path.read_bytes()))
    assert folder.checkpoint(refuse).step == 1
    assert read_status(folder.path).state == "interrupted"
    (entry,) = read_states(tmp_path / "results")
    assert (entry.state, entry.notes) == ("interrupted", ())


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_damaged_settings_are_said(folder, content):
    begin(folder)
    (folder.path / "settings.json").write_text(content)
    warnings = []
    folder.checkpoint(warnings.append)
    assert warnings == [f"{folder.path / 'settings.json'} is damaged and is written again"]


def test_a_disk_without_room_is_refused_before_training(folder):
    begin(folder)
    folder.check_space(checkpoint())
    huge = {"weights/a": np.broadcast_to(np.float64(0), (10**15,))}
    with pytest.raises(StorageError, match=r"the run needs [0-9,.]+ MB in .*, and [0-9,.]+ MB are"):
        folder.check_space(Checkpoint(0, 0, {}, huge))


def test_a_finished_run_needs_no_checkpoints(folder):
    begin(folder)
    folder.save(checkpoint())
    recorded.finish(folder)
    assert not (folder.path / "checkpoints").exists()


@pytest.mark.parametrize("left", ["running", "failed", "checkpoints", "old"])
def test_a_run_that_was_killed_after_its_record_is_tidied(folder, left):
    finish(folder)
    aside = folder.path.with_name(folder.path.name + ".old")
    if left == "checkpoints":
        (folder.path / "checkpoints").mkdir()
    elif left == "old":
        aside.mkdir()
        (aside / SUPERSEDED).touch()
    else:
        folder.set_state(left, 3)
    folder.tidy()
    assert status(folder)["state"] == "finished"
    assert not aside.exists()
    assert not (folder.path / "checkpoints").exists()
    assert not folder.is_locked()


def test_a_copy_of_a_finished_run_is_left_as_it_is(folder, tmp_path):
    finish(folder)
    (folder.path / "status.json").unlink()
    before = tree(tmp_path)
    folder.tidy()
    assert tree(tmp_path) == before


def test_nothing_unfinished_is_tidied(folder, tmp_path):
    begin(folder)
    folder.save(checkpoint())
    folder.close()
    before = tree(tmp_path)
    folder.tidy()
    now = tree(tmp_path)
    assert {name for name in now if not name.endswith(".lock.json")} == {*before}
    assert status(folder)["state"] == "running"


def test_the_code_is_that_of_this_checkout():
    """Of the package in it, that is, and the one that is tested may be installed elsewhere."""
    root = Path(__file__).parents[2]
    code = "from kreproduce.system.provenance import code_version; print(*code_version())"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    commit, dirty = found.stdout.split()
    if not (root / ".git").exists():
        assert (commit, dirty) == ("None", "None")
        return
    head = subprocess.run(
        ["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert commit == head.stdout.strip()
    assert dirty in ("True", "False")
