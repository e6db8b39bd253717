"""The pages say what the commands print, and the job script runs the whole plan."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kreproduce.cli import app

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_has_what_the_command_prints(kreproduce):
    page = (DOCS / "scaling.md").read_text("utf-8")
    assert "`kreproduce sweep all --dry-run --gpus\n1,8,64`" in page
    output = kreproduce("sweep", "all", "--dry-run", "--gpus", "1,8,64").output
    simulation = output.partition("\n\n")[2].splitlines()
    assert len(simulation) == 11
    assert "".join(f"    {line}\n" for line in simulation) in page


@pytest.mark.parametrize("tables", ["4", "5", "6", "7", "8", "4 5 6 7 8"])
def test_the_campaign_takes_as_long_as_the_simulation_says(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where nothing was run
    arguments = ["sweep", *tables.split(), "--dry-run", "--gpus", "1,2,4,8"]
    output = CliRunner().invoke(app, arguments).output
    runs = re.findall(r"^(\d+) runs, one GPU per run", output, re.MULTILINE)
    spans = re.findall(r"^ +[1248]  +(\d.*?)  +[\d.]+  +\d+%$", output, re.MULTILINE)
    longest = re.findall(r"^the longest run, .*, (.*)$", output, re.MULTILINE)
    called = "4 to 8" if " " in tables else tables
    row = " | ".join([called, *runs, *spans, *longest])
    assert row.count("|") == 6
    assert f"\n| {row} |\n" in (DOCS / "campaign.md").read_text("utf-8")


def test_the_job_script_deals_out_the_whole_plan(kreproduce, tmp_path):
    """With an srun that runs what it is given, if it is told the cores, and nothing else."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "srun").write_text('#!/bin/sh\n[ "$SRUN_CPUS_PER_TASK" = 4 ] && exec "$@"\n')
    (tools / "kreproduce").write_text(f'#!/bin/sh\nexec {sys.executable} -m kreproduce "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    script = (DOCS / "slurm-array.sh").read_text()
    first, last = script.partition("#SBATCH --array=")[2].splitlines()[0].split("-")
    parts = []
    for task in range(int(first), int(last) + 1):
        own = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_CPUS_PER_TASK": "4",
        }
        command = ["bash", str(DOCS / "slurm-array.sh"), "6", "--seeds", "1,2,3", "--dry-run"]
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=tmp_path, env=os.environ | own
        ).stdout
        parts += [line.split()[1] for line in output.splitlines() if line.startswith("missing")]
    whole = kreproduce("sweep", "6", "--seeds", "1,2,3", "--dry-run").output.splitlines()
    assert sorted(parts) == sorted(line.split()[1] for line in whole if line.startswith("missing"))
    assert len(parts) == 6
