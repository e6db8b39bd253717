"""What a run computes on under the active Keras backend, where the machine has GPUs.

`KERAS_BACKEND` chooses which; nvidia-smi is a script.
"""

import types

import keras
import numpy as np
import pytest
from helpers.support import TWO_GPUS, says

from kreproduce.errors import SettingsError
from kreproduce.system import unseen_gpus
from kreproduce.training import devices

BACKEND = keras.backend.backend()


@pytest.fixture
def two_gpus(nvidia_smi, monkeypatch):
    """The machine has them; the backend sees none, for there are none of these."""
    for variable in ("JAX_PLATFORMS", "KERAS_TORCH_DEVICE"):
        monkeypatch.delenv(variable, raising=False)
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1b2c3d4e")


@pytest.mark.parametrize("choice", ["all", "1", "0,1"])
def test_gpus_that_the_backend_does_not_see_are_no_reason_to_take_the_cpu(two_gpus, choice):
    with pytest.raises(SettingsError, match=r"this machine has 2 NVIDIA GPUs .*--devices cpu$"):
        devices.find(choice)


def test_the_cpu_is_taken_when_it_is_asked_for(two_gpus):
    found = devices.find("cpu")
    assert (found.gpu, len(found.names), found.deterministic) == (False, 1, True)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)


def test_who_hides_the_gpus_has_asked_for_the_cpu(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert devices.find().gpu is False


@pytest.mark.slow
def test_a_process_of_its_own_sees_as_little(two_gpus):
    with pytest.raises(SettingsError, match="this machine has 2 NVIDIA GPUs"):
        unseen_gpus.check_soon()


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's devices")
def test_the_cpu_is_taken_where_jax_sees_a_gpu(monkeypatch):
    import jax

    gpu = types.SimpleNamespace(platform="gpu", device_kind="NVIDIA H200")
    real = jax.devices
    monkeypatch.setattr(jax, "devices", lambda kind=None: real(kind) if kind else [gpu])
    assert devices.find("1").names == ("NVIDIA H200",)
    before = jax.config.jax_platforms, jax.config.jax_default_device
    try:
        found = devices.find("cpu")
        assert (jax.config.jax_platforms, jax.config.jax_default_device.platform) == ("cpu",) * 2
    finally:
        for name, value in zip(("jax_platforms", "jax_default_device"), before, strict=True):
            jax.config.update(name, value)
    assert found.gpu is False
    assert "NVIDIA H200" not in found.names


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's devices")
@pytest.mark.parametrize(
    ("choice", "taken"),
    [("all", [0, 1, 2]), ("2", [0, 1]), ("1", [0]), ("1,2", [1, 2]), ("2,", [2])],
)
def test_the_batch_is_shared_among_the_gpus_that_were_chosen(monkeypatch, choice, taken):
    """Under JAX, by Keras, from here on; a batch is normalised as a whole, asked for or not."""
    import jax

    there = [
        types.SimpleNamespace(platform="gpu", device_kind=f"GPU {i}", id=i + 4) for i in range(3)
    ]
    told = {}
    monkeypatch.setattr(jax, "devices", lambda kind=None: there)
    monkeypatch.setattr(jax.config, "update", told.__setitem__)
    monkeypatch.setattr(
        keras.distribution, "DataParallel", lambda devices, auto_shard_dataset: devices
    )
    monkeypatch.setattr(
        keras.distribution, "set_distribution", lambda shared: told.update(shared=shared)
    )
    found = devices.find(choice)
    names = tuple(f"gpu:{i + 4}" for i in taken)
    several = len(taken) > 1
    assert (found.gpu, found.names) == (True, tuple(f"GPU {i}" for i in taken))
    assert (found.replicas, found.sync_batch_norm) == (len(taken), several)
    assert found.mirrored == (names if several else ())
    assert told.pop("shared") == (list(names) if several else None)
    assert told == ({"jax_default_device": there[taken[0]]} if taken[0] else {})


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's devices")
def test_devices_that_are_not_there_are_refused():
    with pytest.raises(SettingsError, match=r"this machine has 1 device to train on \(CPU\)"):
        devices.find("2")
