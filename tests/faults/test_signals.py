"""SIGTERM and Ctrl-C in every part of a real run: the state is saved, and it goes on from there."""

import signal
import time

import pytest
from faults.outcome import outcome
from faults.real import STEPS, Process, run

from kreproduce.runs import status


def at(reference, what, nth=1):
    """The number of the nth operation that ends so."""
    found = [i for i, line in enumerate(reference.operations, 1) if what in line]
    return found[nth - 1]


PARTS = {
    "loading": {"call": "kreproduce.data.dataset:fingerprint"},
    "building": {"call": "kreproduce.training.learner:compile_model"},
    "training": {"call": "kreproduce.training.console:Report.step", "nth": STEPS + 4},
    "the last step of an epoch": {"call": "kreproduce.training.console:Report.step", "nth": STEPS},
    "validating": {"call": "keras:Model.evaluate", "nth": 2},
    "saving": "checkpoints/new-epoch-0000002",
    "exporting weights": "best_val_loss.weights.h5",
    "testing": {"call": "keras:Model.predict", "nth": 2},
}
SAVED = {  # complete epochs, and steps of the next
    "training": (1, 4),
    "the last step of an epoch": (0, STEPS),
    "validating": (1, STEPS),
    "saving": (2, 0),
    "exporting weights": (1, 0),
    "testing": (3, 0),
}


@pytest.mark.faults
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("do", "code"), [("term", 143), ("ctrl_c", 130), ("usr1", 138)])
def test_a_request_to_stop(do, code, part, reference, tmp_path, tally):
    plan = PARTS[part]
    plan = plan if isinstance(plan, dict) else {"operation": at(reference, plan, 3)}
    end = run(tmp_path, do=do, **plan)
    assert end.code == code, end
    assert end.message == f"kreproduce: interrupted by {signal.Signals(code - 128).name}"
    if part in SAVED:
        (entry,) = status.read(tmp_path)
        assert (entry.state, (entry.epoch, entry.step)) == ("interrupted", SAVED[part])
        assert "; the same command goes on from there" in end.said
    else:
        assert status.read(tmp_path) == []
    end = run(tmp_path)
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally(f"{do} while {part}")


@pytest.mark.faults
def test_a_second_ctrl_c_leaves_at_once(reference, tmp_path, tally):
    """The first finds the run at a step that takes for ever."""
    plan = {"do": "hold", "call": "kreproduce.training.console:Report.step", "nth": STEPS + 4}
    with Process(tmp_path, **plan) as process:
        process.wait_until_held(tmp_path)
        process.process.send_signal(2)
        time.sleep(1)
        assert process.process.poll() is None
        started = time.monotonic()
        process.process.send_signal(2)
        end = process.ended()
    assert time.monotonic() - started < 10  # the step would take for ever
    assert end.code == 130, end
    assert run(tmp_path).code == 0
    left = {"held"}
    assert {path.name for path in tmp_path.iterdir()} == {"runs"} | left
    assert outcome(tmp_path) == reference.outcome
    tally("second Ctrl-C")
