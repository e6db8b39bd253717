import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest

from kreproduce import paper
from kreproduce.errors import SettingsError

SETTINGS = ("dataset", "epochs", "variant", "ch", "layer_l", "activation", "hflip")
CELLS = (
    "parameters",
    "parameters_percent",
    "computations",
    "computations_percent",
    "test_accuracy",
)
ALL_ROWS = [row for table in paper.TRAINED for row in paper.rows(table)]


def name(row):
    return f"{row.table} {row.label}"


def rounded(value, like):
    """`value` with the decimals of the text `like`, halves up (no value here is a half)."""
    return str(value.quantize(Decimal(like), ROUND_HALF_UP))


def percent(part, whole, like):
    return rounded(100 * Decimal(part) / Decimal(whole), like)


def corrected(table, label, row, column):
    return paper.right(table, label, column) or str(getattr(row, column))


# Row counts and column sums, taken from the paper's text and not from the data files.
@pytest.mark.parametrize(
    ("table", "count", "sums"),
    [
        (2, 5, ("7293138", "181.3", "819226678", "210.1", "465.68")),
        (4, 7, ("7656042", "190.4", "996725500", "255.7", "636.17")),
        (5, 13, ("10996078", "273.6", "1309602986", "335.8", "1171.56")),
        (6, 3, ("5921658", "147.2", "759596428", "194.9", "284.26")),
        (7, 7, ("7167930", "178.8", "1003866966", "257.5", "680.92")),
        (8, 6, ("6410540", "159.4", "839490204", "215.3", "586.11")),
    ],
)
def test_trained_tables_are_the_papers(table, count, sums):
    rows = paper.rows(table)
    assert len(rows) == count
    assert tuple(str(sum(Decimal(getattr(r, c)) for r in rows)) for c in CELLS) == sums


def test_table_3_is_the_papers():
    rows = paper.size_rows()
    assert [row.size for row in rows] == [f"B{i}" for i in range(8)]
    assert sum(row.baseline for row in rows) == 179472182
    assert sum(row.v2_16ch for row in rows) == 16162864
    assert sum(row.v2_32ch for row in rows) == 25288176
    assert sum(Decimal(row.v2_16ch_percent) for row in rows) == Decimal("89.92")
    assert sum(Decimal(row.v2_32ch_percent) for row in rows) == Decimal("138.33")


def test_table_1_is_the_papers():
    rows = paper.grouping_rows()
    assert len(rows) == 9
    layers = {(row.ic, row.f, row.parameters) for row in rows}  # printed once, repeated in the file
    assert tuple(map(sum, zip(*layers, strict=True))) == (5358, 5962, 3661964)
    columns = ("ch", "g_k1", "fg_k1", "g_k2", "g_l1", "fg_l1", "g_l2", "kl_parameters")
    sums = tuple(sum(getattr(row, column) for row in rows) for column in columns)
    assert sums == (196, 505, 1461, 266, 93, 99, 1, 331856)
    assert sum(Decimal(row.percent) for row in rows) == Decimal("122.98")


