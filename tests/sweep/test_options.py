"""What several runs at a time on a machine are refused: GPUs that nothing lists."""

import pytest

from kreproduce.errors import SettingsError
from kreproduce.sweep.options import Placement
from kreproduce.system import gpus, unseen_gpus


@pytest.fixture
def unlisted(monkeypatch, tmp_path):
    """A machine with two GPUs, which a backend sees, and without nvidia-smi, as in a container."""
    for number in (0, 1):
        (tmp_path / f"nvidia{number}").touch()
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    monkeypatch.setattr(unseen_gpus, "check_soon", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_gpus_that_nothing_lists_are_not_dealt_out(unlisted):
    """Each run would take all of them."""
    with pytest.raises(SettingsError, match=r"--jobs 2: the GPUs .*there is no nvidia-smi"):
        Placement(jobs=2).check()
    for alone in (Placement(), Placement(jobs=1), Placement(jobs=2, devices="cpu")):
        alone.check()


@pytest.mark.parametrize("named", ["0,1", ""])
def test_gpus_that_are_named_or_hidden_are(unlisted, monkeypatch, named):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    Placement(jobs=2).check()
