"""NVIDIA's libraries are loaded before TensorFlow looks for them, in the order of their needs."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kreproduce.bench import parallel
from kreproduce.system import backend, nvidia, scheduling

SOLVER = "cusolver/lib/libcusolver.so.11"
JIT = "nvjitlink/lib/libnvJitLink.so.12"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An environment with some of the libraries, and what is loaded of them."""
    loaded = []
    for name in (SOLVER, JIT):
        path = tmp_path / "nvidia" / name
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(ctypes, "CDLL", lambda path: loaded.append(Path(path)))
    return tmp_path / "nvidia", loaded


def test_each_after_those_that_it_needs(installed):
    folder, loaded = installed
    nvidia.load_libraries()
    assert loaded == [folder / JIT, folder / SOLVER]


def test_one_that_cannot_be_loaded_stops_nothing(installed, monkeypatch):
    tried = []

    def fail(path):
        tried.append(path)
        raise OSError("wrong ELF class")

    monkeypatch.setattr(ctypes, "CDLL", fail)
    nvidia.load_libraries()
    assert len(tried) == 2


@pytest.mark.parametrize(("chosen", "number"), [("tensorflow", 2), ("jax", 0), ("torch", 0)])
def test_only_tensorflow_needs_it(installed, monkeypatch, chosen, number):
    """JAX and PyTorch load their own."""
    monkeypatch.setenv("KERAS_BACKEND", chosen)
    backend.tune()
    assert len(installed[1]) == number


def test_trainings_at_once_load_them_too(installed, monkeypatch):
    """Each in a process of its own, which `backend.tune` in the first one does not reach."""

    def begin():
        raise InterruptedError

    monkeypatch.setattr(scheduling, "use_batch_policy", begin)
    with pytest.raises(InterruptedError):
        parallel._train(None, "all", 1.0)
    assert len(installed[1]) == 2


@pytest.mark.skipif(
    not (sys.platform == "linux" and shutil.which("cc")), reason="a library is compiled"
)
def test_what_is_loaded_is_found_by_its_name(tmp_path):
    """As TensorFlow asks for it: by the name alone, which is on no path."""
    path = tmp_path / "nvidia" / SOLVER
    path.parent.mkdir(parents=True)
    source = tmp_path / "solver.c"
    source.write_text("int version(void) { return 11; }\n")
    own = f"-Wl,-soname,{path.name}"
    subprocess.run(["cc", "-shared", "-fPIC", own, "-o", path, source], check=True)
    script = """
import ctypes, sys
from kreproduce.system import backend
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "tuned":
    backend.tune()
print(ctypes.CDLL("libcusolver.so.11").version())
"""
    own = os.environ | {"KERAS_BACKEND": "tensorflow"}
    for how, found in (("tuned", "11\n"), ("bare", "")):
        command = [sys.executable, "-c", script, str(tmp_path), how]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=own)
        assert done.stdout == found, done.stderr
