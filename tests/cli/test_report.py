"""`kreproduce report` and `kreproduce plot`: files where they are asked for, and refusals."""

import shutil
from pathlib import Path

import pytest
from helpers.support import tree

ROOT = Path(__file__).parents[2]
RUN = "cifar10-heldout-v1-16ch-25epochs-9c255441"


@pytest.fixture
def recorded(kreproduce):
    """Where there are the runs on record."""
    shutil.copytree(ROOT / "results" / "runs", kreproduce.folder / "results" / "runs")
    return kreproduce


@pytest.mark.parametrize(
    ("arguments", "name", "begins"),
    [
        (["report"], "report.html", b"<!DOCTYPE html>"),
        (["report", "-o", "all.md"], "all.md", b"# kreproduce"),
        (["plot", "frontier"], "frontier.svg", b"<svg"),
        (["plot", "curves", RUN, "-o", "c.png"], "c.png", b"\x89PNG"),
        (["plot", "curves"], "curves.svg", b"<svg"),
        (["plot", "confusion", RUN, "--hflip", "-o", "c.PDF"], "c.PDF", b"%PDF"),
        (["plot", "ablation"], "ablation.svg", b"<svg"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_file_is_made_and_its_own_is_written_over(recorded, arguments, name, begins):
    said, command = (
        ("written to", "report")
        if arguments[0] == "report"
        else ("drawn in", " ".join(arguments[:2]))
    )
    for _ in range(2):
        done = recorded(*arguments)
        assert (done.code, done.output, done.message) == (0, f"{said} {name}\n", "")
        assert not {"tensorflow", "keras"} & set(done.imported)
    path = recorded.folder / name
    assert path.read_bytes().startswith(begins)
    assert {entry.name for entry in recorded.folder.iterdir()} == {"results", name}
    path.write_bytes(path.read_bytes() + b"mine")
    done = recorded(*arguments)
    assert (done.code, done.output) == (7, "")
    assert f"{name} is not a file as `kreproduce {command}` made it" in done.message
    assert recorded(*arguments, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["report", "-o", "r.pdf"], 2, "--output r.pdf: let its name end in .html or .md"),
        (["report", "--results", "nowhere"], 2, "there is no folder nowhere of results"),
        (["report", "-o", "no/r.html"], 5, "no/r.html cannot be written: there is no folder no"),
        (["plot", "curves"], 2, "there is no training to draw; name a run"),
        (["plot", "curves", "nothing"], 2, "no run below results/runs that is called 'nothing'"),
        (["plot", "confusion", "nothing"], 2, "that is called 'nothing'"),
        (["plot", "confusion"], 2, "Missing argument 'RUN'"),
        (["plot", "ablation"], 2, "no two networks that a claim is about may be compared yet"),
        (["plot", "frontier", "-o", "f.gif"], 2, "let its name end in .svg, .png or .pdf"),
        (["plot", "frontier", "--results", "nowhere"], 2, "there is no folder nowhere of results"),
        (["plot", "pareto"], 2, "No such command 'pareto'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_refusals(kreproduce, arguments, code, said):
    before = tree(kreproduce.folder)
    done = kreproduce(*arguments)
    assert (done.code, done.output) == (code, "")
    assert said in done.message
    assert len(done.message.splitlines()) == 1
    assert tree(kreproduce.folder) == before


def test_without_runs_the_frontier_is_the_papers(kreproduce):
    assert kreproduce("plot", "frontier").code == 0
    text = (kreproduce.folder / "frontier.svg").read_text()
    assert "the paper, one run each" in text
