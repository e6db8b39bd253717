"""What docs/campaign.md has one type puts into git what it says, and leaves out the rest."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.recorded import begin, record_of, write

from kreproduce.experiment.settings import resolve
from kreproduce.runs import records
from kreproduce.runs.folder import RunFolder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "campaign.md").read_text("utf-8")
WEIGHTS = "best_val_loss.weights.h5"


@pytest.fixture
def results(tmp_path):
    """A finished run with its weights, and one that was interrupted."""
    found = tmp_path / "results"
    done = write(found, record_of(resolve({"dataset": "digits"})))
    for name in (WEIGHTS, "settings.json", "status.json"):
        (done / name).write_text("whatever")
    begun = RunFolder(found, resolve({"dataset": "digits", "seed": 2}))
    begin(begun)
    begun.write_history([])
    begun.close()
    return found


def typed(first):
    """A loop of the page, from its first line to the last."""
    (block,) = re.findall(rf"^    {re.escape(first)}.*?^    done$", PAGE, re.DOTALL | re.MULTILINE)
    return block


def bash(script, folder):
    subprocess.run(["bash", "-eu", "-c", script], cwd=folder, check=True, capture_output=True)


def test_complete_runs_are_added_without_weights(results, tmp_path):
    shutil.copy(ROOT / ".gitignore", tmp_path)
    bash("git init --quiet", tmp_path)
    bash(typed("for record in results/runs/*/record.json; do"), tmp_path)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.split()
    (done,) = records.read(results).records
    names = ("history.csv", "predictions.csv.gz", "record.json")
    assert listed == [f"results/runs/{done.run}/{name}" for name in names]


def test_complete_runs_are_copied_and_count_there(results, tmp_path):
    script = typed("for run in results/runs/*/record.json; do").replace("REPOSITORY", "elsewhere")
    bash(script, tmp_path)
    (copied,) = (tmp_path / "elsewhere/results/runs").iterdir()
    assert not (copied / WEIGHTS).exists()
    there, here = records.read(tmp_path / "elsewhere/results"), records.read(results)
    assert there.records == here.records
    assert not there.skipped
