"""docs/tutorial.md, followed to the letter: its blocks in order, in an empty folder."""

import json
import re
import time
from pathlib import Path

import pytest
from helpers import pages

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
MINUTES = 15  # what the page says it takes


def test_its_blocks_are_found():
    languages = [language for language, _ in pages.blocks(PAGE)]
    assert {*languages} == {*pages.PROGRAMS, "text"}
    assert languages.count("bash") > 6
    assert f"in {MINUTES} minutes" in PAGE.read_text("utf-8")


def test_what_is_not_printed_is_missed():
    printed = "epoch 1/12  loss 8.1  accuracy 14.28%  9 s\n\nrun a-12epochs-8ff83a80\n"
    assert pages.unseen("epoch 3/12 loss 7 accuracy 1.5%  …\nrun a-6epochs-01234567", printed) == []
    assert pages.unseen("run a-…\nepoch 1/12 …", printed) == ["epoch 1/12 …"]
    assert pages.unseen("accuracy …", printed) == ["accuracy …"]


@pytest.mark.slow
def test_it_can_be_followed(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    began = time.monotonic()
    pages.follow(PAGE, folder)
    assert time.monotonic() - began < MINUTES * 60

    prose = re.sub(r"^```.*?^```$", "", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for name in ("shapes.png", "new.png", "MODEL_CARD.md", "report.html"):
        assert f"`{name}`" in prose
        assert (folder / name).is_file()
    assert (folder / "shapes.onnx").is_file()
    accuracies = {}
    for record in (folder / "results" / "runs").glob("*/record.json"):
        found = json.loads(record.read_bytes())
        tested = found["test"]["best_val_loss"]["accuracy"]
        accuracies[found["settings"]["dataset"]] = tested["plain"]
    assert "shapes-v2-16ch-" in (folder / "report.html").read_text("utf-8")
    assert accuracies["digits"] > 0.3  # of ten classes
    assert accuracies["shapes"] > 0.8  # of three
