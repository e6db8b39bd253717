"""The report of the reproduction: right with no run, one, 22 and 33, and of nothing unmeasured."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.recorded import experiment_of, parsed, record_of
from helpers.simulated import LABELS, table

from kreproduce import paper
from kreproduce.audit import audit, findings_by_kind
from kreproduce.claims import matched, planned, reproduction
from kreproduce.claims.decide import claims_for, decide
from kreproduce.claims.matched import Matched
from kreproduce.claims.report import Report, Section, rows
from kreproduce.experiment.settings import read, resolve
from kreproduce.runs.records import Skipped

ROOT = Path(__file__).parents[2]
CONFIGS = {
    matched.label_of(resolve(read(path))): read(path)
    for path in (ROOT / "configs" / "reduced").glob("*.yaml")
}
FAR = {"V2 4ch no L": -20, "V2 16ch no L": -5, "V2 16ch": -6}


def recorded(label, seed):
    return parsed(record_of(resolve(CONFIGS[label], {"seed": seed}), original=True))


def found(seeds, labels=LABELS, more=(), **simulated):
    """What the runs of a simulated table come to, as if they had been read."""
    made = table(np.random.default_rng(3), seeds, 0.4, FAR, labels=labels, **simulated)
    records = {
        (label, seed): recorded(label, seed) for label in labels for seed in made.seeds(label)
    }
    runs = Matched("reduced protocol on some images", "cifar10", 25, False, records, made)
    section = Section(runs, decide(claims_for("cifar10", 25, published=False), made))
    every = tuple(paper.trained_claims())
    others = [claim for claim in every if claim.dataset != "cifar10"]
    return Report((section,), undecided(others), (), (*records.values(), *more))


def undecided(claims):
    from kreproduce.claims.decide import Comparison, Decision

    return tuple(Decision(claim, "undecided", Comparison(()), None) for claim in claims)


def without_sections(*records):
    left_out = tuple(Skipped(record.run, "no run may be compared with it") for record in records)
    return Report((), undecided(paper.trained_claims()), left_out, records)


AUDITED = functools.cache(audit)


@functools.cache
def made(name):
    """A report, of so many runs or of a few that are compared with none."""
    if name.isdigit():
        return found(int(name) // len(LABELS), images=4_000)
    row = paper.rows(6)[0]
    few = {"none": [], "one": [recorded("baseline", 1)]}
    few["papers"] = [*few["one"], parsed(record_of(experiment_of(row), 0.95))]
    return without_sections(*few[name])


class Reports(dict):
    """By name a report and its text, made when asked for."""

    def __missing__(self, name):
        self[name] = (made(name), reproduction.markdown(made(name)))
        return self[name]


REPORTS = Reports()


@pytest.fixture(autouse=True)
def reports(monkeypatch):
    monkeypatch.setattr(reproduction, "audit", AUDITED)
    return REPORTS


def flat(text):
    """Without what wraps lines."""
    return re.sub(r"\s+", " ", text)


def summary(text):
    return flat(text.split("## Summary")[1].split("\n## ")[0])


def test_the_plan_is_that_of_the_configurations():
    assert {resolve(config).identity for config in CONFIGS.values()} == {
        settings.identity for settings in planned.networks()
    }
    assert set(CONFIGS) == set(LABELS)
    plan = (ROOT / "docs" / "campaign.md").read_text()
    assert "each with seeds 1, 2 and 3: 33 runs" in plan
    assert len(planned.networks()) * len(planned.SEEDS) == 33


@pytest.mark.parametrize("name", ["none", "one", "papers", "11", "22", "33", "44"])
def test_every_section_is_there_and_every_gap_filled(reports, name):
    text = reports[name][1]
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Summary",
        "What was reproduced",
        "What was not",
        "Obstacles",
        "Hyper-parameters",
        "Ablations",
        "What was asked of the authors",
        "Recommendations",
        "What the reduced protocol can show",
        "What it cannot",
        "How verdicts are reached",
    ]
    assert not re.search(r"\{[{%]|[%}]\}|Undefined|\bNone\b|\bnan\b", text)
    assert not re.search(r"\n{3,}| +\n|\( *\)|: *\.|  +[.,;]", text)
    assert all(line[:1] in ("-", "") or not line.startswith("   ") for line in text.splitlines())


@pytest.mark.parametrize("name", ["none", "22"])
def test_links_lead_somewhere_from_docs(reports, name):
    targets = re.findall(r"\]\(([^)]+)\)", reports[name][1])
    assert targets
    assert all((ROOT / "docs" / target.partition("#")[0]).exists() for target in targets)


def test_the_counts_are_those_of_the_audit(reports):
    text = summary(reports["none"][1])
    equal = sum(check.verdict == "equal" for check in AUDITED())
    assert f"{equal} are as printed" in text
    assert "0 differ otherwise" in text
    for kind, number in findings_by_kind().items():
        assert f"{number} × {kind}" in text
    hours = sum(run.epochs * run.epoch_seconds for run in paper.runs()) / 3600
    assert f"took {hours:.0f} hours of a GPU" in flat(reports["none"][1])


@pytest.mark.parametrize(("name", "runs"), [("none", "0 runs"), ("one", "1 run")])
def test_without_a_comparison_nothing_is_claimed(reports, name, runs):
    text = reports[name][1]
    assert f"none is decided.** {runs} of the 33 planned" in summary(text)
    assert "not reproduced, and not refuted" in summary(text)
    assert "All 41 accuracies of Tables 2 and 4 to 8" in flat(text)
    assert "C01, C02," in text.split("Claims without runs")[1]
    assert not re.search(r"\b(supported|contradicted)\b[^\"]", text)
    assert "points apart" not in text
    assert text.count("no runs that may be compared") == 9  # of the ablations


def test_what_was_not_planned_is_not_counted():
    """Be it on the same images; nor do its settings stand for those of the planned runs."""
    other = resolve(CONFIGS["baseline"], {"epochs": 2, "batch_size": 128})
    tried = parsed(record_of(other, original=True))
    report = without_sections(tried, recorded("baseline", 4), recorded("V2 4ch", 3))
    text = reproduction.markdown(report)
    assert "1 run of the 33 planned of a reduced protocol is on record" in summary(text)
    batches = re.search(r"^\| batch .*$", text, re.MULTILINE)[0]
    assert "128" not in batches


def test_a_run_of_the_papers_protocol_is_counted_and_no_more(reports):
    text = reports["papers"][1]
    assert "measured for 1 of 41 cells" in summary(text)
    assert "40 of the 41 accuracies" in flat(text)
    assert "not refuted" not in text


def test_one_seed_each_decides_nothing(reports):
    text = reports["11"][1]
    assert "none of 13 is decided" in summary(text)
    assert "one seed decides nothing" in summary(text)
    assert "For the others no runs can be compared" not in summary(text)  # there are none
    assert "preliminary: 11 of 33 planned runs (11 networks, 3 seeds each)" in summary(text)
    assert not re.search(r"\b(Supported|Contradicted):", text)
    assert "points apart" not in text


def test_claims_without_runs_are_told_from_those_of_one_seed():
    text = reproduction.markdown(found(1, labels=("baseline", "V1 16ch"), images=500))
    assert "C12 rests on one seed, and one seed decides nothing." in summary(text)
    assert "For the others no runs can be compared." in summary(text)


def test_networks_that_the_plan_leaves_out_are_named(reports):
    """After all planned runs, too."""
    for name in ("11", "33"):
        missing = flat(reports[name][1]).partition("No run is planned of ")[2].partition(".")[0]
        assert missing == "V2 8ch no L, V2 32ch no L, V2 8ch ReLU, V2 32ch ReLU and V1 32ch"


def test_the_accuracies_by_the_authors_epochs_stand_beside():
    """Which the records have of another epoch than the headline's."""
    text = reproduction.markdown(found(2, labels=("baseline", "V2 4ch"), images=500))
    assert "the accuracies are: baseline 12.30, V2 4ch 12.30." in flat(text)


