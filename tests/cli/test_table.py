import csv
import io
import json

import pytest
from helpers.recorded import experiment_of, record_of, write
from helpers.support import tree

from kreproduce import paper


@pytest.mark.parametrize("number", range(1, 9))
def test_every_table_is_printed_without_tensorflow(kreproduce, number):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("table", number)
    assert (result.code, result.message, result.imported) == (0, "", ["pandas"])
    assert result.output.startswith(f"Table {number}. ")
    assert tree(kreproduce.folder.parent) == before


def test_all_tables(kreproduce):
    output = kreproduce("table", "all").output
    assert [f"Table {n}. " in output for n in range(1, 10)] == [True] * 8 + [False]
    rows = json.loads(kreproduce("table", "all", "--format", "json").output)
    assert [table["table"] for table in rows] == list(range(1, 9))
    assert kreproduce("table", "all", "--format", "latex").output.count("\\end{table}") == 8


def test_as_printed(kreproduce):
    output = kreproduce("table", 6, "--as-printed", "--format", "csv").output
    assert [row["computations_percent"] for row in csv.DictReader(io.StringIO(output))] == [
        "100.0",
        "31.6",
        "63.3",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["9"], "the paper has no Table '9'; ask for 1 to 8, all"),
        (["0"], "the paper has no Table '0'"),
        (["five"], "the paper has no Table 'five'"),
        (["²"], "the paper has no Table"),
        (["9" * 5000], "the paper has no Table '999"),
        (["5", "--format", "pdf"], "there is no format 'pdf'"),
        (["5", "--format", "markdwn"], "did you mean 'markdown'?"),
        (["5", "--data", "../up"], "'../up' is no name of images"),
        (["5", "--data", "mine", "--as-printed"], "leave out one of the two"),
        (["1", "--data", "mine"], "Table 1 shows no trained networks; leave out"),
        (["3", "--data", "mine", "--write"], "Table 3 shows no trained networks"),
        (["3", "--force"], "--force has no meaning without --write"),
        (["all", "--format", "csv"], "ask for one table, or add --write"),
    ],
)
def test_refusals(kreproduce, arguments, message):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("table", *arguments)
    assert result.code == 2
    assert message in result.message
    assert result.message.count("\n") == 0
    assert result.message.startswith("kreproduce: ")
    assert result.output == ""
    assert tree(kreproduce.folder.parent) == before


def test_measured_cells_come_from_the_records(kreproduce):
    results = kreproduce.folder / "elsewhere"
    row = paper.rows(6)[1]
    for seed, accuracy in ((1, 0.94), (2, 0.95)):
        write(results, record_of(experiment_of(row, seed=seed), accuracy))
    (results / "runs" / "junk").mkdir()
    result = kreproduce("table", 6, "--results", "elsewhere")
    assert result.code == 0
    assert "94.50% ± 0.71 (n = 2) [2]" in result.output
    assert "+0.05" in result.output
    assert "[2] seeds 1, 2: NVIDIA H200, tensorflow, float32" in result.output
    assert (
        result.message
        == "kreproduce: junk is not counted: it has no record: the run is not complete"
    )


def test_writing(kreproduce):
    result = kreproduce("table", "all", "--write")
    assert (result.code, result.output) == (0, "wrote 16 files below results/tables\n")
    written = tree(kreproduce.folder / "results" / "tables")
    assert len(written) == 16
    assert kreproduce("table", "5", "--write", "--format", "markdown").code == 0
    assert tree(kreproduce.folder / "results" / "tables") == written
    assert written["table-5.md"].decode() == kreproduce("table", 5, "--format", "markdown").output


def test_somebody_elses_file_is_not_written_over(kreproduce):
    folder = kreproduce.folder / "results" / "tables"
    folder.mkdir(parents=True)
    (folder / "table-5.md").write_text("My notes on Table 5\n")
    before = tree(kreproduce.folder)
    result = kreproduce("table", "5", "--write")
    assert (result.code, result.output) == (7, "")
    assert "results/tables/table-5.md does not begin as the table that belongs" in result.message
    assert tree(kreproduce.folder) == before
    assert kreproduce("table", "5", "--write", "--force").code == 0
    assert (folder / "table-5.md").read_text().startswith("**Table 5. ")


def test_writing_what_other_images_gave(kreproduce):
    result = kreproduce("table", "all", "--data", "mine", "--write", "--format", "csv")
    assert (result.code, result.output) == (0, "wrote 6 files below results/tables\n")
    written = tree(kreproduce.folder / "results" / "tables")
    assert set(written) == {f"table-{number}-on-mine.csv" for number in (2, 4, 5, 6, 7, 8)}


def test_a_folder_that_cannot_be_written(kreproduce):
    (kreproduce.folder / "results").write_text("in the way")
    result = kreproduce("table", 1, "--write")
    assert result.code == 5
    assert "table-1.md cannot be written" in result.message
