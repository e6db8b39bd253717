"""From records in a folder to verdicts: which runs are matched, and what is said of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.recorded import CODE, CONDITIONS, record_of, write
from helpers.simulated import LABELS, table

from kreproduce import paper
from kreproduce.claims import matched, report
from kreproduce.claims.decide import Comparison, Decision
from kreproduce.claims.table import HFLIP
from kreproduce.experiment.settings import read, resolve
from kreproduce.runs import records
from kreproduce.runs.predictions import FILE, Predictions, decoded, encoded

IMAGES = 2_000
CONFIGS = Path(__file__).parents[2] / "configs" / "reduced"
REDUCED = {
    matched.label_of(resolve(read(path))): read(path) | {"data_name": "some-images"}
    for path in CONFIGS.glob("*.yaml")
}
POINTS = {
    "V2 2ch": -16,
    "V2 4ch": -12,
    "V2 8ch": -8,
    "V2 16ch": -4,
    "V2 4ch no L": -30,
    "V2 16ch no L": -9,
}


def put(results, simulated, change=None):
    """Write a record for each network of a simulated table; `change` alters one before."""
    true = np.arange(IMAGES) % 10
    for label in simulated.networks:
        for seed, right in simulated.correct[label].items():
            experiment = resolve(REDUCED[label], {"seed": seed})
            hflip = simulated.correct[label + HFLIP][seed]
            record = record_of(experiment, float(right.mean()), float(hflip.mean()), images=IMAGES)
            if change:
                change(label, seed, record)
            wrong = (true + 1) % 10
            predicted = (np.where(answers, true, wrong) for answers in (right, hflip))
            write(results, record, predictions=encoded(Predictions(true, *predicted)))


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory):
    """Eleven networks of two seeds each, with effects that are plain to see."""
    results = tmp_path_factory.mktemp("two_seeds")
    random = np.random.default_rng(5)
    put(results, table(random, 2, 0.3, POINTS, hflip=2, images=IMAGES))
    return results


def verdicts(results):
    return {row["code"]: row["verdict"] for row in report.rows(report.report(results))}


def test_the_networks_of_the_claims_are_those_of_the_reduced_protocol():
    assert REDUCED.keys() == set(LABELS)


def test_plain_effects_are_decided(two_seeds):
    found = report.report(two_seeds)
    (section,) = found.sections
    assert len(section.runs.records) == 22
    assert set(section.runs.table.networks) == set(LABELS)
    by_code = verdicts(two_seeds)
    assert by_code["C01"] == "supported"
    assert by_code["C04"] == "contradicted"  # 4 points below, where 1 is allowed
    assert by_code["C05"] == by_code["C06"] == "supported"
    assert by_code["C09"] == "supported"
    text = report.render(found, "text")
    assert "V2 4ch - V2 4ch no L alone: +1" in text  # what an average of pairs is of
    assert "V2 16ch - V2 16ch no L alone: +" in text
    assert not found.left_out
    assert {decision.claim.code for decision in found.others} == {"C14", "C15", "C16"}


def test_one_seed_decides_nothing(tmp_path):
    put(tmp_path, table(np.random.default_rng(5), 1, 0.0, POINTS, images=IMAGES))
    assert set(verdicts(tmp_path).values()) == {"undecided"}
    text = report.render(report.report(tmp_path), "text")
    assert "these two networks, V2 16ch and baseline, seed 1: " in text
    assert "these two networks, V2 4ch and V2 4ch ReLU, seed 1: " in text
    assert "so how equal networks scatter is unknown" in text
    # What a comparison lacks is said beside why it decides nothing.
    assert "may be due to the seed; not run: V1 32ch\n" in text
    assert "seeds would decide" not in text
    assert "with one seed a side the difference may be due to the seed" in text


def changed(where, value, *, at=("V2 4ch", 1)):
    """A change of one record, by the path to the value."""

    def change(label, seed, record):
        if (label, seed) != at:
            return
        *path, name = where
        part = record
        for step in path:
            part[step] = {**part[step]}
            part = part[step]
        part[name] = value

    return change


def under(conditions):
    return lambda label, seed, record: (
        record.update(
            conditions=CONDITIONS | conditions,
            sessions=[record["sessions"][0] | {"conditions": CONDITIONS | conditions}],
        )
        if (label, seed) == ("V2 4ch", 1)
        else None
    )


def with_code(code):
    def change(label, seed, record):
        if (label, seed) == ("V2 4ch", 1):
            record["code"] = code
            record["sessions"] = [record["sessions"][0] | {"code": code}]

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (changed(["data", "fingerprint"], "f" * 64), "no run may be compared with it"),
        (under({"cores": 1}), "no run may be compared with it"),
        (under({"devices": ["another"]}), "no run may be compared with it"),
        (under({"precision": "mixed_float16"}), "no run may be compared with it"),
        (under({"threads": {"intra_op": 1}}), "no run may be compared with it"),
        (under({"backend": "jax"}), "no run may be compared with it"),
        (with_code({"commit": "1" * 40, "dirty": False}), "no run may be compared with it"),
        (with_code(CODE | {"dirty": True}), "it ran with changed files"),
        (with_code({"commit": None, "dirty": None}), "its commit is unknown"),
    ],
    ids=["images", "cores", "device", "precision", "threads", "backend", "commit", "dirty", "none"],
)
def test_a_run_that_differs_in_more_is_left_out(tmp_path, change, why):
    simulated = table(np.random.default_rng(5), 1, 0.3, images=IMAGES, labels=LABELS[:4])
    put(tmp_path, simulated, change)
    found = report.report(tmp_path)
    (one,) = found.left_out
    assert one.folder.startswith("some-images-v2-4ch-25epochs")
    assert one.why == why
    (section,) = found.sections
    assert ("V2 4ch", 1) not in section.runs.records


def test_a_run_that_went_on_under_other_conditions_is_left_out(tmp_path):
    def change(label, seed, record):
        if label == "V2 2ch":
            first = record["sessions"][0] | {"conditions": CONDITIONS | {"cores": 3}}
            record["sessions"] = [first, record["sessions"][0]]

    simulated = table(np.random.default_rng(5), 1, 0.3, images=IMAGES, labels=LABELS[:4])
    put(tmp_path, simulated, change)
    (one,) = report.report(tmp_path).left_out
    assert "went on under other conditions" in one.why


def test_another_release_of_the_operating_system_is_no_other_condition(tmp_path):
    simulated = table(np.random.default_rng(5), 1, 0.3, images=IMAGES, labels=LABELS[:4])
    put(tmp_path, simulated, under({"platform": "Linux 7"}))
    assert not report.report(tmp_path).left_out


def test_a_prediction_file_changed_by_hand_is_refused(two_seeds, tmp_path):
    simulated = table(np.random.default_rng(5), 1, 0.3, images=IMAGES, labels=LABELS[:4])
    put(tmp_path, simulated)
    folder = next((tmp_path / "runs").glob("some-images-v2-4ch*"))
    found = decoded((folder / FILE).read_bytes(), IMAGES, 10)
    better = Predictions(found.true, found.true, found.hflip)
    (folder / FILE).write_bytes(encoded(better))
    (one,) = report.report(tmp_path).left_out
    assert one.why == f"its {FILE} was changed after it was written, or is damaged"


def test_of_two_runs_of_a_seed_the_first_counts(tmp_path):
    simulated = table(np.random.default_rng(5), 1, 0.3, images=IMAGES, labels=LABELS[:4])
    put(tmp_path, simulated)
    twin = resolve(REDUCED["V2 4ch"], {"seed": 1, "precision": "float32"})
    record = record_of(twin, 1.0, 1.0, images=IMAGES) | {"finished": "2026-02-01T00:00:00+00:00"}
    write(tmp_path, record)
    (one,) = report.report(tmp_path).left_out
    assert one.folder == twin.run_name
    assert "was the first of its seed" in one.why


def test_runs_on_images_of_no_claim_are_left_out(tmp_path):
    write(tmp_path, record_of(resolve({"dataset": "digits", "ch": 16}), images=100))
    found = report.report(tmp_path)
    assert not found.sections
    assert [one.why for one in found.left_out] == ["no claim is about it"]
    assert len(found.others) == 16


@pytest.mark.parametrize("form", report.FORMATS)
def test_every_format_has_every_claim(two_seeds, form):
    text = report.render(report.report(two_seeds), form)
    assert all(f"C{number:02}" in text for number in range(1, 17))
    assert text.endswith("\n")


def test_the_numbers_are_those_of_the_predictions(two_seeds):
    found = json.loads(report.render(report.report(two_seeds), "json"))
    (protocol,) = found["protocols"]
    read = {record.run: record for record in records.read(two_seeds).records}
    by_network = {row["network"]: row for row in protocol["networks"]}
    for label in LABELS:
        of_network = [
            100 * record.accuracy()
            for record in read.values()
            if matched.label_of(record.settings) == label
        ]
        assert by_network[label]["accuracy"] == pytest.approx(np.mean(of_network), abs=0.006)
    row = next(row for row in protocol["claims"] if row["code"] == "C04")
    apart = by_network["V2 16ch"]["accuracy"] - by_network["baseline"]["accuracy"]
    assert row["difference"] == pytest.approx(apart, abs=0.011)
    assert row["low"] < row["difference"] < row["high"] < -1


def test_what_verdicts_rest_on_stands_beside_every_table(two_seeds):
    found = report.report(two_seeds)
    for form in ("text", "markdown"):
        text = report.render(found, form)
        assert "11 networks, seeds 1, 2, 22 runs, 2,000 test images" in text
        assert "points over seeds (10 degrees of freedom), and would by " in text
        assert all(note in text for note in report.NOTES)
        assert report.BEYOND in text
        assert "V2 4ch - V2 4ch no L alone: +1" in text
        assert "from one to the next, on average: +" in text


def test_how_many_more_seeds_would_decide_is_said(two_seeds):
    rows = {row["code"]: row for row in report.rows(report.report(two_seeds))}
    undecided = [
        row for row in rows.values() if row["verdict"] == "undecided" and row["p"] is not None
    ]
    assert undecided
    for row in undecided:
        assert "would decide a difference like this" in row["note"]
    decided = [row for row in rows.values() if row["verdict"] != "undecided"]
    assert not any("would decide" in row["note"] for row in decided)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("3.1", "section 3.1"),
        ("2.7, 3.1", "sections 2.7, 3.1"),
        ("Abstract, 3.1, 4", "Abstract, sections 3.1, 4"),
    ],
)
def test_a_claim_is_found_in_the_paper(section, said):
    assert any(claim.section == section for claim in paper.trained_claims())
    text = report.render(report.Report((), _undecided(section), (), ()), "text")
    assert f"({said})" in text


def _undecided(section):
    claims = [claim for claim in paper.trained_claims() if claim.section == section]
    return tuple(Decision(claim, "undecided", Comparison(()), None) for claim in claims)


def test_files_are_written(two_seeds):
    written = report.write(report.report(two_seeds), two_seeds, report.FORMATS)
    assert {path.name for path in written} == {f"claims.{end}" for end in report.FORMATS.values()}
    assert all(path.parent == two_seeds / "claims" for path in written)
