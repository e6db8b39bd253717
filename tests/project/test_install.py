"""docs/install.md says of every way that nobody could try where it was written that this is so."""

import re
from pathlib import Path

import pytest

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
