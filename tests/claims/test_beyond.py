"""A rule that chooses a Ch for every layer beside the number with which a network is as large."""

import re
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
DIRTY = {"commit": "0" * 40, "dirty": True}


def put(results, points, seeds=3, files="*.yaml", change=None, **settings):
    """Write records of the networks in configs/beyond/digits, those in `points` so much better."""
    made = [resolve(read(path), settings) for path in sorted(DIGITS.glob(files))]
    by_label = {label_of(one): one for one in made}
    random = np.random.default_rng(7)
    simulated = table(random, seeds, 0.3, points, labels=list(by_label), images=IMAGES)
    true = np.arange(IMAGES) % 10
    for label, seed in ((label, seed + 1) for label in by_label for seed in range(seeds)):
        right, hflip = (simulated.correct[name][seed] for name in (label, label + HFLIP))
        one = resolve(by_label[label].model_dump(), {"seed": seed})
        record = record_of(one, float(right.mean()), float(hflip.mean()), images=IMAGES)
        record["parameters"] = cost_of(resolve({"dataset": "digits", "ch": one.ch})).parameters
        if change:
            change(record)
        said = (np.where(answers, true, (true + 1) % 10) for answers in (right, hflip))
        write(results, record, predictions=encoded(Predictions(true, *said)))


def compared(results):
    groups, left_out = match(results, records.read(results))
    assert not left_out
    return beyond.comparisons(groups)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A rule that is worse, one that is better, and one that is as good."""
    results = tmp_path_factory.mktemp("recorded")
    put(results, {"V2 share0.1ch": -6, "V2 sqrtch": 6})
    return results


@pytest.fixture(scope="module")
def pairs(recorded):
    (pairs,) = compared(recorded)
    return {(pair.rule, pair.number): pair for pair in pairs}


def test_what_is_compared_has_about_as_many_parameters(pairs):
    """Not Ch 8, which no rule comes near."""
    assert {names: pair.row()["of_its_parameters"] for names, pair in pairs.items()} == {
        ("V2 sqrtch", "V2 13ch"): "98.9%",
        ("V2 share0.079ch", "V2 13ch"): "99.1%",
        ("V2 share0.1ch", "V2 16ch"): "100.8%",
    }


def test_the_difference_is_the_rules_less_the_numbers(pairs):
    worse, better = (
        pairs[names].row() for names in (("V2 share0.1ch", "V2 16ch"), ("V2 sqrtch", "V2 13ch"))
    )
    assert worse["low"] < -6 < worse["high"] < 0
    assert 0 < better["low"] < 6 < better["high"]
    assert worse["seeds"] == better["seeds"] == 3


def test_p_is_adjusted_for_all_pairs_of_the_page(recorded, pairs):
    least, _, most = sorted(pairs.values(), key=lambda pair: pair.p)
    assert least.p_adjusted == pytest.approx(3 * least.p)
    assert (
        most.p_adjusted == most.p > 0.05
    )  # of the two that are alike: by Bonferroni it would be 3 p
    groups, _ = match(recorded, records.read(recorded))
    twice = [pair for pairs in beyond.comparisons(groups * 2) for pair in pairs]
    assert min(pair.p_adjusted for pair in twice) == pytest.approx(6 * least.p)


def test_the_page_counts_what_differs_both_ways(recorded):
    page = beyond.markdown(recorded)
    assert "**2 of 3 comparisons show a significant difference" in page
    assert "1 in favour of the rule, 1 of the number.**" in page
    lower = sum(pair.contrast.value < 0 for (pairs,) in [compared(recorded)] for pair in pairs)
    assert f"The rule had the lower accuracy in {lower} of 3." in page
    assert page.count("| V2 share0.1ch") == 2  # of the networks, and of the pairs
    assert "One test image is 0.05 points." in page
    assert "No run of it is on record." in page


def test_equal_networks_are_not_called_different(tmp_path):
    put(tmp_path, {})
    assert "none of 3 comparisons shows a significant difference" in beyond.markdown(tmp_path)


def test_one_seed_tells_nothing(tmp_path):
    put(tmp_path, {"V2 sqrtch": 30}, seeds=1)
    assert compared(tmp_path) == [[]]
    page = beyond.markdown(tmp_path)
    assert "**Nothing is known yet" in page
    assert "No rule and number with as many parameters have two seeds in common." in page


def test_networks_that_differ_in_more_than_ch_are_not_compared(tmp_path):
    put(tmp_path, {}, seeds=2)
    for path in (tmp_path / "runs").glob("*v2-13ch*"):
        shutil.rmtree(path)
    put(tmp_path, {}, seeds=2, layer_l=False)
    (pairs,) = compared(tmp_path)
    labels = [(pair.rule, pair.number) for pair in pairs]
    assert ("V2 share0.1ch", "V2 16ch") in labels
    assert ("V2 sqrtch", "V2 13ch no L") not in labels
    assert all(("no L" in rule) == ("no L" in number) for rule, number in labels)


def test_where_a_models_file_lay_does_not_part_its_runs(tmp_path):
    """Its content counts, and has the name of the network on the page."""
    (tmp_path / "some.keras").write_bytes(b"a model, for all that a record says")
    moved = iter(range(100))

    def change(record):
        record["settings"]["model"] = f"/folder{next(moved)}/some.keras"

    put(tmp_path, {}, change=change, model=str(tmp_path / "some.keras"))
    assert [len(pairs) for pairs in compared(tmp_path)] == [3]
    assert re.search("^## file[0-9a-f]{8} on digits$", beyond.markdown(tmp_path), re.M)


def test_runs_by_the_campaigns_protocol_are_counted(tmp_path):
    long = {"dataset": "cifar10-heldout", "data_name": "some-images", "skip_strides": 1}
    put(tmp_path, {}, files="*sqrt*", **long, epochs=25)
    put(tmp_path, {}, files="*sqrt*", **long, epochs=50)
    assert "\n3 runs of it are on record.\n" in beyond.markdown(tmp_path)


def test_what_is_left_out_is_named(tmp_path):
    put(tmp_path, {}, files="*sqrt*", change=lambda record: record.update(code=DIRTY))
    assert "sqrtch-12epochs-" in beyond.markdown(tmp_path).partition("## Left out")[2]
