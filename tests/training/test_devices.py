"""Which devices a run takes."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from helpers.support import TWO_GPUS, says

from kreproduce.data.dataset import Subset
from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.system import nvidia, scheduling
from kreproduce.training import devices
from kreproduce.training.devices import Devices
from kreproduce.training.out_of_memory import is_out_of_memory


@pytest.fixture
def gpus(monkeypatch):
    """Makes TensorFlow see so many GPUs; gives what was made visible."""
    visible = []
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda found, kind: visible.extend(found))
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": f"An {gpu}"}
    )

    def see(number):
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind: [f"{kind}-{i}" for i in range(number)]
        )
        return visible

    return see


@pytest.mark.parametrize(
    ("choice", "taken"),
    [("all", [0, 1, 2]), ("2", [0, 1]), ("1", [0]), ("1,2", [1, 2]), ("2,", [2])],
)
def test_the_batch_is_shared_among_the_gpus_that_were_chosen(gpus, choice, taken):
    visible = gpus(3)
    found = devices.find(choice)
    assert visible == [f"GPU-{i}" for i in taken]
    assert found.gpu
    assert found.names == tuple(f"An GPU-{i}" for i in taken)
    assert found.replicas == len(taken)
    expected = tuple(f"GPU:{i}" for i in range(len(taken))) if len(taken) > 1 else ()
    assert found.mirrored == expected  # TensorFlow numbers those that are visible
    assert found.deterministic is False  # fast, unless asked for
    assert found.tensor_float_32 is True


@pytest.mark.parametrize("choice", ["4", "0", "3,", "0,0", "", ",", "-1", "one", "1;2", "9" * 99])
def test_devices_that_are_not_there_are_refused(gpus, choice):
    gpus(3)
    with pytest.raises(SettingsError, match="--devices"):
        devices.find(choice)


def test_the_cpu_is_taken_where_there_are_gpus(gpus, monkeypatch):
    visible = gpus(3)
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda found, kind: visible.append((found, kind))
    )
    found = devices.find("cpu")
    assert visible == [([], "GPU")]
    assert (found.gpu, found.replicas, found.deterministic) == (False, 1, True)
    assert not any("GPU-" in name for name in found.names)


def test_nvidias_libraries_are_loaded_before_tensorflow_looks_for_gpus(monkeypatch):
    """In the processes of `bench parallel`, too, which no command line has tuned."""
    done = []
    monkeypatch.setattr(nvidia, "load_libraries", lambda: done.append("loaded"))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: done.append("looked"))
    devices.sees_gpu()
    assert done == ["loaded", "looked"]


def test_a_gpu_that_tensorflow_does_not_see_is_no_reason_to_take_the_cpu(gpus, nvidia_smi):
    nvidia_smi(says(TWO_GPUS))
    gpus(0)
    for choice in ("all", "1"):
        with pytest.raises(SettingsError, match=r"this machine has 2 NVIDIA GPUs .*--devices cpu"):
            devices.find(choice)
    assert devices.find("cpu").gpu is False
    gpus(1)
    assert devices.find().gpu


def test_a_variable_says_how_many_threads_there_are(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "none")
    assert devices.threads() == {"intra_op": 7, "inter_op": len(os.sched_getaffinity(0))}


def test_without_a_gpu_it_is_the_cpu_and_deterministic():
    found = devices.find()
    assert (found.gpu, found.replicas, found.deterministic) == (False, 1, True)
    assert len(found.names) == 1
    assert devices.find(deterministic=False).deterministic is False
    with pytest.raises(SettingsError, match="this machine has 1 device to train on \\(CPU\\)"):
        devices.find("2")


@pytest.mark.parametrize(
    ("batch_size", "replicas", "nearest"), [(64, 3, 63), (1, 2, 2), (65, 2, 64), (5, 4, 4)]
)
def test_a_batch_that_cannot_be_shared_is_refused(batch_size, replicas, nearest):
    several = Devices(True, ("A",) * replicas, tuple(f"GPU:{i}" for i in range(replicas)))
    with pytest.raises(SettingsError, match=f"nearest that can is --set batch_size={nearest},"):
        devices.check_batch(batch_size, 10 * batch_size, several)
    devices.check_batch(replicas * 7, replicas * 7 * 3, several)


@pytest.mark.parametrize("images", [67, 70, 70 + 8 * 9, 5, 7])
def test_a_last_batch_that_leaves_a_device_with_nothing_is_refused(images):
    several = Devices(True, ("A",) * 4, tuple(f"GPU:{i}" for i in range(4)))
    with pytest.raises(SettingsError, match=f"the last has {images % 8}, which 4 devices cannot"):
        devices.check_batch(8, images, several)


@pytest.mark.parametrize(
    ("validation", "test", "last"), [(11, 12, 44), (12, 8, 8), (12, 12, None)], ids=str
)
def test_all_batches_of_a_run_are_looked_at_before_it_begins(monkeypatch, validation, test, last):
    """Four views of each image validate here; what is shown last is the test."""
    from kreproduce.training import learner

    class CompiledError(LookupError):
        """As far as it need come."""

    def compile_model(*_, **__):
        raise CompiledError

    def images(number):
        return Subset(np.zeros((number, 8, 8, 3), "uint8"), np.zeros(number, "int32"))

    monkeypatch.setattr(learner, "compile_model", compile_model)
    experiment = resolve({"dataset": "digits", "batch_size": 6, "validation": "fourfold"})
    data = SimpleNamespace(train=images(18), validation=images(validation), test=images(test))
    three = Devices(True, ("A",) * 3, tuple(f"GPU:{i}" for i in range(3)))
    with pytest.raises(SettingsError if last else CompiledError) as found:
        learner.NetworkLearner(experiment, data, three, None)
    assert not last or f"of {last} images in batches of 6 the last has 2" in str(found.value)


def test_images_stay_on_gpus_that_have_the_memory(monkeypatch):
    gpu = Devices(True, ("A",))
    monkeypatch.setattr(devices.gpus, "memory", lambda: 8000)
    assert gpu.keep(1000)
    assert not gpu.keep(1001)
    assert not Devices(False, ("A",)).keep(1)  # where the host's memory is the device's
    assert not Devices(True, ("A",), deterministic=True).keep(1)  # where nothing is compiled
    monkeypatch.setattr(devices.gpus, "memory", lambda: None)
    assert not gpu.keep(1)


def test_the_steps_between_two_returns_to_python():
    """Of a GPU as a bench chose them; eight where none did."""
    assert Devices(True, ("A",)).steps_per_execution == 8
    assert Devices(True, ("A",), steps_at_once=2).steps_per_execution == 2
    assert Devices(False, ("A",)).steps_per_execution == 1


@pytest.mark.parametrize(("force", "steps"), [(False, 5), (True, 8)], ids=str)
def test_a_run_that_goes_on_keeps_the_steps_of_its_last_session(
    monkeypatch, tmp_path, force, steps
):
    from kreproduce.training import learner, lifecycle, run_experiment

    experiment = resolve({"dataset": "digits"})
    conditions = {"devices": ["A"], "backend": "tensorflow", "steps_per_execution": 5}
    path = RunFolder(tmp_path, experiment).path
    path.mkdir(parents=True)
    (path / "settings.json").write_text(json.dumps({"session": {"conditions": conditions}}))
    taken = []
    monkeypatch.setattr(scheduling, "keep_memory", lambda: None)
    monkeypatch.setattr(devices, "find", lambda *_: Devices(True, ("A",)))
    monkeypatch.setattr(learner, "NetworkLearner", lambda e, images, found, i: taken.append(found))
    monkeypatch.setattr(lifecycle, "run", lambda f, s, learner_of, r, force: learner_of(None, None))
    run_experiment.run_experiment(experiment, results=tmp_path, force=force)
    assert [found.steps_per_execution for found in taken] == [steps]


def test_batches_are_filled_up_where_xla_compiles_and_no_replica_gets_only_filling():
    one, two = ("A",), ("A", "A")
    assert Devices(True, one).fills_up
    assert not Devices(True, one, deterministic=True).fills_up  # TensorFlow then compiles nothing
    assert not Devices(True, two, ("GPU:0", "GPU:1")).fills_up
    assert not Devices(False, one).fills_up


@pytest.mark.parametrize("images", [64, 68, 71, 45_000, 4])
def test_a_smaller_last_batch_is_shared(images):
    several = Devices(True, ("A",) * 4, tuple(f"GPU:{i}" for i in range(4)))
    devices.check_batch(8, images, several)


def test_out_of_memory_is_known_by_what_the_backends_raise():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "full"))
    assert is_out_of_memory(ValueError("RESOURCE_EXHAUSTED: Out of memory allocating"))
    assert not is_out_of_memory(ValueError("memory"))


def test_a_cpu_is_deterministic_unless_speed_is_asked_for():
    """In a process of its own: what is asked for cannot be taken back."""
    script = (
        "from kreproduce.training import devices; "
        "from tensorflow.python.framework.config import is_op_determinism_enabled as enabled; "
        "devices.find(deterministic=False); "
        "assert not enabled(); devices.find(); "
        "assert enabled()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
