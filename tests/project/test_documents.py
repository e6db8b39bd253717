"""The documents: what they link to is there, and what they cite is right."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from kreproduce.errors import ExitCode

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(document):
    """The fragments that a forge makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    for path, anchor in LINK.findall(document.read_text()):
        linked = document.parent / path if path else document
        assert linked.exists(), path
        assert not anchor or anchor in anchors(linked), f"{path}#{anchor}"


def test_a_link_that_leads_nowhere_would_be_found():
    assert LINK.findall("[a](docs/a.md#b-c) [d](#e)") == [("docs/a.md", "b-c"), ("", "e")]
    assert "the-pointwise-unit" in anchors(ROOT / "docs" / "protocol.md")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["references"][0]["doi"] in (ROOT / "README.md").read_text()


def test_the_workflow_does_what_ci_does():
    """Step by step, in the same order."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert steps == [line for line in lines if line.startswith(("make ", ".ci/"))]


def test_the_readme_has_every_exit_code():
    section = (ROOT / "README.md").read_text().partition("## Exit codes\n")[2].partition("## ")[0]
    codes = re.findall(r"(?:^| · )(\d+) ", section.replace("\n", " ").strip())
    assert {int(code) for code in codes if int(code) < 128} == {*ExitCode}
