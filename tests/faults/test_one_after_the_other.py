"""One real run that everything befalls in turn, and that ends as if nothing had."""

import pytest
from faults.outcome import outcome
from faults.real import STEPS, run

from kreproduce.runs import records, status

STEP, SAVE = "kreproduce.training.console:Report.step", "kreproduce.runs.folder:RunFolder.save"
EXPORT, EVALUATE = "kreproduce.runs.folder:RunFolder.keep_weights", "keras:Model.evaluate"

# What befalls it, its exit code, and from where it goes on: epochs that are complete, and steps.
FAULTS = [
    ({"do": "term", "call": STEP, "nth": 4}, 143, (0, 4)),
    ({"do": "ctrl_c", "call": EVALUATE}, 130, (0, STEPS)),
    ({"do": "kill", "call": EXPORT}, -9, (1, 0)),
    ({"infinite": 1}, 4, (1, 0)),
    ({"do": "limit", "call": SAVE, "nth": 2}, 5, (1, 0)),
    ({"do": "kill", "call": STEP, "nth": 6, "save_seconds": 0}, -9, (1, 5)),
]


@pytest.mark.slow
def test_one_after_the_other(reference, tmp_path, tally):
    for fault, code, place in FAULTS:
        end = run(tmp_path, **fault)
        assert end.code == code, (fault, end)
        (entry,) = status.read(tmp_path)
        assert (entry.epoch, entry.step) == place, fault
        assert records.read(tmp_path).records == ()
    end = run(tmp_path)
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally("all kinds of faults on one real run", len(FAULTS))
