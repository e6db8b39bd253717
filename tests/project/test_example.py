"""docs/example.md, followed to the letter: another network than the paper's, both ways."""

import json
from pathlib import Path

import pytest
from helpers import pages

PAGE = Path(__file__).parents[2] / "docs" / "example.md"


@pytest.mark.slow
def test_it_can_be_followed(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    pages.follow(PAGE, folder)
    found = [json.loads(path.read_bytes()) for path in folder.glob("results/runs/*/record.json")]
    plain, grouped = sorted(found, key=lambda record: -record["parameters"])
    text = PAGE.read_text("utf-8")
    for what in ("parameters", "computations"):  # these do not vary
        assert f"{plain[what]:,} => {grouped[what]:,}; " in text
        assert f" {plain[what]:,} {grouped[what]:,} " in " ".join(text.split())
    for record in found:
        assert record["test"]["best_val_loss"]["accuracy"]["plain"] > 0.3  # of ten classes
