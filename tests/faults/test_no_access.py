"""A results folder that is read-only, loses its permission, or is removed under a real run."""

import re
import subprocess

import pytest
from faults.acts import mend
from faults.outcome import outcome
from faults.real import STEPS, run

LATER = {"call": "keras:Model.evaluate", "nth": 2}  # in the second epoch


def test_a_read_only_folder_is_refused_at_once(kreproduce, quick, monkeypatch):
    """As an ordinary user: root is refused nothing."""
    monkeypatch.setenv("AS_NOBODY", "1")
    quick.chmod(0o555)
    result = kreproduce("run", "digits", "--results", quick)
    assert result.code == 5, result
    assert f"{quick} is not a folder that can be written; choose another place" in result.message
    assert len(result.message.splitlines()) == 1
    assert result.imported in ([], ["sklearn"])
    assert list(quick.iterdir()) == []


@pytest.mark.faults
def test_a_permission_that_is_lost(reference, quick, tally):
    end = run(quick, do="forbid", nobody=True, **LATER)
    assert end.code == 5, end
    assert re.search(r"digits-\S+ cannot be written: Permission denied.*; choose", end.message)
    mend(quick)
    end = run(quick, nobody=True)
    assert end.code == 0, end
    assert "going on in epoch 2 of 3, after step 0" in end.said
    assert outcome(quick) == reference.outcome
    tally("permission lost in a real run")


@pytest.mark.faults
def test_a_folder_that_is_removed(reference, tmp_path, tally):
    end = run(tmp_path, do="remove", **LATER)
    assert end.code == 5, end
    assert re.search(r"digits-\S+ cannot be written: No such file or directory", end.message)
    end = run(tmp_path)
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally("folder removed in a real run")


@pytest.mark.faults
def test_a_disk_that_becomes_read_only(reference, small_disk, tally):
    disk = small_disk(64)
    end = run(disk, do="read_only", call="kreproduce.training.console:Report.step", nth=STEPS + 4)
    assert end.code == 5, end
    assert re.search(r"digits-\S+ cannot be written: Read-only file system", end.message)
    subprocess.run(["umount", str(disk)], check=True)
    end = run(disk)
    assert end.code == 0, end
    assert outcome(disk) == reference.outcome
    tally("disk read-only in a real run")
