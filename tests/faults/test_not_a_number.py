"""A loss that is no number: the run stops, nothing of it is kept as best, and it can go on."""

import json

import pytest
from faults.outcome import folder_of, outcome
from faults.real import run

from kreproduce.runs import checkpoint, status


@pytest.mark.faults
@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_loss_that_is_no_number(epoch, reference, tmp_path, tally):
    end = run(tmp_path, infinite=epoch)
    assert end.code == 4, end
    assert f"loss of epoch {epoch + 1} is not a finite number (" in end.message
    (entry,) = status.read(tmp_path)
    assert (entry.state, entry.epoch, entry.step) == ("failed", epoch, 0)
    assert entry.why.startswith("DivergedError: the ")
    newest, damaged = checkpoint.newest(folder_of(tmp_path) / "checkpoints")
    assert damaged == []
    assert set(newest.facts["best"].values()) <= set(range(1, epoch + 1))
    assert len(list(folder_of(tmp_path).glob("*.h5"))) == (2 if epoch else 0)
    assert "NaN" not in json.dumps(newest.facts)
    again = run(tmp_path, infinite=epoch)
    assert (again.code, again.message) == (4, end.message)
    end = run(tmp_path)
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally("a loss that is no number", 2)
