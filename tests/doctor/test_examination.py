"""What is looked at when, and that what one check stumbles over is its own fault alone."""

import errno
import os
import tempfile

import pytest
from helpers.support import TWO_GPUS, says

from kreproduce.doctor import computing, examination, gpu
from kreproduce.doctor.check import Check
from kreproduce.doctor.computing import Computing
from kreproduce.doctor.worker import Step, Surroundings
from kreproduce.errors import StorageError

SEEN = Surroundings(
    backend="tensorflow",
    refused="",
    gpu=True,
    devices=("NVIDIA H200",) * 2,
    threads={},
    environment={},
)
STEP = Step(
    network="v2-16ch", batch=64, precision="mixed_float16", xla=True, seconds=0.01, first=9.0
)
OK = Check("training", "ok", "done")


@pytest.fixture
def on_a_gpu(nvidia_smi, monkeypatch):
    """What is examined where the backend says that it sees the GPUs; nothing is trained."""
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr(computing, "compute", lambda: Computing(SEEN, STEP, ""))
    monkeypatch.setattr(gpu, "check_gpu", lambda *_: iter([OK]))
    monkeypatch.setattr(gpu, "check_sharing", lambda: Check("sharing", "ok", "done"))

    def examined(tmp_path):
        return {check.name: check for check in examination.examine(tmp_path, None, gpu_only=True)}

    return examined


def test_the_part_for_a_gpu(on_a_gpu, tmp_path):
    found = on_a_gpu(tmp_path)
    assert list(found) == ["driver", "devices", "threads", "training step", "training", "sharing"]
    assert {check.state for check in found.values()} == {"ok"}


def test_a_gpu_that_the_backend_does_not_see(on_a_gpu, tmp_path, monkeypatch):
    blind = SEEN.model_copy(update={"gpu": False, "refused": "TensorFlow sees none"})
    monkeypatch.setattr(computing, "compute", lambda: Computing(blind, None, ""))
    found = on_a_gpu(tmp_path)
    assert found["devices"].state == "fault"
    assert found["GPU"].sentence == "the backend sees none"
    assert "sharing" not in found


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), StorageError("it is full")]
)
def test_no_room_for_short_trainings(on_a_gpu, tmp_path, monkeypatch, error):
    def refuse(**_):
        raise error

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    found = on_a_gpu(tmp_path)
    assert found["training"].state == "fault"
    assert found["training"].remedy == "set TMPDIR to a folder with 1 GB free"
    assert found["sharing"].state == "ok"


def test_no_further_process(on_a_gpu, tmp_path, monkeypatch):
    def refuse():
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(computing, "compute", refuse)
    found = on_a_gpu(tmp_path)
    assert found["devices"].state == "fault"
    assert os.strerror(errno.EAGAIN) in found["devices"].found


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "/data/x: Permission"),
        (StorageError("the disk is full"), "the disk is full"),
        (MemoryError(), "the memory does not take its images"),
        (ImportError("No module named 'sklearn'", name="sklearn"), "the package sklearn cannot"),
    ],
)
def test_what_a_check_stumbles_over(error, said):
    def check():
        raise error

    found = examination._guarded("malaria", check)
    assert (found.name, found.state) == ("malaria", "fault")
    assert found.found.startswith(said)


def test_a_bug_stays_a_bug():
    def check():
        raise KeyError("images")

    with pytest.raises(KeyError):
        examination._guarded("malaria", check)
