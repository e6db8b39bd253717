"""The GPUs and their driver, with an nvidia-smi that is a script in PATH."""

import pytest
from helpers.support import TWO_GPUS

from kreproduce.doctor import driver
from kreproduce.system import gpus

ASKED = """case "$1" in
-L) cat <<'END'
{}END
;;
--query-gpu=driver_version,memory.total) {};;
*) exit 64;;
esac"""
ANSWER = "printf '580.65.06, 143771\\n580.65.06, 16384\\n'"


@pytest.fixture(autouse=True)
def dev(tmp_path, monkeypatch):
    """A folder in the place of /dev."""
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def check():
    return driver.check_driver(gpus.detect())


def test_two(nvidia_smi):
    nvidia_smi(ASKED.format(TWO_GPUS, ANSWER))
    found = check()
    assert found.state == "ok"
    assert found.found == "NVIDIA H200, Tesla V100-SXM2-16GB, driver 580.65.06, 16,384 MiB"
    assert (found.values["gpus"], found.values["driver"]) == (2, "580.65.06")
    assert driver.expected(gpus.detect()) == 2


@pytest.mark.parametrize("answer", ["exit 9", "echo", "echo one, two, three", "exec sleep 30"])
def test_a_driver_that_says_nothing_of_itself(nvidia_smi, monkeypatch, answer):
    monkeypatch.setattr(driver, "_PATIENCE", 0.3)
    nvidia_smi(ASKED.format(TWO_GPUS, answer))
    found = check()
    assert (found.state, found.found) == ("ok", "NVIDIA H200, Tesla V100-SXM2-16GB")


@pytest.mark.parametrize(
    ("version", "state"), [("525.60.13", "ok"), ("525.53", "fault"), ("470.256.02", "fault")]
)
def test_a_driver_that_is_too_old(nvidia_smi, version, state):
    nvidia_smi(ASKED.format(TWO_GPUS, f"echo {version}, 16384"))
    found = check()
    assert found.state == state
    if state == "fault":
        assert found.sentence.endswith("which is too old; update it to 525.60")


def test_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = check()
    assert (found.state, found.sentence) == ("not applicable", "no NVIDIA GPU here")


@pytest.mark.parametrize("files", [0, 1])
def test_a_driver_that_hangs(nvidia_smi, monkeypatch, dev, files):
    """Where the system knows of a GPU that is a fault; elsewhere perhaps there is none."""
    if files:
        (dev / "nvidia0").touch()
    monkeypatch.setattr(gpus, "_PATIENCE", 0.3)
    nvidia_smi("exec sleep 30")
    found = check()
    assert found.state == ("fault" if files else "warning")
    assert "nvidia-smi has not answered within" in found.found
    assert "until `nvidia-smi` lists the GPU" in found.remedy


def test_a_gpu_without_nvidia_smi(monkeypatch, dev):
    (dev / "nvidia0").touch()
    monkeypatch.setenv("PATH", str(dev))
    found = check()
    assert found.state == "warning"
    assert driver.expected(gpus.detect()) == 1


@pytest.mark.parametrize(("chosen", "number"), [("1", 1), ("0,1", 2), ("", 0), ("-1", 0)])
def test_what_is_chosen(nvidia_smi, monkeypatch, chosen, number):
    nvidia_smi(ASKED.format(TWO_GPUS, ANSWER))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert driver.expected(gpus.detect()) == number
    assert check().state == ("ok" if number else "warning")
