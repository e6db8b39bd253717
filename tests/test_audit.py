from collections import Counter

import pytest

from kreproduce import paper
from kreproduce.audit import audit, claims
from kreproduce.audit.check import check
from kreproduce.network import architecture, grouping
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import total_cost
from kreproduce.network.description import describe

# Known from the authors' code and from reading; nothing to recompute.
NOT_COMPUTABLE = {"interleaving", "w-l1", "glorot", "flip-when"}


@pytest.fixture(scope="module")
def checks():
    return audit()


def test_nothing_is_different(checks):
    assert [check for check in checks if check.verdict == "different"] == []


def test_the_errata_are_exactly_the_known_ones(checks):
    cells = [c for c in checks if c.where.startswith("Table") and c.verdict == "erratum"]
    assert {c.why for c in cells} == {e.why for e in paper.errata()}
    assert len(cells) == len(paper.errata())
    text = {c.why for c in checks if not c.where.startswith("Table") and c.verdict == "erratum"}
    assert text == {e.why for e in paper.text_errata() if e.name not in NOT_COMPUTABLE}


def test_every_cell_of_the_tables_is_checked(checks):
    found = Counter(check.where for check in checks if check.where.startswith("Table"))
    counts = {1: 9 * 9, 2: 5 * 4, 3: 8 * 5, 4: 7 * 4, 5: 13 * 4, 6: 3 * 4, 7: 7 * 4, 8: 6 * 4}
    # Accuracies as far as the raw runs are published: no "no L", ReLU and flip rows.
    accuracies = {1: 0, 2: 5, 3: 0, 4: 6, 5: 5, 6: 2, 7: 7, 8: 6}
    assert found == {f"Table {n}": counts[n] + accuracies[n] for n in counts}


def test_every_claim_has_its_recomputation():
    keys = [claim.key for claim in paper.claims()]
    assert len(set(keys)) == len(keys) == 101
    assert set(keys) == set(claims.RECOMPUTED)


def test_claims_name_errata_that_there_are():
    names = {erratum.name for erratum in paper.text_errata()}
    assert len(names) == len(paper.text_errata())
    used = {claim.erratum for claim in paper.claims()}
    assert used - {""} == names - NOT_COMPUTABLE
    assert all(bool(claim.right) == bool(claim.erratum) for claim in paper.claims())


@pytest.mark.parametrize("claim", paper.claims(), ids=lambda claim: claim.key)
def test_claims_are_in_the_papers_words(claim):
    assert claim.claim
    assert claim.printed != claim.right


@pytest.mark.parametrize(
    ("holds", "recomputed", "right", "verdict"),
    [
        (True, "1", "", "equal"),
        (False, "2", "2", "erratum"),
        (False, "2", "", "different"),
        (False, "3", "2", "different"),  # an erratum, but not the known one
    ],
)
def test_verdicts(holds, recomputed, right, verdict):
    found = check("Table 1", "a", "1", recomputed, holds=holds, right=right, why="so")
    assert found.verdict == verdict
    assert found.why == ("so" if verdict == "erratum" else "")


def test_a_wrong_count_is_different(monkeypatch):
    monkeypatch.setattr(paper, "erratum", lambda *cell: None)
    assert Counter(check.verdict for check in audit())["different"] == len(paper.errata())


def parameters(ch):
    return total_cost(describe(Architecture("v2", ch, input_size=32, skip_strides=3))).parameters


@pytest.mark.parametrize(
    ("ch", "printed", "uncapped"),
    [(2, 311_994, 298_130), (4, 354_818, 345_218), (8, 444_346, 438_394), (16, 623_226, 620_250)],
)
def test_proof_of_the_erratum_of_equation_7(monkeypatch, ch, printed, uncapped):
    """Groups that may be more than the filters give other counts than the paper prints."""

    def group(channels, filters, ch, interleave=1):
        groups = -(-channels // ch)
        return grouping.Grouping(
            channels, filters, groups, ch if groups > 1 else channels, interleave
        )

    assert parameters(ch) == printed
    monkeypatch.setattr(grouping, "group", group)
    assert parameters(ch) == uncapped


def test_proof_of_the_erratum_of_the_constraints(monkeypatch):
    """Ch <= Ic/2 and Ch <= F/2 give other counts than Table 2 prints."""

    def replace(channels, filters, ch, **options):
        if 2 * ch > min(channels, filters):
            return None
        return grouping.replace_v2(channels, filters, ch, **options)

    monkeypatch.setattr(architecture, "replace_v2", replace)
    assert (parameters(32), parameters(16)) == (1_332_358, 744_678)
