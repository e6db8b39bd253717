"""The README: short, and nothing in it is other than the files it points to."""

import json
import re
from pathlib import Path

import pytest
from helpers import pages

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_it_is_short():
    lines = README.splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 110 and not line.startswith("|")] == []


def test_its_counts_are_those_of_the_report():
    report = " ".join((ROOT / "docs" / "reproduction.md").read_text("utf-8").split())
    equal, stated, other, findings = re.search(
        r"(\d+) of (\d+) are as printed; the other (\d+) differ.*?\[(\d+) findings\]", README
    ).groups()
    assert int(equal) + int(other) == int(stated)
    assert f" {equal} are as printed, {other} differ as a finding explains, 0 differ " in report
    assert f"There are {findings} findings" in report
    parts = re.search(r"(\d+) cells of Tables 1 to 8 and (\d+) statements", report)
    assert int(parts[1]) + int(parts[2]) == int(stated)


def test_it_calls_no_claim_decided_that_is_not_and_none_undecided_that_is():
    claims = json.loads((ROOT / "results" / "claims" / "claims.json").read_bytes())
    verdicts = {one["verdict"] for protocol in claims["protocols"] for one in protocol["claims"]}
    assert ("none is decided yet" in README) == (verdicts <= {"undecided"})


def test_it_says_what_is_on_record():
    settings = [
        json.loads(path.read_bytes())["settings"]
        for path in (ROOT / "results" / "runs").glob("*/record.json")
    ]
    assert "so far two shortened trainings are on record, none of V2" in README
    assert len(settings) == 2
    assert "v2" not in {one["variant"] for one in settings}


def test_it_says_that_no_accuracy_of_the_paper_is_measured_as_long_as_none_is():
    report = (ROOT / "docs" / "reproduction.md").read_text("utf-8")
    assert ("no such run is on record" in README) == (
        "**Accuracies by the paper's own protocol: not reproduced, and not refuted.**" in report
    )


def test_its_sizes_are_those_of_the_page_on_speed():
    speed = (ROOT / "docs" / "speed.md").read_text("utf-8")
    rows = [line for line in speed.splitlines() if re.match(r"\|.*\| (baseline|V2 16ch) \|", line)]
    small, large = re.search(
        r"takes ([\d.]+ MB) where EfficientNet-B0 takes ([\d.]+ MB)", README
    ).groups()
    litert = [row.split("|")[-2] for row in rows if " MB" in row]
    assert len(litert) == 4
    assert all(large in cell for cell in litert[::2])
    assert all(small in cell for cell in litert[1::2])


@pytest.mark.slow
def test_a_run_prints_what_it_shows(kreproduce, short_network):
    """But for the numbers: of two epochs of a smaller network."""
    shown = re.search(r"^(    epoch 12/12 .*\n(?:    .*\n)*)", README, re.MULTILINE)
    done = kreproduce("run", "digits", "--epochs", 2, "--limit", 200)
    assert done.code == 0, done.message
    assert pages.unseen(shown[1], done.output) == []
