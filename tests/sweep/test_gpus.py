"""The GPUs that are visible, with an nvidia-smi that is a script in PATH."""

import os
import sys

import pytest

from kreproduce.sweep import gpus

TWO = """GPU 0: NVIDIA H200 (UUID: GPU-1b2c3d4e-0000-1111-2222-333344445555)
GPU 1: Tesla V100-SXM2-16GB (UUID: GPU-aaaaaaaa-0000-1111-2222-333344445555)
"""
DIVIDED = """GPU 0: NVIDIA H200 (UUID: GPU-11111111-0000-1111-2222-333344445555)
  MIG 1g.18gb     Device  0: (UUID: MIG-22222222-0000-1111-2222-333344445555)
  MIG 1g.18gb     Device  1: (UUID: MIG-GPU-33333333-0000-1111-2222-333344445555/1/0)
GPU 1: NVIDIA H200 (UUID: GPU-44444444-0000-1111-2222-333344445555)
"""


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Puts a script of this name before everything else in PATH."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(body):
        script = tmp_path / "nvidia-smi"
        script.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
        script.chmod(0o755)

    return write


def says(text):
    return f"assert sys.argv[1:] == ['-L']\nprint({text!r})"


def test_by_their_uuids(nvidia_smi):
    nvidia_smi(says(TWO))
    assert gpus.visible() == [
        "GPU-1b2c3d4e-0000-1111-2222-333344445555",
        "GPU-aaaaaaaa-0000-1111-2222-333344445555",
    ]


def test_the_parts_of_a_divided_one(nvidia_smi):
    nvidia_smi(says(DIVIDED))
    assert [name[:16] for name in gpus.visible()] == [
        "MIG-22222222-000",
        "MIG-GPU-33333333",
        "GPU-44444444-000",
    ]


@pytest.mark.parametrize(
    "body",
    ["sys.exit('no devices were found')", says("No devices found."), says("")],
    ids=["fails", "finds none", "silent"],
)
def test_none(nvidia_smi, body):
    nvidia_smi(body)
    assert gpus.visible() == []


def test_a_driver_that_hangs(nvidia_smi, monkeypatch):
    monkeypatch.setattr(gpus, "_PATIENCE", 0.2)
    nvidia_smi("time.sleep(30)")
    assert gpus.visible() == []


def test_no_nvidia_smi(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible() == []


@pytest.mark.parametrize(
    ("chosen", "seen"),
    [
        ("0,2", ["0", "2"]),
        ("GPU-1b2c", ["GPU-1b2c"]),
        (" 3 , 1 ", ["3", "1"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),
    ],
)
def test_what_the_user_has_chosen(nvidia_smi, monkeypatch, chosen, seen):
    nvidia_smi(says(TWO))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.visible() == seen
