from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from kreproduce import paper
from kreproduce.audit import (
    audit,
    claims,
    compare,
    lines,
    method,
    not_computed,
    printed,
    results,
    rows,
)
from kreproduce.audit.check import check
from kreproduce.audit.images import divided
from kreproduce.network import architecture, grouping
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import total_cost
from kreproduce.network.description import describe

# Known from the authors' code and from reading; nothing to recompute.
NOT_COMPUTABLE = {"interleaving", "w-l1", "reference-31", "glorot", "address", "flip-when"}


@pytest.fixture(scope="module")
def checks():
    return audit()


def test_nothing_is_different(checks):
    assert [check for check in checks if check.verdict == "different"] == []


def codes(names):
    return {finding.code for finding in paper.findings() if finding.name in names}


def test_what_is_not_equal_is_exactly_what_findings_say(checks):
    found = [check for check in checks if check.verdict != "equal"]
    assert all(check.verdict == paper.finding(check.code).kind for check in found)
    assert not any(check.code for check in checks if check.verdict == "equal")
    cells = [check for check in found if check.where.startswith("Table")]
    assert Counter(c.code for c in cells) == Counter(e.finding for e in paper.errata())
    text = Counter(check.code for check in found if not check.where.startswith("Table"))
    assert text == Counter(claim.finding for claim in paper.claims() if claim.finding)
    every = {finding.code for finding in paper.findings()}
    assert {check.code for check in found} == every - codes(NOT_COMPUTABLE)


def test_every_cell_of_the_tables_is_checked(checks):
    found = Counter(check.where for check in checks if check.where.startswith("Table"))
    counts = {1: 9 * 9, 2: 5 * 4, 3: 8 * 5, 4: 7 * 4, 5: 13 * 4, 6: 3 * 4, 7: 7 * 4, 8: 6 * 4}
    # Accuracies as far as the raw runs are published: none of "no L", ReLU and the 50-epoch flip.
    accuracies = {1: 0, 2: 5, 3: 0, 4: 6, 5: 5, 6: 3, 7: 7, 8: 6}
    assert found == {f"Table {n}": counts[n] + accuracies[n] for n in counts}


def keys():
    return [claim.key for claim in paper.claims()]


def test_every_claim_has_its_recomputation():
    assert len(set(keys())) == len(keys()) == 136
    assert set(keys()) == set(claims.RECOMPUTED)


def test_claims_name_findings_that_there_are():
    used = {claim.finding for claim in paper.claims()} - {""}
    assert used <= {finding.code for finding in paper.findings()}
    assert all(bool(claim.right) == bool(claim.finding) for claim in paper.claims())


