"""The versions that are installed: the locks hold them all, once."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kreproduce.system import unseen_gpus

ROOT = Path(__file__).parents[2]


def locked(name):
    """The versions that a lock holds, by their packages."""
    lines = (ROOT / name).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(package): version for package, version in pairs}
    assert len(versions) == len(pairs)
    assert all(re.fullmatch(r"[0-9][0-9a-z.+]*", version) for version in versions.values())
    return versions


def extra(name):
    """What an extra of this project asks for, and what that itself asks for as an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["optional-dependencies"][name]:
        requirement = Requirement(line)
        yield requirement
        for further in requirement.extras:
            for text in metadata.requires(requirement.name):
                needed = Requirement(text)
                asked = needed.marker and needed.marker.evaluate({"extra": further})
                if asked and not needed.marker.evaluate({"extra": ""}):
                    yield needed


@pytest.mark.parametrize(
    ("name", "locks"),
    [
        ("cuda", ["requirements.lock", "requirements-cuda.lock"]),
        ("dev", ["requirements.lock"]),
        ("ray", ["requirements.lock"]),
    ],
)
def test_a_lock_holds_all_that_an_extra_asks_for(name, locks):
    versions = {package: version for lock in locks for package, version in locked(lock).items()}
    needed = list(extra(name))
    assert needed
    for requirement in needed:
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_lock_for_gpus_holds_what_the_extra_adds_and_nothing_besides():
    """So the two locks agree: no package stands in both."""
    added = locked("requirements-cuda.lock")
    assert not added.keys() & locked("requirements.lock").keys()
    assert added.keys() == {canonicalize_name(needed.name) for needed in extra("cuda")} - {
        "tensorflow"
    }


def test_cudnn_is_one_for_the_authors_gpus():
    """The Tesla V100 (Volta) and P100 (Pascal), which 9.11 and later do without."""
    version = locked("requirements-cuda.lock")["nvidia-cudnn-cu12"]
    assert [int(part) for part in version.split(".")[:2]] < [9, 11]
    assert Requirement(unseen_gpus._CUDNN) in set(extra("cuda"))
