"""Which environment the make targets set up and use; nothing is run, nvidia-smi is a script."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.support import TWO_GPUS, says

ROOT = Path(__file__).parents[2]
NEEDED = ["Makefile", "pyproject.toml", "requirements.lock", "requirements-cuda.lock"]
CPU = [".venv/bin/pip", "--constraint requirements.lock --editable '.[dev]'"]
GPU = [
    ".venv-gpu/bin/pip",
    "--constraint requirements.lock --constraint requirements-cuda.lock --editable '.[dev,cuda]'",
]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


@pytest.fixture
def make(tmp_path, nvidia_smi):
    """Says what make would do in a checkout where nothing is set up, on a machine without GPUs."""
    nvidia_smi("echo No devices were found; exit 6")
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path)

    def run(*arguments, **environment):
        own = {k: v for k, v in os.environ.items() if k not in ("GPU", "MAKEFLAGS", "MAKELEVEL")}
        done = subprocess.run(
            ["make", "--dry-run", f"PYTHON={sys.executable}", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=own | environment,
        )
        return done.stdout if done.returncode == 0 else done.stderr

    return run


@pytest.mark.parametrize(
    ("given", "environment"), [([], CPU), (["GPU=0"], CPU), (["GPU=1"], GPU)], ids=str
)
def test_without_a_gpu_it_is_the_environment_for_the_cpu(make, given, environment):
    check(make(*given, "run", "test", "sweep-5", "bench-gpu"), environment)


@pytest.mark.parametrize(
    ("given", "variables", "environment"),
    [
        ([], {}, GPU),
        ([], {"CUDA_VISIBLE_DEVICES": "1"}, GPU),
        ([], {"CUDA_VISIBLE_DEVICES": "-1"}, CPU),
        ([], {"CUDA_VISIBLE_DEVICES": ""}, CPU),
        ([], {"CUDA_VISIBLE_DEVICES": "-1,0"}, CPU),
        ([], {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, CPU),
        ([], {"GPU": "0"}, GPU),
        ([], {"GPU": "2"}, GPU),
        (["GPU=0"], {}, CPU),
        (["GPU="], {}, GPU),
    ],
    ids=str,
)
def test_with_a_gpu_it_is_that_for_gpus_unless_it_is_hidden(
    make, nvidia_smi, given, variables, environment
):
    nvidia_smi(says(TWO_GPUS))
    check(make(*given, "run", **variables), environment)


def check(said, environment):
    """All of what make would do is done in one environment, and that is set up as is its due."""
    lines = [line for line in said.splitlines() if line.startswith(".venv")]
    pip, options = environment
    assert {line.partition("/bin/")[0] for line in lines} == {pip.partition("/bin/")[0]}
    (setup,) = [line for line in lines if line.startswith(pip)]
    assert setup.endswith(options)


def test_gpus_are_hidden_from_whoever_forces_the_cpu(make, tmp_path):
    """Or what runs would refuse the CPU, there being a GPU."""
    with (tmp_path / "Makefile").open("a") as makefile:
        makefile.write("\nsee:\n\t@+echo CUDA_VISIBLE_DEVICES=$$CUDA_VISIBLE_DEVICES\n")
    assert make("GPU=0", "see").splitlines()[-1] == "CUDA_VISIBLE_DEVICES=-1"
    assert make("GPU=1", "see").splitlines()[-1] == "CUDA_VISIBLE_DEVICES="


def test_another_value_is_refused(make):
    assert "GPU=yes is neither 1, to compute on NVIDIA GPUs, nor 0" in make("GPU=yes", "run")


@pytest.mark.parametrize("page", ["docs/reproduction.md", "docs/beyond.md"])
def test_a_page_that_fails_leaves_the_last_one(make, page):
    """The shell empties what it writes to before the command begins."""
    lines = make("tables").splitlines()
    moved = lines.index(f"mv {page}.new {page}")
    assert lines[moved - 1].endswith(f"> {page}.new")
    assert f"{page}.new" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_asks_for_a_gpu_is_refused_without_one(make, nvidia_smi, monkeypatch):
    """By what is run before it; as here, where it is hidden."""
    nvidia_smi(says(TWO_GPUS))
    lines = make("GPU=1", "run", "test", "bench-gpu").splitlines()
    (script,) = [line for line in lines if "expects_gpu" in line]
    (setup,) = [line for line in lines if line.startswith(GPU[0])]
    assert lines.index(script) < lines.index(setup)  # which takes gigabytes
    assert not [line for line in make("GPU=0", "run", "sweep-5") if "expects_gpu" in line]
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # with which Python would not look in this folder
    for chosen, code in [("-1", 1), ("0", 0)]:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
        done = subprocess.run(
            ["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, bool(done.stderr)) == (code, bool(code))


def test_the_cpu_is_measured_on_machines_with_gpus_too(make, nvidia_smi):
    nvidia_smi(says(TWO_GPUS))
    lines = [line for line in make("bench").splitlines() if "kreproduce bench" in line]
    assert lines
    assert all(("--devices cpu" in line) != ("bench start-up" in line) for line in lines)


def test_both_environments_are_cleaned_away(make):
    assert make("clean").split()[2:4] == [".venv", ".venv-gpu"]


def test_tables_that_are_not_what_the_records_give_are_named_with_the_way_out(make, tmp_path):
    """As where somebody has trained a run of his own; what would write them is left out."""
    script = make("check-tables").partition("beyond.md.new docs/beyond.md\n")[2]
    report = tmp_path / "docs" / "reproduction.md"
    report.parent.mkdir()
    report.touch()
    tables = tmp_path / "results" / "tables"
    tables.mkdir(parents=True)
    (tables / "old.txt").touch()
    git = ("git", "-c", "user.name=a", "-c", "user.email=b")
    for command in (
        ("init", "--quiet"),
        ("add", "docs", "results"),
        ("commit", "--quiet", "-m", "first"),
    ):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)

    log = tmp_path / "log"  # a file, which nothing may truncate

    def check():
        log.write_text("before\n")
        with log.open("a") as file:
            done = subprocess.run(
                ["sh", "-c", script], cwd=tmp_path, check=False, stdout=subprocess.PIPE, stderr=file
            )
        before, _, said = log.read_text().partition("\n")
        assert before == "before"
        return done.returncode, said

    assert check() == (0, "")
    report.write_text("changed")
    (tables / "new.txt").touch()
    code, said = check()
    changed, new, sentence = said.splitlines()
    assert code == 1
    assert (changed, new) == (" M docs/reproduction.md", "?? results/tables/new.txt")
    assert sentence.startswith("kreproduce: in git these are not what the records")
