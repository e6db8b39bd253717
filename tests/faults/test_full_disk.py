"""A disk that is full while a real run writes: what was good stays whole, and it goes on later."""

import re

import pytest
from faults.acts import mend
from faults.outcome import folder_of, outcome
from faults.real import run

from kreproduce.runs import integrity, records, status

FILES = {
    "checkpoint": "write .*/checkpoints/new-epoch-0000002-",
    "begun checkpoint": "create .*/checkpoints/new-epoch-0000001-",
    "weights": "create .*/new-best_val_loss.weights.h5",
    "half the weights": "write .*/new-best_val_loss.weights.h5",
    "history": "create .*/new-history.csv",
    "status": "write .*/new-status.json",
    "record": "write .*/new-record.json",
}


def writes(reference, file):
    """The operations that write a file, from 1; each writing of it is two."""
    lines = enumerate(reference.operations, 1)
    return [number for number, line in lines if re.match(FILES[file], line)]


def last(reference, file):
    """The last one before the run is complete."""
    end = writes(reference, "record")[-1]
    return max(number for number in writes(reference, file) if number <= end)


def fill_and_go_on(results, fault, reference, file):
    end = run(results, do=fault, operation=last(reference, file))
    assert end.code == 5, end
    reason = "File too large" if fault == "limit" else "No space left on device"
    way_out = "choose" if fault == "limit" else "make room, or choose"  # a limit is no full disk
    assert re.search(rf"digits-\S+ cannot be written: .*{reason}.*; {way_out}", end.message)
    if "checkpoint" in file:
        assert re.search(r"\(a checkpoint needs [0-9.,]+ MB\)", end.message)
    mend(results)
    (entry,) = status.read(results)
    assert entry.state in ("failed", "crashed"), entry  # the disk has no room for a status, too
    assert records.read(results).records == ()
    folder = folder_of(results)
    assert {one.found for one in integrity.check(folder)} == {"whole"}
    assert not list(folder.rglob("new-*"))
    end = run(results)
    assert end.code == 0, end
    assert outcome(results) == reference.outcome


@pytest.mark.parametrize(
    "file",
    [
        pytest.param("weights", marks=pytest.mark.slow),
        pytest.param("checkpoint", marks=pytest.mark.faults),
    ],
)
def test_no_byte_more(file, reference, tmp_path, tally):
    """For everybody, also where no disk can be mounted."""
    fill_and_go_on(tmp_path, "limit", reference, file)
    tally("no byte more for a real run's file")


@pytest.mark.faults
@pytest.mark.parametrize("file", FILES)
def test_a_full_disk(file, reference, small_disk, tally):
    fill_and_go_on(small_disk(64), "full", reference, file)
    tally("disk full at a real run's file")


@pytest.mark.faults
def test_a_disk_that_is_full_when_the_run_is_complete(reference, small_disk, tally):
    """All that is missing is the last status, which the record makes needless."""
    disk = small_disk(64)
    end = run(disk, do="full", operation=writes(reference, "status")[-2])
    assert end.code == 0, end
    mend(disk)
    assert (folder_of(disk) / "record.json").exists()
    assert run(disk).code == 0
    assert outcome(disk) == reference.outcome
    tally("disk full behind a real run's record")


@pytest.mark.slow
def test_a_disk_without_room_is_refused_before_training(small_disk, tally):
    disk = small_disk(1)
    end = run(disk)
    assert end.code == 5, end
    assert re.search(
        r"the run needs [0-9.]+ MB in .*, and 1\.0 MB are free; make room", end.message
    )
    assert "epoch 1/3" not in end.said
    tally("a disk without room")
