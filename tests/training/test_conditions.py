"""What a record says of the conditions, and what is said when a run goes on under others."""

import json
import os
import subprocess
import sys
import types

import keras
import pytest
from helpers.recorded import parsed, record_of

from kreproduce.experiment.settings import resolve
from kreproduce.training import conditions, devices, sessions
from kreproduce.training.optimizer import Keras2RMSprop


@pytest.fixture
def session():
    return parsed(record_of(resolve({"dataset": "digits"}))).sessions[0]


def under(session, **changes):
    return session.model_copy(update={"conditions": session.conditions.model_copy(update=changes)})


def test_equal_conditions_are_no_change(session):
    later = session.model_copy(update={"started": "2027-01-01T00:00:00+00:00", "epoch": 3})
    assert sessions.changes(session, later) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cores": 1}, "cores was 16 and is 1"),
        ({"threads": {"intra_op": 2}}, "threads (intra_op) was None and is 2"),
        ({"instructions": ("avx512f",)}, "instructions was ('avx2', 'fma') and is ('avx512f',)"),
        ({"floatx": "float64"}, "floatx was float32 and is float64"),
        ({"environment": {"XLA_FLAGS": "--a"}}, "XLA_FLAGS was None and is --a"),
        ({"versions": {"keras": "4"}}, "the version of keras was 3.15.1 and is 4"),
        ({"steps_per_execution": 1}, "steps_per_execution was 8 and is 1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_every_change_is_said(session, changes, said):
    assert said in sessions.changes(session, under(session, **changes))


def test_another_commit_and_an_edited_checkout_are_said(session):
    code = session.code.model_copy(update={"commit": "1" * 40, "dirty": True})
    said = sessions.changes(session, session.model_copy(update={"code": code}))
    assert said == [
        "changes since the commit was False and is True",
        f"the commit was {'0' * 40} and is {'1' * 40}",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_XLA_FLAGS", "XLA_FLAGS"),
        *("OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "NVIDIA_TF32_OVERRIDE", "TF_DETERMINISTIC_OPS"),
        *("TF_SET_ONEDNN_FPMATH_MODE", "TF_CONV2D_USE_FP16_ACCUMULATE", "GLIBC_TUNABLES"),
        *("KERAS_MAX_EPOCHS", "NPROC", "JAX_DEFAULT_MATMUL_PRECISION"),
    ],
)
def test_what_tells_a_backend_to_compute_otherwise_is_recorded(monkeypatch, name):
    monkeypatch.setenv(name, "3")
    assert conditions.environment()[name] == "3"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "TF_CLI_CONFIG_FILE",
            "TF_VAR_secret",
            "TF_DATA_DIR",
            "TF_CONFIG",
            "TF_CPP_MIN_LOG_LEVEL",
        ),
        *("CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_CACHE_PATH", "TORCH_HOME", "ONEDNN_VERBOSE"),
        *("KERAS_BACKEND", "KERAS_HOME", "XLA_PYTHON_CLIENT_PREALLOCATE", "HOME", "PATH"),
        *("TF_FORCE_GPU_ALLOW_GROWTH",),
    ],
)
def test_what_says_nothing_of_numbers_is_not(monkeypatch, name):
    monkeypatch.setenv(name, "3")
    assert name not in conditions.environment()


def test_long_values_stay_apart(monkeypatch):
    found = []
    for last in "ab":
        monkeypatch.setenv("XLA_FLAGS", "--flag " * 1000 + last)
        found.append(conditions.environment()["XLA_FLAGS"])
    assert found[0] != found[1]
    assert max(map(len, found)) <= 300


def found(device):
    """The conditions of a run that would begin now."""
    model = types.SimpleNamespace(optimizer=Keras2RMSprop())
    compiled = types.SimpleNamespace(model=model, precision="float32", xla=False)
    return conditions.conditions_of(compiled, device)


def test_what_surrounds_a_run_is_recorded_and_compared(session, monkeypatch):
    """Keras' `floatx` and `backend` are what a user's keras.json says."""
    device = devices.find("all", True)
    before = session.model_copy(update={"conditions": found(device)})
    monkeypatch.setattr(keras.config, "floatx", lambda: "float64")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4})
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "maybe")
    now = found(device)
    assert (now.floatx, now.backend, now.cores) == ("float64", "jax", 5)
    assert now.environment["TF_ENABLE_ONEDNN_OPTS"] == "maybe"
    said = sessions.changes(before, before.model_copy(update={"conditions": now}))
    names = [sentence.partition(" was ")[0] for sentence in said]
    assert {"floatx", "backend", "cores", "TF_ENABLE_ONEDNN_OPTS"} <= {*names}


FOUND = """
import json, os
from kreproduce.system import backend, scheduling
import keras
assert keras.backend.backend() == backend.name()
print(json.dumps([keras.config.floatx(), scheduling.cores()]))
"""


@pytest.mark.slow
def test_a_users_keras_json_and_cores_reach_the_record(tmp_path, monkeypatch):
    """As under `taskset --cpu-list 0`, in a process of its own."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"floatx": "float64", "backend": "tensorflow"}')
    only = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    done = subprocess.run(
        [sys.executable, "-c", only + FOUND], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["float64", 1]
