"""Tables as data, and in their formats: golden files, made from records that the test writes.

What the paper's tables are without a record of theirs stands in results/tables, and in
test_the_files_in_git below.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/tables/test_tables.py, and read the diff.
"""

import csv
import io
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from helpers.recorded import experiment_of, record_of, write

from kreproduce import paper, tables
from kreproduce.errors import SettingsError, StateError, StorageError
from kreproduce.runs import records

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]
BASELINE, PLAIN, FLIP = paper.rows(6)
HOSTILE = "50% of a {T4} #1 & \\x_y^2 ~ $5 |é <b>*"


@pytest.fixture
def results(tmp_path):
    """Table 6: 32ch is run with three seeds, the baseline only in part, other images once."""
    for seed, plain, hflip in ((1, 0.9445, 0.9495), (2, 0.942, 0.948), (3, 0.946, 0.951)):
        gpu = {"devices": [HOSTILE]} if seed == 3 else {}
        write(tmp_path, record_of(experiment_of(PLAIN, seed=seed), plain, hflip, **gpu))
    write(tmp_path, record_of(experiment_of(BASELINE, limit=100), 0.5))
    jpeg = experiment_of(PLAIN, data_name="cifar10-jpeg75")
    write(tmp_path, record_of(jpeg, 0.91, 0.92, original=False))
    return tmp_path


def build(number, results, **options):
    return tables.build(number, records.read(results).records, **options)


