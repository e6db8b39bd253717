"""Where the package is installed without TensorFlow; `.ci/backends` makes such a place."""

import importlib.util
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TENSORFLOW = {"tensorflow", "tensorflow-datasets", "importlib-resources"}

only_here = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed"
)


def requirements(lines):
    """The requirements in lines, without comments and spaces."""
    lines = (re.sub(r"\s|#.*", "", line) for line in lines)
    return {line for line in lines if line}


def test_the_list_without_tensorflow_is_that_of_the_package():
    """But for TensorFlow, its data sets and what only they import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {line: re.split("[<>=]", line)[0] for line in requirements(project["dependencies"])}
    assert set(names.values()) > TENSORFLOW
    expected = {line for line, name in names.items() if name not in TENSORFLOW}
    listed = (ROOT / "requirements-without-tensorflow.txt").read_text().splitlines()
    assert requirements(listed) == expected


@only_here
def test_tensorflow_is_not_there():
    for name in TENSORFLOW:
        with pytest.raises(PackageNotFoundError):
            version(name)
    assert version("kreproduce")
    assert "site-packages" in importlib.util.find_spec("kreproduce").origin


@only_here
@pytest.mark.parametrize(
    "arguments",
    [
        ["table", "5"],
        ["audit"],
        ["network", "--ch", "16"],
        ["run", "cifar10", "--ch", "4", "--dry-run"],
    ],
    ids=" ".join,
)
def test_what_needs_no_backend_needs_no_tensorflow(kreproduce, monkeypatch, arguments):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    result = kreproduce(*arguments)
    assert (result.code, result.message) == (0, "")
    assert result.output


@only_here
def test_a_run_without_a_backend_is_refused(kreproduce, monkeypatch):
    """In one sentence that says what there is; nothing is written."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    result = kreproduce("run", "digits")
    assert (result.code, result.output) == (2, "")
    assert re.fullmatch(
        r"kreproduce: tensorflow is not installed: .*set KERAS_BACKEND=(jax|torch)", result.message
    )
    assert not (kreproduce.folder / "results").exists()


@only_here
def test_keras_computes_without_it():
    import keras

    assert keras.backend.backend() in ("jax", "torch")
    assert "tensorflow" not in sys.modules