def test_every_claim_has_words_and_what_is_right_is_not_what_is_printed():
    assert [c.key for c in paper.claims() if not c.claim or c.printed == c.right] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("abstract-computations-16ch", "2.4%"),
        ("abstract-parameters-16ch", "2.6%"),
        ("saved-colorectal", "91%"),
        ("saved-colorectal-8ch", "89%"),
        ("saved-colorectal-as-printed", "91%"),
        ("saved-malaria", "89%"),
        ("saved-malaria-4ch", "91%"),
        ("pointwise-with-se", "93.9% to 97.2%"),
        ("pointwise-imagenet-small", "71.3% to 87.1%"),
        ("pointwise-imagenet-large", "90.1% to 93.5%"),
        ("first-strides", "3"),
        ("ch2-parameters", "92.2%"),
        ("ch2-computations", "88.6%"),
        ("ch32-parameters", "76.4%"),
        ("ch32-computations", "68.4%"),
        ("beyond-table-1", "none"),
        ("third-same-input", "42.2%"),
        ("longer-flip", "yes"),
        ("up-to", "up to 11%"),  # 138,410,206 to 123,209,110 computations
        ("up-to-parameters", "up to 10%"),
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
    assert {"flip-accuracy", "no-l-4ch", "swish-gain"} <= changed


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize(
    ("run", "keys"),
    [
        ("JP30N15-v2-8ch", {"colorectal-accuracy", "colorectal-best"}),
        ("JP30N14-v2-4ch", {"colorectal-accuracy", "colorectal-gain", "kept-colorectal"}),
        ("JP30M02-v2-8ch", {"kept-malaria", "malaria-8ch-accuracy"}),
        ("JP30I02j-v2-32ch", {"longer-flip", "longer-similar"}),
        ("JP30I02-v2-32ch", {"kept-cifar10", "ch32-accuracy", "v2-more-accurate"}),
    ],
)
def test_a_changed_raw_run_is_different(monkeypatch, run, keys):
    runs = [
        replace(found, test_accuracy=0.5, flip_accuracy=found.flip_accuracy and 0.5)
        if found.run == run
        else found
        for found in paper.runs()
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
            if paper.raw_accuracy(row) is None:
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
    cells, text, findings = not_computed()
    checked = [c for c in checks if c.where.startswith("Table") and "accuracy" in c.claim]
    assert (len(cells.names), cells.of) == (9, 41)
    assert len(checked) == 32
    assert [name for name in cells.names if not name.endswith((" no L", " ReLU"))] == [
        "4 kEffNet-B0 V2 32ch + H Flip"
    ]
    assert text.names == tuple(key for key in keys() if key in printed.RECOMPUTED)
    assert text.of == len(keys())
    assert (set(findings.names), findings.of) == (codes(NOT_COMPUTABLE), len(paper.findings()))


def test_no_share_that_remains_passes_as_saved(checks):
    """A claim of what is saved, or less, or reduced is equal to no share of what remains."""
    rest = {f"{row.parameters_percent}%" for table in paper.TRAINED for row in paper.rows(table)}
    rest |= {f"{row.computations_percent}%" for table in paper.TRAINED for row in paper.rows(table)}
    saved = [c for c in checks if c.verdict == "equal" and c.where[:5] != "Table"]
    saved = [c for c in saved if any(w in c.claim for w in ("save", "saving", "less", "reduc"))]
    assert {"10%", "11%", "76%"} <= {check.printed for check in saved}
    assert not any(check.printed in rest for check in saved)


def test_figures_in_the_words_of_findings_are_recomputed():
    """What `printed`, `right` and `why` name beside the figures of the checks."""
    shares = [method._pointwise_shares(size, classes=1000).value for size in ("B5", "B6", "B7")]
    words = {f.name: f"{f.printed}; {f.right}; {f.why}" for f in paper.findings()}
    assert f"{shares[0]}, {shares[1]} and {shares[2]}" in words["pointwise"]
    b0 = method._pointwise_shares("B0", squeeze_and_excite=False).value
    assert f"(B0: {b0})" in words["pointwise"]
    malaria = {ch: compare.saved(7, f"V2 {ch}ch", "parameters", 1).value for ch in (4, 8)}
    assert f"8ch: {malaria[8]}" in words["savings"]
    assert f"Malaria saves {malaria[4]} with 4ch" in words["savings"]
    colorectal = {ch: compare.saved(8, f"V2 {ch}ch", "parameters", 1).value for ch in (4, 8)}
    assert f"Colorectal's (4ch: {colorectal[4]}" in words["savings"]
    assert f"Colorectal saves {colorectal[8]} with 8ch" in words["savings"]
    below = compare.difference(7, "baseline", "V2 4ch").value.removesuffix("%")
    assert f"{float(below):.1f} points less accurate" in words["savings"]
    assert "91.2% with 2ch as printed" in words["savings"]
    assert round(100 * (1 - 355_064 / 4_017_796), 1) == 91.2
    assert f"16ch it is {compare.percent(7, 'V2 16ch', 'computations').value}" in words["third"]
    least = results._less_than_v1("parameters", decimals=1).value
    most = results._less_than_v1("computations", decimals=2).value
    assert f"{least} fewer parameters, and {most} fewer computations" in words["up-to"]


@pytest.mark.parametrize("dataset", paper.IMAGES)
def test_image_counts_are_those_of_the_split(dataset):
    parts = divided(dataset)
    assert paper.IMAGES[dataset].sizes._asdict() == {part: sum(n) for part, n in parts.items()}
    assert paper.IMAGES[dataset].total == sum(map(sum, parts.values()))


@pytest.mark.parametrize(
    ("holds", "recomputed", "right", "verdict"),
    [
        (True, "1", "", "equal"),
        (False, "2", "2", "wrong statement"),
        (False, "2", "", "different"),
        (False, "3", "2", "different"),  # a finding, but not the known one
    ],
)
def test_verdicts(holds, recomputed, right, verdict):
    found = check("Table 1", "a", "1", recomputed, holds=holds, right=right, code="A01", why="so")
    assert found.verdict == verdict
    known = verdict == "wrong statement"
    assert (found.code, found.why) == (("A01", "so") if known else ("", ""))


def test_a_wrong_count_is_different(monkeypatch):
    monkeypatch.setattr(paper, "erratum", lambda *cell: None)
    assert Counter(check.verdict for check in audit())["different"] == len(paper.errata())


def test_an_erratum_without_its_cause_is_different(monkeypatch):
    """The cause of B1's cell is computed: trainable and untrainable parameters are the print."""
    published = paper.erratum

    def another(*cell):
        found = published(*cell)
        wrong = found and found.label == "B1" and found.column == "v2_16ch"
        return replace(found, printed="968711") if wrong else found

    monkeypatch.setattr(paper, "erratum", another)
    assert [c.claim for c in audit() if c.verdict == "different"] == ["B1: v2_16ch"]


def texts(checks, **options):
    return list(lines(checks, not_computed(), **{"equal": False} | options))


def test_what_is_not_equal_comes_first(checks):
    wrong = replace(checks[0], verdict="different", recomputed="141")
    found = texts([*checks[1:], wrong])
    assert found[0].startswith("different  Table 1: Ic 14, F 10, Ch 4: parameters: 140, recomputed")
    assert [line[:3] for line in found if line[0] == "A"] == [f.code for f in paper.findings()]
    assert not any(line.startswith("equal") for line in found)
    assert found[-2].startswith(f"{len(checks)} checks: 1 different, ")


def test_findings_are_counted_by_kind(checks):
    *_, kinds, summary, _ = texts(checks)
    counts = Counter(finding.kind for finding in paper.findings())
    assert kinds == (
        f"{len(paper.findings())} findings: {counts['misprint']} misprints, "
        f"{counts['wrong statement']} wrong statements, "
        f"{counts['needs a qualification']} that need a qualification"
    )
    equal = sum(check.verdict == "equal" for check in checks)
    assert summary.endswith(f", {equal} equal (--all lists them)")


def test_all_lists_what_is_equal_after_the_findings(checks):
    found = texts(checks, equal=True)
    equal = [place for place, line in enumerate(found) if line.startswith("equal  ")]
    assert len(equal) == sum(check.verdict == "equal" for check in checks)
    assert min(equal) > max(place for place, line in enumerate(found) if line[0] in "A ")


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
