"""The Dockerfile, which no test builds: read by hadolint, and held against what it installs."""

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text("utf-8")


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hadolint_finds_what_is_wrong(tmp_path):
    """So that the test above can fail."""
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(TEXT.replace("tensorflow:2.21.0-gpu", "tensorflow"))
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, wrong], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DL3006" in done.stdout


def test_the_image_is_of_the_version_in_the_lock():
    (image,) = re.findall(r"^FROM tensorflow/tensorflow:(\S+)-gpu$", TEXT, re.MULTILINE)
    locked = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    assert f"tensorflow=={image}" in locked


def test_what_it_installs_is_there():
    locks = re.findall(r"--constraint (\S+)", TEXT)
    assert locks == ["requirements.lock", "requirements-cuda.lock"]
    assert all((ROOT / lock).is_file() for lock in locks)
    (extra,) = re.findall(r"'\.\[(\w+)\]'", TEXT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert extra in project["optional-dependencies"]
    assert re.findall(r'^ENTRYPOINT \["(\w+)"\]', TEXT, re.MULTILINE) == [*project["scripts"]]


def test_nothing_that_git_has_is_left_out_of_the_image():
    """Or the commit in a record would be called changed."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout")
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line.replace("**/", "*") for line in ignored if line and not line.startswith("#")]
    for name in listed.stdout.splitlines():
        path = PurePosixPath(name)
        for part in (path, *path.parents):
            assert not any(fnmatchcase(str(part), pattern) for pattern in patterns), name
