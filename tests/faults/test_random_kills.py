"""SIGKILL at random moments of real runs, in the middle of epochs too."""

import json
import random
import time

import pytest
from faults.outcome import folder_of, outcome
from faults.real import STEPS, Process, run

from kreproduce.runs import checkpoint, records, status


@pytest.mark.parametrize(
    "kills", [pytest.param(3, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.faults)]
)
def test_killed_at_random_moments(kills, reference, tmp_path, tally):
    """One run is killed again and again; if it comes to its end before, another one."""
    rng, landed, inside = random.Random(kills), 0, 0
    seconds = json.loads((folder_of(reference.results) / "record.json").read_text())["seconds"]
    runs = [tmp_path / "0"]
    while landed < kills:
        process = Process(runs[-1], save_seconds=0)
        process.wait_for("training digits")
        time.sleep(rng.uniform(0, 1.2 * seconds["training"]))
        process.process.kill()
        end = process.ended()
        if end.code == 0:
            assert outcome(runs[-1]) == reference.outcome
            runs.append(tmp_path / str(len(runs)))
            continue
        assert end.code == -9, end
        landed += 1
        inside += is_inside_an_epoch(runs[-1])
    end = run(runs[-1], save_seconds=0)
    assert end.code == 0, end
    assert outcome(runs[-1]) == reference.outcome
    tally("SIGKILL at a random moment of a real run", kills - inside)
    tally("SIGKILL at a random moment of a real run, inside an epoch", inside)
    assert inside or kills < 20


def is_inside_an_epoch(results):
    (entry,) = status.read(results)
    # A whole network of these settings there cannot be: of one of two blocks a record is refused.
    assert entry.state in ("crashed", "done", "damaged")
    assert len(records.read(results).records) == (entry.state == "done")
    return bool(entry.step)


@pytest.mark.slow
def test_killed_inside_an_epoch(reference, tmp_path, tally):
    """In the second epoch, behind its fifth step: the sums of the epoch go on, too."""
    end = run(
        tmp_path, call="kreproduce.training.console:Report.step", nth=STEPS + 6, save_seconds=0
    )
    assert end.code == -9, end
    newest, _ = checkpoint.newest(folder_of(tmp_path) / "checkpoints")
    assert (newest.epoch, newest.step) == (1, 5)
    end = run(tmp_path)
    assert f"going on in epoch 2 of 3, after step 5 of {STEPS}" in end.said
    assert outcome(tmp_path) == reference.outcome
    tally("SIGKILL at a chosen step of a real run, inside an epoch")


@pytest.mark.parametrize("number", range(6))
@pytest.mark.faults
def test_killed_at_an_operation_of_a_real_run(number, reference, tmp_path, tally):
    operations = len(reference.operations)
    at = random.Random(number).randint(1, operations)
    end = run(tmp_path, operation=at)
    assert end.code == -9, end
    end = run(tmp_path)
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally("SIGKILL at a random step of a real run's writer")
