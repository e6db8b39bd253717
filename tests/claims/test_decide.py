"""What is said beside a verdict, and how many seeds would bring one."""

import numpy as np
import pytest
from helpers.simulated import LABELS, table

from kreproduce.claims.decide import LEVEL, claims_for, decide
from kreproduce.claims.statistics import Contrast
from kreproduce.claims.table import Table

CLAIMS = claims_for("cifar10", 0, published=False)
CH = [f"V2 {ch}ch" for ch in (2, 4, 8, 16, 32)]


def by_code(simulated):
    return {decision.claim.code: decision for decision in decide(CLAIMS, simulated)}


@pytest.fixture(scope="module")
def one_seed():
    return by_code(table(np.random.default_rng(1), 1, 0.4))


@pytest.fixture(scope="module")
def equal():
    """Equal networks of two seeds: nothing is decided but what is as good as something."""
    return by_code(table(np.random.default_rng(2), 2, 0.8))


@pytest.mark.parametrize("code", [claim.code for claim in CLAIMS])
def test_one_seed_shows_every_pair_of_the_claim(one_seed, code):
    claim, found = one_seed[code].claim, one_seed[code].comparison
    pairs = claim.pairs or tuple(zip(claim.rows[1:], claim.rows, strict=False))
    run = {frozenset(pair) for pair in pairs if all(n.split(" +")[0] in LABELS for n in pair)}
    assert {frozenset((row, other)) for row, other, _, _ in found.pairs} == run
    assert {seed for _, _, seed, _ in found.pairs} == {1}
    assert found.p is None
    assert one_seed[code].seeds_needed is None


def test_with_two_seeds_only_one_pair_is_shown_by_image(equal):
    assert [seed for _, _, seed, _ in equal["C04"].comparison.pairs] == [1, 2]
    assert equal["C05"].comparison.pairs == ()
    assert len(equal["C05"].comparison.each) == 2
    assert len(equal["C02"].comparison.each) == 4


def test_the_seeds_that_would_decide_are_those_that_holms_procedure_takes():
    simulated = table(np.random.default_rng(3), 2, 0.8, {"V2 16ch": 0.7})
    found = by_code(simulated)
    asked = [d for d in found.values() if d.verdict == "undecided" and d.p_adjusted is not None]
    contrast = Contrast(simulated, {"V2 16ch": 1.0, "V1 16ch": -1.0})
    assert found["C11"] in asked
    assert found["C11"].seeds_needed == contrast.seeds_needed(0.0, LEVEL / len(asked))
    assert found["C11"].seeds_needed > 2
    alone = contrast.seeds_needed(0.0, LEVEL)
    assert alone < found["C11"].seeds_needed  # the others cost seeds


def test_steps_take_the_seeds_of_their_least_certain_one():
    rising = {label: 3.0 * place for place, label in enumerate(CH)} | {"V2 32ch": 9.1}
    simulated = table(np.random.default_rng(4), 2, 0.3, rising)
    found = by_code(simulated)["C02"]
    assert found.verdict == "undecided"
    assert "from V2 16ch to V2 32ch" in found.comparison.why
    last = Contrast(simulated, {"V2 32ch": 1.0, "V2 16ch": -1.0})
    assert last.value > 0
    assert found.comparison.seeds_needed(LEVEL) == last.seeds_needed(0, LEVEL) > 2


def test_a_step_that_falls_is_named_and_contradicts():
    """All four steps are looked at, so that the p of one that falls is multiplied by four."""
    fallen = {label: 3.0 * place for place, label in enumerate(CH)} | {"V2 16ch": 3.0}
    simulated = table(np.random.default_rng(5), 3, 0.3, fallen)
    found = by_code(simulated)["C02"]
    assert found.verdict == "contradicted"
    assert "from V2 8ch to V2 16ch" in found.comparison.why
    step = Contrast(simulated, {"V2 16ch": 1.0, "V2 8ch": -1.0})
    assert found.comparison.p == pytest.approx(2 * 4 * step.p(0, "less"))
    # Were it undecided, as many seeds would be needed as bring the step's own p below a quarter.
    strict = 2 * step.p(0, "two-sided")
    assert found.comparison.seeds_needed(strict) == step.seeds_needed(0, strict / 4)
    assert step.seeds_needed(0, strict / 4) > step.seeds_needed(0, strict)


def test_a_trend_has_its_slope_and_its_seeds(equal):
    found = equal["C01"]
    assert found.comparison.slope.low < 0 < found.comparison.slope.high
    assert found.verdict == "undecided"
    assert found.seeds_needed is None or found.seeds_needed % 2 == 0
    # Three networks of two seeds cannot be told to rise, however they do; with four they can.
    rising = dict(zip(CH[:3], (0, 5, 10), strict=True))
    few = table(np.random.default_rng(6), 2, 0.1, rising, labels=("baseline", *CH[:3]))
    found = by_code(few)["C01"]
    assert found.verdict == "undecided"
    assert found.comparison.missing == ("V2 16ch", "V2 32ch")
    assert found.comparison.slope.low > 0
    assert found.comparison.seeds_needed(LEVEL) == 4


def test_two_seeds_without_a_scatter_are_not_called_one():
    """Where no other network has a second seed, how equal ones scatter is unknown."""
    simulated = table(np.random.default_rng(7), 2, 0.4, labels=("baseline", "V2 32ch"))
    first = {label: {1: runs[1]} for label, runs in simulated.correct.items()}
    both = {label: runs for label, runs in simulated.correct.items() if "V2" in label}
    found = by_code(Table(first | both))["C09"]
    assert found.comparison.seeds == (1, 2)
    assert found.verdict == "undecided"
    assert "how equal networks scatter is unknown" in found.comparison.why
    assert "one seed" not in found.comparison.why
