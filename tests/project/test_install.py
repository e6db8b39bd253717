"""docs/install.md says of every way that nobody could try where it was written that this is so."""

import re
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

PAGE = (Path(__file__).parents[2] / "docs" / "install.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))


def test_every_way_is_there():
    assert [*SECTIONS] == ["The GPU", "make", "pip", "conda", "Docker", "Slurm", "Colab"]


@pytest.mark.parametrize("section", ["The GPU", "conda", "Docker", "Slurm", "Colab"])
def test_what_was_not_run_says_so(section):
    assert "\n*Not run here: " in SECTIONS[section]


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).exists(), target
    anchors = {section.lower() for section in SECTIONS}
    assert {*re.findall(r"\]\(#(.+?)\)", PAGE)} <= anchors


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0"])
def test_what_is_locked_takes_every_python_that_the_package_takes(python):
    """Whoever renews the lock has one Python; Debian's is 3.11.2."""
    lock = (Path(__file__).parents[2] / "requirements.lock").read_text("utf-8")
    locked = {_plain(line.partition("==")[0]) for line in lock.splitlines()}
    found = [package for package in distributions() if _plain(package.name) in locked]
    assert len(found) > 100
    refusing = {
        package.name: package.metadata["Requires-Python"]
        for package in found
        if not SpecifierSet(package.metadata["Requires-Python"] or "").contains(python)
    }
    assert refusing == {}


def _plain(name):
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
