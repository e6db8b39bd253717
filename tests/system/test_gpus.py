"""The GPUs of this machine, with an nvidia-smi that is a script in PATH."""

import errno
import os

import pytest
from helpers.support import TWO_GPUS, says

from kreproduce.system import gpus
from kreproduce.system.gpus import Machine

DIVIDED = """GPU 0: NVIDIA H200 (UUID: GPU-11111111-0000-1111-2222-333344445555)
  MIG 1g.18gb     Device  0: (UUID: MIG-22222222-0000-1111-2222-333344445555)
  MIG 1g.18gb     Device  1: (UUID: MIG-GPU-33333333-0000-1111-2222-333344445555/1/0)
GPU 1: NVIDIA H200 (UUID: GPU-44444444-0000-1111-2222-333344445555)
"""


@pytest.fixture(autouse=True)
def devices(tmp_path_factory, monkeypatch):
    """A folder in the place of /dev; this machine's own and its variables are out of sight."""
    folder = tmp_path_factory.mktemp("dev")
    monkeypatch.setattr(gpus, "_DEVICE_FILES", folder)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return folder


def test_by_their_uuids(nvidia_smi):
    nvidia_smi(says(TWO_GPUS))
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
    ["echo no devices were found >&2; exit 6", says("No devices found."), says("")],
    ids=["fails", "finds none", "silent"],
)
def test_none(nvidia_smi, body):
    nvidia_smi(body)
    assert gpus.visible() == []


def test_a_driver_that_hangs(nvidia_smi, monkeypatch):
    monkeypatch.setattr(gpus, "_PATIENCE", 0.2)
    nvidia_smi("exec sleep 30")
    assert gpus.visible() == []


def test_no_nvidia_smi(monkeypatch, tmp_path):
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
        ("NoDevFiles", []),
    ],
)
def test_what_the_user_has_chosen(nvidia_smi, monkeypatch, chosen, seen):
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.visible() == seen


def test_what_a_machine_with_gpus_has(nvidia_smi):
    nvidia_smi(says(TWO_GPUS))
    machine = gpus.detect()
    assert [gpu.name for gpu in machine.gpus] == ["NVIDIA H200", "Tesla V100-SXM2-16GB"]
    assert (machine.fault, machine.chosen) == (None, None)
    assert machine.expects_gpu


def test_the_parts_of_a_divided_one_are_called_as_the_whole(nvidia_smi):
    nvidia_smi(says(DIVIDED))
    assert {gpu.name for gpu in gpus.detect().gpus} == {"NVIDIA H200"}


def test_a_machine_without_gpus(monkeypatch, tmp_path, devices):
    """Other files of the driver's are no GPU; nor is one that only a variable names."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (devices / "nvidiactl").touch()
    assert gpus.detect() == Machine(fault="there is no nvidia-smi")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert not gpus.detect().expects_gpu


@pytest.mark.parametrize("hidden", ["", "-1", "-1,0", "NoDevFiles", "none", "void"])
def test_who_hides_the_gpus_expects_none(nvidia_smi, monkeypatch, hidden):
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    machine = gpus.detect()
    assert machine.has_gpu
    assert not machine.expects_gpu


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            r"printf '\nFailed to initialize NVML: \033[1mDriver/library mismatch'; exit 18",
            "nvidia-smi says: Failed to initialize NVML: ?[1mDriver/library mismatch",
        ),
        ("echo No devices >&2; exit 6", "nvidia-smi says: No devices"),
        ("", "nvidia-smi lists none"),
        ("exec sleep 30", "nvidia-smi has not answered within 0.2 s"),
    ],
    ids=["mismatch", "no devices", "silent", "hangs"],
)
def test_a_driver_that_lists_none_of_the_gpus_that_are_there(
    nvidia_smi, devices, monkeypatch, body, fault
):
    monkeypatch.setattr(gpus, "_PATIENCE", 0.2 if "sleep" in body else 20)
    nvidia_smi(body)
    (devices / "nvidia0").touch()
    machine = gpus.detect()
    assert machine == Machine((), fault, (str(devices / "nvidia0"),))
    assert machine.expects_gpu


@pytest.mark.parametrize(("refusal", "expected"), [(errno.EPERM, False), (errno.EACCES, True)])
def test_a_gpu_that_a_scheduler_withholds_is_not_there(
    nvidia_smi, devices, monkeypatch, refusal, expected
):
    """As of a job that asked for none; but one that the user has no rights to is."""
    nvidia_smi("echo No devices were found; exit 6")
    (devices / "nvidia0").touch()
    own = os.open

    def refused(path, *arguments, **options):
        if str(path).startswith(str(devices)):
            raise OSError(refusal, os.strerror(refusal), str(path))
        return own(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refused)
    assert gpus.detect().expects_gpu == expected


def test_the_memory_is_that_of_the_gpu_with_the_least(nvidia_smi):
    nvidia_smi('test "$1" = --query-gpu=memory.total && echo 81559 && echo 16384')
    assert gpus.memory() == 16_384 * 2**20


@pytest.mark.parametrize("body", ["exit 9", "echo '[N/A]'", "true"])
def test_a_memory_that_is_not_told_is_unknown(nvidia_smi, body):
    nvidia_smi(body)
    assert gpus.memory() is None


def test_without_the_tool_the_memory_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.memory() is None
