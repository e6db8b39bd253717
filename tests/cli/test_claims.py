"""`kreproduce claims` and `kreproduce plot`: from records to text, files and refusals."""

import contextlib
import csv
import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from claims.test_report import IMAGES, put
from helpers.simulated import LABELS, table
from helpers.support import tree

from kreproduce.cli import app, faults
from kreproduce.report import drawing
from kreproduce.runs.predictions import FILE, Predictions, decoded, encoded

RUN = LABELS[:4]
FILES = ["claims.csv", "claims.json", "claims.md", "claims.txt"]


def write_runs(folder, seeds=2, draw=5):
    """Four networks of so many seeds each."""
    put(folder, table(np.random.default_rng(draw), seeds, 0.3, images=IMAGES, labels=RUN))


@pytest.fixture(autouse=True)
def quickly_drawn(monkeypatch):
    """What a figure shows is tested elsewhere; drawing it takes seconds."""
    monkeypatch.setattr(drawing, "file", lambda *_: b"<svg>\n<text>baseline</text>\n</svg>\n")


@pytest.fixture
def results(tmp_path):
    write_runs(tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the command line in this process, for imports take seconds: exit code, output, message.

    The message is one line, or none.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = 0
        try:
            with faults.explained():
                app([*arguments], standalone_mode=False)
        except SystemExit as end:
            code = end.code
        output, message = capsys.readouterr()
        assert message.count("\n") <= 1
        return code, output, message.strip().removeprefix("kreproduce: ")

    return run


def better(folder):
    """A run's predictions, with every image right that was wrong."""
    found = decoded((folder / FILE).read_bytes(), IMAGES, 10)
    return encoded(Predictions(found.true, found.true, found.hflip))


def test_without_runs_every_claim_is_undecided(kreproduce):
    result = kreproduce("claims")
    assert (result.code, result.message) == (0, "")
    assert result.output.count("  undecided  ") == 16
    assert "supported" not in result.output
    assert result.imported == []
    assert tree(kreproduce.folder) == {}


def test_predictions_changed_by_hand_are_refused(command, results):
    run = next((results / "runs").glob("some-images-v2-2ch*"))
    (run / FILE).write_bytes(better(run))
    why = f"{run.name} is left out: its {FILE} was changed after it was written, or is damaged"
    code, output, message = command("claims")
    assert (code, message) == (0, "")
    assert why in output.splitlines()
    assert "7 runs" in output
    for quiet in (["--format", "csv"], ["--write"]):
        code, _, message = command("claims", *quiet)
        assert (code, message) == (0, why)


@pytest.mark.usefixtures("results")
def test_every_format_is_printed(command):
    assert command("claims")[1].startswith(
        "The paper's claims about accuracy, decided by the runs on record\n"
    )
    assert "### reduced protocol on some-images" in command("claims", "--format=markdown")[1]
    rows = list(csv.DictReader(io.StringIO(command("claims", "--format=csv")[1])))
    assert [row["code"] for row in rows][:2] == ["C01", "C02"]
    (protocol,) = json.loads(command("claims", "--format=json")[1])["protocols"]
    assert {row["network"] for row in protocol["networks"]} == set(RUN)


def test_files_are_written_over_by_their_own_kind_alone(command, results, tmp_path):
    assert command("claims", "--write") == (0, "wrote 4 files below results/claims\n", "")
    folder = results / "claims"
    written = tree(folder)
    assert sorted(written) == FILES
    write_runs(results, seeds=3, draw=6)
    assert command("claims", "--write")[0] == 0
    later = tree(folder)
    assert all(later[name] != written[name] for name in FILES)

    (folder / "claims.md").write_text("My notes on the claims\n")
    before = tree(tmp_path)
    assert command("claims", "--write") == (
        7,
        "",
        "results/claims/claims.md is not a file of `kreproduce claims`, or was changed since; move "
        "it away, or write over it with --force",
    )
    assert tree(tmp_path) == before
    assert command("claims", "--write", "--force")[0] == 0
    assert tree(folder) == later


def test_a_figure_is_written_over_if_nobody_changed_it(command, results):
    assert command("plot", "frontier") == (0, "drawn in frontier.svg\n", "")
    path = results.parent / "frontier.svg"
    drawn = path.read_bytes()
    path.write_bytes(drawn.replace(b"\n", b"\r\n"))  # as git may end lines
    assert command("plot", "frontier")[0] == 0
    assert path.read_bytes() == drawn
    for other in (drawn.replace(b"baseline", b"my line", 1), b"<svg></svg>", b""):
        path.write_bytes(other)
        assert command("plot", "frontier") == (
            7,
            "",
            "frontier.svg is not a file as `kreproduce plot frontier` made it; choose another "
            "--output, or write over it with --force",
        )
        assert path.read_bytes() == other
    assert command("plot", "frontier", "--force")[0] == 0
    assert path.read_bytes() == drawn


@pytest.mark.usefixtures("results")
def test_the_report_is_printed(command):
    code, output, message = command("claims", "--format", "report")
    assert (code, message) == (0, "")
    assert output.startswith("<!-- Written by `kreproduce claims --format report`")
    assert "8 runs" in output
    assert output.endswith("prints all evidence.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["claims", "--results", "nowhere"], "there is no folder nowhere of results; leave"),
        (["plot", "frontier", "--results", "nowhere"], "there is no folder nowhere of results"),
        (["claims", "--format", "pdf"], "there is no format 'pdf'; known are text, markdown"),
        (["claims", "--format", "markdwn"], "did you mean 'markdown'?"),
        (["claims", "--format", "x" * 5000], "there is no format 'xxx"),
        (["claims", "--force"], "--force has no meaning without --write; leave it out"),
        (["claims", "--format", "report", "--write"], "--format report is printed only; leave"),
        (["claims", "--results", ""], "--results '' is empty"),
        (["plot", "pareto"], "No such command 'pareto'"),
    ],
)
def test_refusals(command, tmp_path, arguments, said):
    code, output, message = command(*arguments)
    assert (code, output) == (2, "")
    assert said in message
    assert len(message) < 400
    assert tree(tmp_path) == {}


