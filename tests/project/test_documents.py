"""The documents: what they link to is there, and what they cite is right."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from kreproduce import __version__

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


FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w.-]+\.(?:py|md|csv|lock|json))`")
OF_FILE = re.compile(r"`([\w/]+\.py)`, `(\w+)`")
MAPS = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "index.md"]


def named(name):
    """The file or folder that a map names: by its path, from its room on, or by its name alone."""
    paths = [ROOT / name, ROOT / "kreproduce" / name]
    if "/" not in name:
        paths += [path for top in ("kreproduce", "tests") for path in (ROOT / top).rglob(name)]
    return next((path for path in paths if path.exists()), None)


@pytest.mark.parametrize("document", MAPS, ids=lambda path: path.name)
def test_every_file_that_a_map_names_is_there(document):
    names = [name for name in FILE.findall(document.read_text()) if "NAME" not in name]
    assert [name for name in names if named(name) is None] == []
    assert len(names) > 20


@pytest.mark.parametrize("document", MAPS, ids=lambda path: path.name)
def test_what_a_map_names_beside_a_file_stands_in_it(document):
    pairs = OF_FILE.findall(document.read_text())
    wrong = [
        (file, name)
        for file, name in pairs
        if not re.search(rf"^(?:def |class )?{name}\b", named(file).read_text(), re.MULTILINE)
    ]
    assert wrong == []
    assert pairs


@pytest.mark.parametrize("room", ["doctor", "sweep", "sweep/ray_cluster"])
def test_a_room_that_lists_its_files_lists_all_of_them(room):
    folder = ROOT / "kreproduce" / room
    text = (folder / "__init__.py").read_text()
    listed = re.findall(r"^([a-z_]+\.py) +\S", text, re.MULTILINE)
    assert sorted(listed) == sorted({path.name for path in folder.glob("*.py")} - {"__init__.py"})


def test_a_name_of_no_file_would_be_found():
    assert FILE.findall("`cli/nowhere.py`, `nowhere.py`, `data/`") == [
        "cli/nowhere.py",
        "nowhere.py",
        "data/",
    ]
    assert named("cli/nowhere.py") is named("nowhere.py") is None
    assert OF_FILE.findall("`cli/run.py`, `run`") == [("cli/run.py", "run")]


def test_the_citation_and_the_changelog_are_of_this_version():
    """Which stands in the package, where the build reads it."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert citation["version"] == newest == __version__


def test_the_citation_says_what_the_package_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["license"] == project["license"]
    assert {author["name"] for author in citation["authors"]} == {
        author["name"] for author in project["authors"]
    }
    assert {*citation["keywords"]} <= {*project["keywords"]}
    doi = citation["references"][0]["doi"]
    assert doi in (ROOT / "README.md").read_text()
    assert doi in project["urls"]["Paper"]


def test_the_workflow_does_what_ci_does():
    """Step by step, in the same order."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert steps == [line for line in lines if line.startswith(("make ", ".ci/"))]