@cache
def committed():
    """The records in results/runs that git has."""
    command = ["git", "ls-files", "--", "results/runs/*/record.json"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    runs = {Path(name).parent.name for name in listed.splitlines()}
    return [one for one in records.read(ROOT / "results").records if one.run in runs]


CASES = {
    "table-6": (6, {}),
    "table-6-jpeg": (6, {"data": "cifar10-jpeg75"}),
    "table-8-as-printed": (8, {"as_printed": True}),
}


@pytest.mark.parametrize("form", tables.FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_golden_files(results, case, form):
    number, options = CASES[case]
    text = tables.render(build(number, results, **options), form)
    path = GOLDEN / f"{case}.{tables.FORMATS[form]}"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()


@pytest.mark.parametrize("form", tables.WRITTEN)
@pytest.mark.parametrize("number", tables.NUMBERS)
def test_the_files_in_git(number, form):
    """They are what this code makes of the committed records; `make tables` renews them.

    Of these alone: somebody may have trained a row of his own here.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    text = tables.render(tables.build(number, committed()), form)
    path = ROOT / "results" / "tables" / f"table-{number}.{tables.FORMATS[form]}"
    assert text == path.read_bytes().decode()


def test_no_golden_file_is_left_over():
    wanted = {f"{case}.{suffix}" for case in CASES for suffix in tables.FORMATS.values()}
    assert {path.name for path in GOLDEN.iterdir()} == wanted


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
def test_latex_compiles(results, tmp_path):
    cases = [(number, {}) for number in tables.NUMBERS] + list(CASES.values())
    shown = "\n".join(tables.render(build(n, results, **more), "latex") for n, more in cases)
    source = (
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
        f"\\begin{{document}}\n{shown}\\end{{document}}\n"
    )
    (tmp_path / "all.tex").write_text(source)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 0


def test_the_table_as_data(results):
    frame = tables.table(6, results=results)
    assert frame["model"].tolist() == [row.label for row in paper.rows(6)]
    assert frame["computations"].tolist() == [389_969_098, 123_209_110, 246_418_220]
    assert frame["computations_percent"].tolist() == [100.0, 31.6, 63.2]
    assert frame["differs_from_print"].tolist() == ["", "", "computations_percent"]
    assert frame["measured_n"].tolist() == [0, 3, 3]
    assert frame["measured_on"].tolist() == ["cifar10"] * 3
    assert frame["measured_mean"].iloc[1] == 94.4167
    assert frame["difference"].iloc[1] == -0.0333
    assert frame["measured_mean"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("accuracy", "text"), [(0.94449, "+0.00"), (0.94451, "+0.00"), (0.95, "+0.55"), (0.9, "-4.45")]
)
def test_differences_have_a_sign(tmp_path, accuracy, text):
    write(tmp_path, record_of(experiment_of(PLAIN), accuracy))
    contents = build(6, tmp_path)
    assert contents.columns[-1].text(contents.rows[1]) == text


def test_other_images_have_columns_so_labelled(results):
    contents = build(6, results, data="cifar10-jpeg75")
    headings = [column.heading for column in contents.columns][-3:]
    assert all(heading.endswith("on cifar10-jpeg75") for heading in headings)
    assert [row["measured_n"] for row in contents.rows] == [0, 1, 1]
    assert [row["measured_mean"] for row in contents.rows] == [None, 91, 92]
    assert {row["measured_on"] for row in contents.rows} == {"cifar10-jpeg75"}


def test_as_printed_is_what_the_paper_prints(results):
    frame = tables.table(8, results=results, as_printed=True)
    for column in ("parameters", "computations"):
        assert frame[column].tolist() == [getattr(row, column) for row in paper.rows(8)]
    printed = [float(row.test_accuracy) for row in paper.rows(8)]
    assert frame["test_accuracy"].tolist() == printed
    assert "measured_mean" not in frame
    assert "notes" not in frame
    assert tables.table(3, as_printed=True)["v2_16ch"][1] == 968_710


@pytest.mark.parametrize("number", tables.NUMBERS)
def test_marks_are_the_errata_and_the_measurements(number, results):
    contents = build(number, results)
    used = {mark for marks in contents.marks.values() for mark in marks}
    assert used == set(range(1, len(contents.footnotes) + 1))
    known = {e.column for e in paper.errata() if e.table == number}
    assert {column for _, column in contents.marks} - {"measured_mean"} == known
    assert not any("not among the known" in text for text in contents.footnotes)


def test_a_difference_that_is_no_erratum_says_so(monkeypatch):
    monkeypatch.setattr(paper, "erratum", lambda *cell: None)
    assert any("not among the known errata" in text for text in tables.build(3).footnotes)


def test_an_accuracy_that_was_not_measured_is_never_filled_in():
    for number in paper.TRAINED:
        contents = tables.build(number)
        assert {row["measured_n"] for row in contents.rows} == {0}
        assert all(column.text(contents.rows[0]) == "—" for column in contents.columns[-3:])


def test_csv_and_json_hold_the_same_cells(results):
    contents = build(6, results)
    lines = list(csv.DictReader(io.StringIO(tables.render(contents, "csv"))))
    rows = json.loads(tables.render(contents, "json"))["rows"]
    for line, row in zip(lines, rows, strict=True):
        assert row.pop("footnotes")
        assert line.keys() == row.keys()
        assert [str(value) if value is not None else "" for value in row.values()] == [
            str(float(text)) if isinstance(row[name], float) else text
            for name, text in line.items()
        ]


def test_notes_are_the_footnotes_of_the_row(results):
    baseline, plain, flip = tables.table(6, results=results)["notes"]
    assert baseline == "only partial runs, which took some of the images"
    assert plain.endswith("; seeds 1, 2: NVIDIA H200, tensorflow, float32")
    assert flip == (
        f"{plain}; kEffNet-B0 V2 32ch + H Flip: 63.2%, where the paper prints 63.3%: "
        "246,418,220 of 389,969,098 is 63.189%"
    )
    b0, b1, *_ = tables.table(3, results=results)["notes"]
    assert b0 == ""
    assert (
        "B1: 901,542, where the paper prints 968,710: 901,542 + 67,168 untrainable = 968,710"
    ) in b1
    assert "; B1: 13.81%, where the paper prints 14.84%: " in b1


@pytest.mark.parametrize("number", [0, 9, -1])
def test_there_are_eight_tables(number):
    with pytest.raises(SettingsError, match="ask for 1 to 8"):
        tables.table(number)


def test_refusals():
    with pytest.raises(SettingsError, match="did you mean 'markdown'"):
        tables.render(tables.build(1), "markdwn")
    with pytest.raises(SettingsError, match="is no name of images"):
        tables.table(2, data="../up")
    for number in (1, 3):
        with pytest.raises(SettingsError, match=f"Table {number} shows no trained networks"):
            tables.table(number, data="mine")
    with pytest.raises(SettingsError, match="leave out one of the two"):
        tables.table(2, data="mine", as_printed=True)


def test_files_are_written_one_a_table_and_format(results):
    built = [build(number, results) for number in tables.NUMBERS]
    written = tables.write(built, results, tables.FORMATS)
    assert len(written) == len(set(written)) == 40
    assert {path.name for path in (results / "tables").iterdir()} == {p.name for p in written}
    text = (results / "tables" / "table-6.md").read_text("utf-8")
    assert text == tables.render(built[5], "markdown")
    before = {path: path.read_bytes() for path in written}
    tables.write([build(n, results) for n in tables.NUMBERS], results, tables.FORMATS)
    assert before == {path: path.read_bytes() for path in written}


@pytest.mark.parametrize("form", tables.FORMATS)
def test_an_older_table_is_written_over_whatever_its_cells_and_line_ends(results, form):
    """And no other file: neither another table, nor one that only is of that format."""
    (path,) = tables.write([tables.build(5)], results, [form])
    older = path.read_bytes()
    lines = older.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]).replace(b"\n", b"\r\n"))
    tables.write([tables.build(5)], results, [form])
    assert path.read_bytes() == older
    for other in (b"", b"{\n}\n", b"".join(lines[1:])):
        path.write_bytes(other)
        with pytest.raises(StateError, match="write over it with --force"):
            tables.write([tables.build(5)], results, [form])
        assert path.read_bytes() == other
    tables.write([tables.build(5)], results, [form], force=True)
    assert path.read_bytes() == older


def test_tables_of_other_cells_have_other_files(results):
    built = [build(6, results), build(6, results, data="cifar10-jpeg75")]
    built.append(build(6, results, as_printed=True))
    names = [path.name for path in tables.write(built, results, ["csv"])]
    assert names == ["table-6.csv", "table-6-on-cifar10-jpeg75.csv", "table-6-as-printed.csv"]


def test_images_of_an_odd_name_have_files_of_their_own(results):
    built = [build(6, results, data="as-printed"), build(6, results, as_printed=True)]
    assert len(set(tables.write(built, results, ["csv"]))) == 2


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        tables.write([tables.build(1)], tmp_path, ["csv"])


def test_the_readme_says_what_every_column_means():
    text = (ROOT / "results" / "README.md").read_text("utf-8")
    for number in tables.NUMBERS:
        for column in tables.table(number, results=ROOT / "nowhere").columns:
            assert f"`{column}`" in text, column