COMMANDS = [["claims", "--write"], ["plot", "frontier"]]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_what_is_no_run_below_the_runs_is_passed_over(command, results, arguments):
    runs = results / "runs"
    (runs / "notes.txt").write_text("mine")
    (runs / "junk").mkdir()
    (runs / "linked").symlink_to(next(runs.glob("*-2ch*")))
    (runs / "torn").mkdir()
    (runs / "torn" / "record.json").write_text('{"record_version": 1')
    with contextlib.suppress(AssertionError):  # a line for each that is left out
        assert command(*arguments)[0] == 0
    text = command("claims")[1]
    assert "junk is left out: it has no record: the run is not complete" in text
    assert "linked is left out: it is a link" in text
    assert "torn is left out: record.json is damaged, or not the record of a comp" in text
    assert "notes.txt" not in text


def test_a_file_where_a_folder_has_to_be(command, results, tmp_path):
    (results / "claims").write_text("in the way")
    before = tree(tmp_path)
    code, output, message = command("claims", "--write")
    assert (code, output) == (5, "")
    assert "cannot be written: there is a file where a folder has to be; choose another" in message
    assert tree(tmp_path) == before


@pytest.fixture
def for_everybody(monkeypatch):
    """A working folder that everybody may look into, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def as_nobody():
    """As an ordinary user: root is refused nothing. What is needed has to be imported before."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder(command, for_everybody):
    results = for_everybody / "results"
    results.mkdir()
    assert command("claims", "--write")[0] == 0
    shutil.rmtree(results / "claims")
    results.chmod(0o555)
    with as_nobody():
        code, output, message = command("claims", "--write")
    results.chmod(0o755)
    assert (code, output) == (5, "")
    assert "cannot be written: Permission denied; choose another place with --results" in message
    assert list(results.iterdir()) == []


def test_runs_that_may_not_be_looked_at(command, for_everybody):
    write_runs(for_everybody / "results")
    runs = for_everybody / "results" / "runs"
    assert command("claims")[0] == 0
    closed = next(runs.glob("*-2ch*"))
    (closed / "record.json").chmod(0)
    with as_nobody():
        code, output, message = command("claims")
    assert (code, message) == (0, "")
    assert f"{closed.name} is left out: record.json cannot be read: Permission denied" in output
    runs.chmod(0)
    with as_nobody():
        assert command("claims") == (
            5,
            "",
            "results/runs cannot be read: Permission denied; mend it or its permissions",
        )
    runs.chmod(0o755)
