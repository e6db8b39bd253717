"""A backend that is not there is refused before anything slow."""

import importlib.util
import os
import subprocess
import sys

import pytest

from kreproduce.errors import SettingsError
from kreproduce.system import backend


@pytest.fixture
def installed(monkeypatch):
    def only(*names):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in names or None)

    return only


def test_what_is_installed_is_taken(monkeypatch, installed):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    installed("tensorflow", "torch")
    backend.check()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    backend.check()


@pytest.mark.parametrize(
    ("there", "way_out"),
    [(("torch",), "or set KERAS_BACKEND=torch"), ((), "or jax, or torch")],
)
def test_a_missing_one_is_named_with_the_way_out(monkeypatch, installed, there, way_out):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    installed(*there)
    with pytest.raises(SettingsError, match=f"^tensorflow is not installed: .*, {way_out}$"):
        backend.check()


@pytest.fixture
def keras_json(monkeypatch, tmp_path):
    """A user's keras.json, without a variable that has precedence."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def test_the_users_keras_json_names_one(keras_json, monkeypatch, installed):
    installed("tensorflow")
    assert backend.name() == "tensorflow"
    keras_json.write_text('{"backend": "jax", "floatx": "float32"}')
    assert backend.name() == "jax"
    missing = rf"^jax is not installed \(backend in {keras_json}\): .*set KERAS_BACKEND=tensorflow$"
    with pytest.raises(SettingsError, match=missing):
        backend.check()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    backend.check()


@pytest.mark.parametrize("content", ["", "[]", "{}", "1", "[" * 100_000, "\x00"])
def test_a_keras_json_that_says_nothing(content, keras_json):
    keras_json.write_text(content)
    assert backend.name() == "tensorflow"


def test_a_keras_json_is_found_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"backend": "torch"}')
    assert backend.name() == "torch"


def test_the_command_line_refuses_an_unknown_one(kreproduce, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflaw")
    refused = kreproduce("run", "digits")
    assert (refused.code, refused.imported) == (2, [])
    assert "KERAS_BACKEND=tensorflaw is no backend: did you mean 'tensorflow'?" in refused.message
    assert list(kreproduce.folder.iterdir()) == []


def test_what_a_user_says_of_onednn_is_left(monkeypatch):
    monkeypatch.setattr(backend.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    backend.tune()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    backend.tune()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_only_what_trains_nothing_has_onednns_caller_take_part(monkeypatch):
    """A run's record names the variable, by which it would match no earlier one."""
    monkeypatch.setattr(backend.platform, "machine", lambda: "x86_64")
    name = "TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD"
    monkeypatch.setenv(name, "")
    monkeypatch.delenv(name)
    backend.tune()
    assert name not in os.environ
    backend.tune(inference=True)
    assert os.environ[name] == "1"
    monkeypatch.setenv(name, "0")
    backend.tune(inference=True)
    assert os.environ[name] == "0"


LOCKED = """
import fcntl, sys
from kreproduce.system import backend
backend.tune()
import h5py
with open(sys.argv[1], "w") as other:
    fcntl.flock(other, fcntl.LOCK_EX)
    h5py.File(sys.argv[1], "w").close()
"""


def test_hdf5_asks_for_no_lock(tmp_path, monkeypatch):
    """It would fail where the file system has none, as it does where another has the lock."""
    command = [sys.executable, "-c", LOCKED, str(tmp_path / "a.h5")]
    for said, code in ((None, 0), ("TRUE", 1)):  # what a user says is left
        monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
        if said:
            monkeypatch.setenv("HDF5_USE_FILE_LOCKING", said)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert ("unable to lock file" in done.stderr) == bool(code)
