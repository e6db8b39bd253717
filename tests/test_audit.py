from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from kreproduce import paper
from kreproduce.audit import audit, claims, not_computed, printed, rows
from kreproduce.audit.check import check
from kreproduce.audit.images import divided
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


def keys():
    return [claim.key for claim in paper.claims()]


def test_every_claim_has_its_recomputation():
    assert len(set(keys())) == len(keys()) == 124
    assert set(keys()) == set(claims.RECOMPUTED)


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
    ("key", "value"),
    [
        ("up-to", "up to 11%"),  # 138,410,206 to 123,209,110 computations
        ("swish-falls", "no"),  # 2.32, 1.71, 1.45, 1.67
        ("swish-gain", "1.45 points"),
        ("malaria-most-channels", "no"),
        ("colorectal-most-channels", "no"),
        ("comparable-ch", "16ch"),
        ("cifar10-optimum", "32ch"),
        ("colorectal-accuracy", "98.02%"),
        ("colorectal-gain", "0.40%"),
        ("malaria-below", "0.69%"),
        ("example-k2-inputs", "8"),
        ("most-are-halved", "40 of 64"),
        ("table-1-channels", "at least 160"),
    ],
)
def test_values_of_claims(key, value):
    assert claims.RECOMPUTED[key]().value == value


@pytest.fixture
def fresh_rows():
    """For tests that change what the rows are made of."""
    rows.rows.cache_clear()
    yield
    rows.rows.cache_clear()


@pytest.mark.usefixtures("fresh_rows")
def test_claims_hold_the_raw_runs_and_not_the_print(monkeypatch):
    before, published = {key: claims.RECOMPUTED[key]() for key in keys()}, paper.rows

    def misprinted(table):
        return [replace(row, test_accuracy=Decimal(1)) for row in published(table)]

    rows.rows.cache_clear()
    monkeypatch.setattr(paper, "rows", misprinted)
    changed = {key for key in keys() if claims.RECOMPUTED[key]() != before[key]}
    assert changed <= set(printed.RECOMPUTED)
    assert {"flip-accuracy", "no-l-4ch", "swish-gain", "longer-flip"} <= changed


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize(
    ("run", "keys"),
    [
        ("JP30N15-v2-8ch", {"colorectal-accuracy", "colorectal-best"}),
        ("JP30N14-v2-4ch", {"colorectal-accuracy", "colorectal-gain", "kept-colorectal"}),
        ("JP30M02-v2-8ch", {"kept-malaria", "malaria-8ch-accuracy"}),
        ("JP30I02-v2-32ch", {"kept-cifar10", "ch32-accuracy", "v2-more-accurate"}),
    ],
)
def test_a_changed_raw_run_is_different(monkeypatch, run, keys):
    runs = [
        replace(found, test_accuracy=0.5) if found.run == run else found for found in paper.runs()
    ]
    monkeypatch.setattr("kreproduce.paper.authors.runs", lambda: runs)
    checked = zip(paper.claims(), claims.checks(), strict=True)
    assert keys <= {claim.key for claim, check in checked if check.verdict == "different"}


@pytest.mark.usefixtures("fresh_rows")
def test_claims_that_rest_on_the_print_are_exactly_those_marked(monkeypatch, checks):
    """Without the accuracies that no raw run gives, just the others can be computed."""
    whole = {table: rows.rows(table) for table in paper.TRAINED}
    for table, found in whole.items():
        for row, cells in zip(paper.rows(table), found.values(), strict=True):
            if rows.raw_accuracy(row) is None:
                cells.pop("accuracy")

    def fails(key):
        try:
            claims.RECOMPUTED[key]()
        except KeyError:
            return True
        return False

    monkeypatch.setattr(rows, "rows", whole.__getitem__)
    assert {key for key in claims.RECOMPUTED if fails(key)} == set(printed.RECOMPUTED)
    marked = [check for check in checks if check.as_printed]
    assert len(marked) == len(printed.RECOMPUTED)


def test_what_is_not_computed_is_counted(checks):
    cells, text, errata = not_computed()
    checked = [c for c in checks if c.where.startswith("Table") and "accuracy" in c.claim]
    assert (len(cells.names), cells.of) == (cells.of - len(checked), 41)
    assert all(any(mark in name for mark in ("no L", "ReLU", "H Flip")) for name in cells.names)
    assert (text.names, text.of) == (tuple(k for k in keys() if k in printed.RECOMPUTED), 124)
    assert (set(errata.names), errata.of) == (NOT_COMPUTABLE, len(paper.text_errata()))


@pytest.mark.parametrize("dataset", paper.IMAGES)
def test_image_counts_are_those_of_the_split(dataset):
    parts = divided(dataset)
    assert paper.IMAGES[dataset].sizes._asdict() == {part: sum(n) for part, n in parts.items()}
    assert paper.IMAGES[dataset].total == sum(map(sum, parts.values()))


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
