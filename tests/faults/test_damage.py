"""Flipped, cut and zeroed bytes in every file of a run's folder: never a wrong result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from faults.outcome import folder_of, outcome
from faults.real import STEPS, environment, run

from kreproduce.runs import checkpoint

PROGRAM = Path(__file__).with_name("damage.py")


@pytest.mark.parametrize(
    "number",
    [pytest.param(16, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.faults)],
)
def test_damaged_files(number, quick, tally):
    command = [sys.executable, PROGRAM, quick, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout)
    assert sum(ends.values()) == number
    for end, times in ends.items():
        tally(f"damaged file: {end}", times)


@pytest.mark.faults
def test_a_damaged_checkpoint_of_a_real_run(reference, tmp_path, tally):
    """The one before is used, with a warning; with both damaged the run is refused."""
    run(tmp_path, call="kreproduce.training.console:Report.step", nth=STEPS + 6, save_seconds=0)
    newest, older = checkpoint.listed(folder_of(tmp_path) / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-1])
    end = run(tmp_path, call="kreproduce.training.learner:compile_model")
    assert end.warnings == [f"kreproduce: warning: {newest}.damaged is damaged and was put aside"]
    content = bytearray(older.read_bytes())
    content[len(content) // 2] ^= 1
    older.write_bytes(content)
    end = run(tmp_path)
    assert end.code == 7, end
    assert "no whole checkpoint is left to go on from (" in end.message
    assert end.message.endswith("); --force starts from scratch")
    content[len(content) // 2] ^= 1
    older.write_bytes(content)
    older.with_name(f"{older.name}.damaged").unlink()
    end = run(tmp_path)
    assert "going on in epoch 2 of 3, after step 4" in end.said
    assert end.code == 0, end
    assert outcome(tmp_path) == reference.outcome
    tally("damaged checkpoint of a real run", 2)