@pytest.mark.parametrize("row", paper.grouping_rows(), ids=lambda r: f"{r.ic}-{r.f}-{r.ch}ch")
def test_table_1_follows_from_equations_7_to_28(row):
    def paths(channels):
        groups = -(-channels // row.ch)
        return groups, row.f // groups, row.f % groups

    has_l = row.ic >= row.f
    assert (row.g_k1, row.fg_k1, row.g_k2) == paths(row.ic)
    assert (row.g_l1, row.fg_l1, row.g_l2) == (paths(row.f) if has_l else (0, 0, 0))
    assert row.parameters == row.ic * row.f
    assert row.kl_parameters == row.f * row.ch * (2 if has_l else 1)
    assert row.percent == percent(row.kl_parameters, row.parameters, row.percent)


@pytest.mark.parametrize("column", ["parameters", "computations"])
@pytest.mark.parametrize("row", ALL_ROWS, ids=name)
def test_percentages_are_those_of_the_counts(row, column):
    baseline = paper.rows(row.table)[0]
    count = corrected(row.table, row.label, row, column)
    printed = corrected(row.table, row.label, row, f"{column}_percent")
    assert printed == percent(count, getattr(baseline, column), printed)


@pytest.mark.parametrize("column", ["v2_16ch", "v2_32ch"])
@pytest.mark.parametrize("row", paper.size_rows(), ids=lambda row: row.size)
def test_percentages_of_table_3_are_those_of_the_counts(row, column):
    count = corrected(3, row.size, row, column)
    printed = corrected(3, row.size, row, f"{column}_percent")
    assert printed == percent(count, row.baseline, printed)


def test_rows_in_several_tables_agree():
    same = defaultdict(set)
    for row in ALL_ROWS:
        same[tuple(getattr(row, s) for s in SETTINGS)].add(tuple(getattr(row, c) for c in CELLS))
    assert len(same) == 33
    assert all(len(cells) == 1 for cells in same.values())


def test_training_longer_changes_no_count():
    counts = {row.label: (row.parameters, row.computations) for row in paper.rows(4)}
    for row in paper.rows(6):
        assert counts[row.label] == (row.parameters, row.computations)


def test_b0_of_table_3_is_that_of_table_2():
    b0 = paper.size_rows()[0]
    baseline, _, v2_16ch, _, v2_32ch = (row.parameters for row in paper.rows(2))
    assert (b0.baseline, b0.v2_16ch, b0.v2_32ch) == (baseline, v2_16ch, v2_32ch)


def test_every_erratum_names_a_printed_cell_that_it_changes():
    tables = {table: {row.label: row for row in paper.rows(table)} for table in paper.TRAINED}
    tables[3] = {row.size: row for row in paper.size_rows()}
    assert len(paper.errata()) == 14
    for erratum in paper.errata():
        cell = getattr(tables[erratum.table][erratum.label], erratum.column)
        assert str(cell) == erratum.printed != erratum.right
        assert paper.right(erratum.table, erratum.label, erratum.column) == erratum.right


def raw_run(row):
    return paper.authors_run(
        row.dataset, row.epochs, row.variant, row.ch, row.layer_l, row.activation
    )


@pytest.mark.parametrize("row", [row for row in ALL_ROWS if not row.hflip], ids=name)
def test_accuracy_is_that_of_the_raw_run(row):
    run = raw_run(row)
    if not row.layer_l or row.activation == "relu":
        assert run is None
        return
    assert run is not None
    assert row.table in run.tables
    printed = corrected(row.table, row.label, row, "test_accuracy")
    assert printed == rounded(100 * Decimal(str(run.test_accuracy)), printed)


def test_the_raw_run_of_a_flip_row_is_the_plain_ones():
    """The 180-epoch run prints its flip accuracy, 0.9495; the 50-epoch flip has no raw run."""
    flips = [row for row in ALL_ROWS if row.hflip]
    assert [(row.table, paper.raw_accuracy(row)) for row in flips] == [
        (4, None),
        (6, Decimal("94.95")),
    ]
    assert flips[1].test_accuracy == Decimal("94.95")
    assert [run.run for run in paper.runs() if run.flip_accuracy is not None] == [
        "JP30I02j-v2-32ch"
    ]


def test_nine_accuracies_have_no_raw_run():
    missing = [name(row) for row in ALL_ROWS if paper.raw_accuracy(row) is None]
    assert len(missing) == 9
    assert [label for label in missing if not label.endswith((" no L", " ReLU"))] == [
        "4 kEffNet-B0 V2 32ch + H Flip"
    ]


def test_raw_runs_in_no_table_stand_behind_no_row():
    hidden = [run for run in paper.runs() if not run.tables]
    assert [(run.model, run.input_size) for run in hidden] == [("v1-16ch", 224), ("v1-32ch", 224)]
    assert {raw_run(row) for row in ALL_ROWS} == {None, *paper.runs()} - set(hidden)
    assert len(paper.runs()) == 25


def test_labels_say_the_settings():
    flip, plain = paper.rows(4)[-1], paper.rows(4)[0]
    assert [getattr(flip, s) for s in SETTINGS] == ["cifar10", 50, "v2", 32, True, "swish", True]
    assert (plain.variant, plain.ch, plain.layer_l) == ("baseline", None, True)
    settings = [(row.ch, row.layer_l, row.activation) for row in paper.rows(5)[1:4]]
    assert settings == [(4, True, "swish"), (4, False, "swish"), (4, True, "relu")]
    assert [row.variant for row in paper.rows(2)] == ["baseline", "v1", "v2", "v1", "v2"]


def test_published_is_the_first_row_of_the_settings():
    row = paper.published("cifar10", 50, "v2", 32, True, "swish", False)
    assert row == paper.rows(2)[-1]
    row = paper.published("cifar10", 180, "v2", 32, True, "swish", True)
    assert row is not None
    assert row.test_accuracy == Decimal("94.95")
    assert paper.published("malaria", 50, "v2", 32, True, "swish", False) is None


# The totals of sections 3.1 to 3.3, and the splits that the authors' code makes.
@pytest.mark.parametrize(
    ("dataset", "total", "sizes"),
    [
        ("cifar10", 60_000, (45_000, 5_000, 10_000)),
        ("malaria", 27_558, (22_046, 2_756, 2_756)),
        ("colorectal_histology", 5_000, (3_992, 504, 504)),
    ],
)
def test_image_counts(dataset, total, sizes):
    assert paper.IMAGES[dataset].total == total
    assert paper.IMAGES[dataset].sizes == sizes


@pytest.mark.parametrize("table", [0, 1, 3, 9])
def test_tables_without_trained_networks_are_refused(table):
    with pytest.raises(SettingsError, match=f"Table {table} .* 2, 4, 5, 6, 7, 8"):
        paper.rows(table)


def test_reading_the_paper_imports_nothing_heavy():
    code = (
        "import sys, kreproduce.paper as p; p.rows(2), p.runs(), p.errata(), p.IMAGES;"
        "sys.exit(bool({'numpy', 'pandas', 'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