@pytest.mark.parametrize(
    ("name", "said", "unsaid"),
    [
        ("22", "preliminary: 22 of 33 planned runs", "were planned"),
        ("33", "A verdict holds in this protocol and in no other", "preliminary"),
        ("44", "44 runs are on record, and 33 were planned", "preliminary"),
    ],
)
def test_verdicts_are_those_of_the_claims(reports, name, said, unsaid):
    report, text = reports[name]
    verdicts = {row["code"]: row["verdict"] for row in rows(report) if row["protocol"]}
    assert "supported" in verdicts.values()
    assert "contradicted" in verdicts.values()
    decided = [code for code, verdict in verdicts.items() if verdict != "undecided"]
    assert f"{len(decided)} of 13 are decided" in summary(text)
    for verdict in ("supported", "contradicted", "undecided"):
        codes = re.search(rf"{verdict.capitalize()}: ([^.]*)\.", summary(text))[1]
        assert re.findall(r"C\d\d", codes) == [c for c, v in verdicts.items() if v == verdict]
    assert said in summary(text)
    assert unsaid not in summary(text)
    assert "C14, C15 and C16" in text.split("Claims without runs")[1]
    assert "V2 8ch no L" in text.split("## What was not")[1]


def test_how_far_single_runs_are_apart_is_measured(reports):
    """Two runs of one network: the spread of both, which is of seeds with what they do to all."""
    report, text = reports["33"]
    spread = report.sections[0].runs.table.spread_of_one
    from scipy.stats import t

    apart = 100 * t.ppf(0.975, spread.df) * np.sqrt(2) * spread.deviation
    assert f"are up to {apart:.1f} points apart on these test images" in flat(text)
    beside = [row["high"] - row["against_plain"] for row in networks(report)]
    assert f"about {np.median(beside):.1f} points apart to be told from equal ones" in flat(text)


def networks(report):
    from kreproduce.claims.report import networks

    return [row for row in networks(report.sections[0].runs) if row["network"] != "baseline"]


def test_the_same_runs_give_the_same_text(reports):
    report, text = reports["one"]
    assert reproduction.markdown(report) == text
