"""`kreproduce doctor`: one line per check, JSON, and 9 for a fault; none of these trains."""

import json

import pytest
from helpers.support import TWO_GPUS, says, tree

from kreproduce.data.sources import DATASETS
from kreproduce.system import gpus

LAST = "GPU                   not applicable: no NVIDIA GPU here"
no_gpu = pytest.mark.skipif(gpus.detect().has_gpu, reason="this machine has a GPU")


@pytest.fixture
def without_backend(monkeypatch):
    """Keras is told to compute with a library that is none: nothing can be trained."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflaw")


def lines(result):
    """What is said of each check, by its name."""
    *checks, total = result.output.splitlines()
    return {line[:20].rstrip(): line[22:] for line in checks} | {"": total}


@no_gpu
def test_nothing_to_check_of_a_gpu(kreproduce):
    result = kreproduce("doctor", "--gpu")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert result.output.splitlines()[-2:] == [LAST, "no faults, no warnings"]


@no_gpu
@pytest.mark.usefixtures("without_backend")
def test_a_fault_has_a_line_and_the_rest_is_checked(kreproduce):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("doctor")
    assert (result.code, result.message) == (9, "")
    said = lines(result)
    assert [name for name, text in said.items() if text.startswith("fault: ")] == ["backend"]
    assert said["backend"] == (
        "fault: KERAS_BACKEND=tensorflaw is no backend: did you mean 'tensorflow'?"
    )
    assert said["GPU"] == "not applicable: there is no backend to use one"
    assert set(DATASETS) < set(said)
    assert said[""].startswith("1 fault, ")
    assert tree(kreproduce.folder.parent) == before


@pytest.mark.usefixtures("without_backend")
def test_json(kreproduce):
    result = kreproduce("doctor", "--json")
    assert result.code == 9
    found = json.loads(result.output)
    checks = {check["name"]: check for check in found["checks"]}
    assert found["faults"] == 1
    assert checks["backend"]["state"] == "fault"
    assert checks["memory"]["values"]["memory"] > 10**8
    assert checks["digits"]["values"] == {"images": 1797, "path": None, "original": False}


@pytest.mark.usefixtures("without_backend")
def test_a_gpu_without_a_backend(kreproduce, nvidia_smi):
    nvidia_smi(says(TWO_GPUS))
    result = kreproduce("doctor", "--gpu")
    assert result.code == 9
    said = lines(result)
    assert said["driver"] == "ok: NVIDIA H200, Tesla V100-SXM2-16GB"
    assert said["backend"].startswith("fault: ")
    assert said["training step"] == "not applicable: there is no backend to train with"


def test_gpus_that_are_hidden(kreproduce, nvidia_smi, monkeypatch):
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    result = kreproduce("doctor", "--gpu")
    assert (result.code, result.imported) == (0, [])
    assert lines(result)["GPU"] == "not applicable: CUDA_VISIBLE_DEVICES hides it"


@pytest.mark.usefixtures("without_backend")
def test_a_dataset_that_is_damaged_keeps_nothing_from_being_checked(kreproduce):
    (kreproduce.folder / "data").mkdir()
    (kreproduce.folder / "data" / "malaria.kreproduce.npz").write_bytes(b"PK\x03\x04")
    said = lines(kreproduce("doctor", "--data-dir", "data"))
    assert said["malaria"].startswith("fault: data/malaria.kreproduce.npz is damaged or no cache")
    assert said["cifar10"].endswith("run `kreproduce data prepare cifar10 --data-dir data`")
    assert said[""].startswith("2 faults, ")


@pytest.mark.slow
def test_a_silent_cpu_is_found(kreproduce, nvidia_smi):
    """By TensorFlow itself, which sees none of what nvidia-smi lists."""
    nvidia_smi(says(TWO_GPUS))
    result = kreproduce("doctor", "--gpu")
    assert (result.code, result.imported) == (9, [])
    said = lines(result)
    assert said["devices"].startswith("fault: this machine has 2 NVIDIA GPUs (NVIDIA H200, ")
    assert said["GPU"] == "not applicable: the backend sees none"
