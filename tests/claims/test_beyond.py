"""A rule that chooses a Ch for every layer beside the number with which a network is as large."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.recorded import record_of, write
from helpers.simulated import table

from kreproduce.claims import beyond
from kreproduce.claims.matched import label_of, match
from kreproduce.claims.table import HFLIP
from kreproduce.experiment.settings import read, resolve
from kreproduce.runs import records
from kreproduce.runs.predictions import Predictions, encoded
from kreproduce.training.record import cost_of

DIGITS = Path(__file__).parents[2] / "configs" / "beyond" / "digits"
IMAGES = 2_000


def put(results, points, seeds=3, files="*.yaml", **settings):
    """Write records of all networks in configs/beyond/digits, those in `points` so much better."""
    made = [resolve(read(path), settings) for path in sorted(DIGITS.glob(files))]
    by_label = {label_of(one): one for one in made}
    random = np.random.default_rng(7)
    simulated = table(random, seeds, 0.3, points, labels=list(by_label), images=IMAGES)
    true = np.arange(IMAGES) % 10
    for label, seed in ((label, seed + 1) for label in by_label for seed in range(seeds)):
        right, hflip = (simulated.correct[name][seed] for name in (label, label + HFLIP))
        one = resolve(by_label[label].model_dump(), {"seed": seed})
        record = record_of(one, float(right.mean()), float(hflip.mean()), images=IMAGES)
        record["parameters"] = cost_of(one).parameters
        said = (np.where(answers, true, (true + 1) % 10) for answers in (right, hflip))
        write(results, record, predictions=encoded(Predictions(true, *said)))


def compared(results):
    groups, left_out = match(results, records.read(results))
    assert not left_out
    return [beyond.comparisons(runs) for runs in groups]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    results = tmp_path_factory.mktemp("rows")
    put(results, {"V2 share0.1ch": -6, "V2 sqrtch": 6})
    (rows,) = compared(results)
    return {(row["rule"], row["number"]): row for row in rows}


def test_what_is_compared_has_about_as_many_parameters(rows):
    """Neither the plain network, nor Ch 8, which no rule comes near."""
    assert {pair: row["of_its_parameters"] for pair, row in rows.items()} == {
        ("V2 sqrtch", "V2 13ch"): "98.9%",
        ("V2 share0.079ch", "V2 13ch"): "99.1%",
        ("V2 share0.1ch", "V2 16ch"): "100.8%",
    }


def test_the_difference_is_the_rules_less_the_numbers(rows):
    worse, better = rows["V2 share0.1ch", "V2 16ch"], rows["V2 sqrtch", "V2 13ch"]
    assert worse["low"] < worse["difference"] < worse["high"] < 0
    assert 0 < better["low"] < 6 < better["high"]
    assert worse["seeds"] == better["seeds"] == 3


def test_p_is_adjusted_for_all_rows(rows):
    ordered = sorted(rows.values(), key=lambda row: row["p"])
    assert ordered[0]["p_adjusted"] == pytest.approx(3 * ordered[0]["p"], rel=0.05)
    assert ordered[-1]["p_adjusted"] >= ordered[-1]["p"] > 0.05  # the two that are alike


def test_the_verdict_counts_both_ways(rows):
    told = beyond.verdict(list(rows.values()))
    assert told.startswith("2 of 3 comparisons tell a rule from a number: 1 for the rule, 1 for")
    none = [row | {"p_adjusted": 0.5} for row in rows.values()]
    assert beyond.verdict(none).startswith("None of 3 comparisons tell a rule from a number. ")


def test_one_seed_tells_nothing(tmp_path):
    put(tmp_path, {"V2 sqrtch": 30}, seeds=1)
    assert compared(tmp_path) == [[]]
    assert "have two seeds in common" in beyond.markdown(tmp_path)


def test_networks_that_differ_in_more_than_ch_are_not_compared(tmp_path):
    put(tmp_path, {}, seeds=2)
    for path in (tmp_path / "runs").glob("*v2-13ch*"):
        shutil.rmtree(path)
    put(tmp_path, {}, seeds=2, files="*v2*.yaml", layer_l=False)
    (rows,) = compared(tmp_path)
    labels = [(row["rule"], row["number"]) for row in rows]
    assert ("V2 share0.1ch", "V2 16ch") in labels
    assert ("V2 sqrtch", "V2 13ch no L") not in labels
    assert all(("no L" in rule) == ("no L" in number) for rule, number in labels)


def test_the_page_without_runs(tmp_path):
    page = beyond.markdown(tmp_path)
    assert "No run of it is on record." in page
    assert "tell a rule" not in page
