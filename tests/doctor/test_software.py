"""Versions, the user's keras.json, and a backend that is missing."""

import importlib.util
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from kreproduce.doctor import software


@pytest.fixture
def keras_json(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def test_versions_are_those_installed():
    check = software.check_versions()
    assert check.state == "ok"
    assert check.values["keras"] == version("keras")
    assert f"keras {version('keras')}" in check.found


def test_a_package_that_is_not_there_is_a_fault(monkeypatch):
    def missing(name):
        if name == "keras":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(software, "version", missing)
    check = software.check_versions()
    assert (check.state, check.values["keras"]) == ("fault", None)
    assert check.found.endswith(", and no keras")


GOOD = ['{"backend": "tensorflow"}', "{}", '{"image_data_format": "channels_first"}']
PASSED_OVER = ["", "\x00", "{'backend': 1}"]
REFUSED = [
    *("[]", "1", '"jax"', '{"floatx": "half"}', '{"epsilon": 1}', '{"epsilon": null}'),
    '{"image_data_format": "rows"}',
]
KERAS = """
import importlib.util, runpy, sys
from unittest.mock import MagicMock
folder = importlib.util.find_spec("keras").submodule_search_locations[0]
other = MagicMock(keras_export=lambda *_: lambda function: function)
for name in ("", ".src", ".src.api_export", ".src.backend", ".src.backend.common"):
    sys.modules["keras" + name] = other
runpy.run_path(folder + "/src/backend/config.py")
"""


@pytest.mark.parametrize("content", GOOD)
def test_a_keras_json_that_keras_takes(content, keras_json):
    keras_json.write_text(content)
    assert software.check_keras_settings().state == "ok"


@pytest.mark.parametrize("content", PASSED_OVER)
def test_one_that_keras_passes_over(content, keras_json):
    keras_json.write_text(content)
    check = software.check_keras_settings()
    assert check.state == "warning"
    assert str(keras_json) in check.sentence


@pytest.mark.parametrize("content", [*REFUSED, "[" * 100_000])
def test_one_with_which_keras_is_not_imported(content, keras_json):
    keras_json.write_text(content)
    check = software.check_keras_settings()
    assert check.state == "fault"
    assert "with which Keras cannot be imported; mend it, or move it away" in check.sentence


@pytest.mark.parametrize("content", [*GOOD, *PASSED_OVER, *REFUSED])
def test_keras_is_of_the_same_opinion(content, keras_json):
    """By the file of Keras' own that reads it, which alone takes seconds less than all of Keras."""
    keras_json.write_text(content)
    expected = software.check_keras_settings().state != "fault"
    done = subprocess.run([sys.executable, "-c", KERAS], capture_output=True, check=False)
    assert (done.returncode == 0) == expected, done.stderr


def test_a_folder_in_its_place(keras_json):
    keras_json.mkdir()
    check = software.check_keras_settings()
    assert check.state == "fault"
    assert "cannot be read (Is a directory)" in check.found


def test_other_numbers_are_warned_of(keras_json):
    keras_json.write_text('{"floatx": "float64"}')
    check = software.check_keras_settings()
    assert (check.state, check.remedy) == ("warning", "give it float32")


def test_none_at_all(keras_json):
    assert software.check_keras_settings().state == "ok"


def test_a_backend_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "jax" or None)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check = software.check_backend()
    assert check.state == "fault"
    assert check.found.endswith("install it with pip, or set KERAS_BACKEND=jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    check = software.check_backend()
    assert (check.state, check.values["backend"]) == ("ok", "jax")
