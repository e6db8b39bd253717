"""The page on scaling says what the command prints, and its job script runs the whole plan."""

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_has_what_the_command_prints(kreproduce):
    page = (DOCS / "scaling.md").read_text("utf-8")
    assert "`kreproduce sweep all --dry-run --gpus\n1,8,64`" in page
    output = kreproduce("sweep", "all", "--dry-run", "--gpus", "1,8,64").output
    simulation = output.partition("\n\n")[2].splitlines()
    assert len(simulation) == 11
    assert "".join(f"    {line}\n" for line in simulation) in page


def test_the_job_script_deals_out_the_whole_plan(kreproduce, tmp_path):
    """With an srun that only runs what it is given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "kreproduce").write_text(f'#!/bin/sh\nexec {sys.executable} -m kreproduce "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    script = (DOCS / "slurm-array.sh").read_text()
    first, last = script.partition("#SBATCH --array=")[2].splitlines()[0].split("-")
    parts = []
    for task in range(int(first), int(last) + 1):
        own = {"PATH": f"{tools}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": str(task)}
        command = ["bash", str(DOCS / "slurm-array.sh"), "6", "--seeds", "1,2,3", "--dry-run"]
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=tmp_path, env=os.environ | own
        ).stdout
        parts += [line.split()[1] for line in output.splitlines() if line.startswith("missing")]
    whole = kreproduce("sweep", "6", "--seeds", "1,2,3", "--dry-run").output.splitlines()
    assert sorted(parts) == sorted(line.split()[1] for line in whole if line.startswith("missing"))
    assert len(parts) == 6
