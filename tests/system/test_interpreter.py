"""Modules of the user's in the working folder are run by no process of this package."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import kreproduce
from kreproduce.system.interpreter import python

ROOT = Path(kreproduce.__file__).parents[1]
# Of the standard library, and of what this package needs.
THEIRS = ("csv", "hashlib", "pathlib", "random", "tempfile", "numpy", "pydantic", "typer", "yaml")


@pytest.fixture
def folder(tmp_path):
    for name in THEIRS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user')")
    return tmp_path


def ended(command, folder, **own):
    environment = {"PYTHONPATH": str(ROOT)} | own
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
        check=False,
    )


def test_a_command_started_as_a_module(folder):
    done = ended([sys.executable, "-m", "kreproduce", "network", "--ch", "16"], folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_python(folder):
    imports = f"import {', '.join(THEIRS)}"
    assert "a module of the user" in ended([sys.executable, "-c", imports], folder).stderr
    done = ended(python("-c", imports), folder)
    assert (done.returncode, done.stderr) == (0, "")


GUARDED = """
import kreproduce.system.interpreter, subprocess, sys
with kreproduce.system.interpreter.GuardedChildren():
    subprocess.run([sys.executable, "-c", "import random, yaml"], check=True)
free = subprocess.run([sys.executable, "-c", "import random"], capture_output=True)
sys.exit(free.stderr.decode())
"""


def test_what_a_library_starts(folder):
    """And only while it is asked for: else a later one would not find what it should."""
    done = ended([sys.executable, "-P", "-c", GUARDED], folder, PYTHONSAFEPATH="")
    assert done.stderr.strip() == "a module of the user"


@pytest.mark.parametrize("installed", [True, False])
def test_a_checkout_that_is_not_installed_is_still_found(tmp_path, installed):
    """Then the working folder is where the package is."""
    (tmp_path / "kreproduce").symlink_to(ROOT / "kreproduce")
    ask = "from kreproduce.system.interpreter import python; print(*python())"
    command = [sys.executable, "-S", "-c", ask]
    done = ended(command, tmp_path, PYTHONPATH=str(tmp_path) if installed else "")
    assert ("-P" in done.stdout.split()) == installed, done.stderr


def test_ray_is_not_led_to_the_working_folder(monkeypatch, folder):
    """Its workers would look for modules there first."""
    from kreproduce.sweep.ray_cluster import connect

    folders = []
    ray = types.SimpleNamespace(init=lambda **_: folders.append(Path.cwd()))
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(connect, "_check", lambda address: None)
    monkeypatch.chdir(folder)
    assert connect.connect("auto") is ray
    assert (folders, Path.cwd()) == ([Path(os.sep)], folder)


def test_a_sweeps_runs(tmp_path):
    from kreproduce.experiment.settings import resolve
    from kreproduce.runs.folder import RunFolder
    from kreproduce.sweep.plan import Job
    from kreproduce.sweep.process import run_command
    from kreproduce.sweep.ray_cluster.worker import _DIE_WITH_PARENT

    experiment = resolve({"dataset": "digits"})
    job = Job(experiment, RunFolder(tmp_path, experiment), ())
    for command in (run_command(tmp_path, None)(job), _DIE_WITH_PARENT):
        assert command[:3] == [sys.executable, "-P", "-m"]
