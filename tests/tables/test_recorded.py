"""The table of whatever was recorded."""

import csv
import io
import json
from pathlib import Path

import pytest
from helpers.recorded import record_of, write

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import resolve
from kreproduce.runs import records
from kreproduce.tables import FORMATS, OWN, build, render
from kreproduce.tables.recorded import contents_recorded

ROOT = Path(__file__).parents[2]


def digits(**settings):
    return resolve({"dataset": "digits"}, settings)


def table_of(tmp_path, *made):
    for record in made:
        write(tmp_path, record)
    return contents_recorded(records.read(tmp_path).records)


def test_the_seeds_of_an_experiment_are_one_row(tmp_path):
    table = table_of(
        tmp_path,
        record_of(digits(seed=1), plain=0.90, original=False),
        record_of(digits(seed=2), plain=0.94, original=False),
        record_of(digits(seed=3), plain=0.92, original=False),
    )
    (row,) = table.rows
    assert (row["model"], row["measured_on"], row["epochs"]) == ("v2-16ch", "digits", 12)
    assert (row["measured_mean"], row["measured_sd"], row["measured_n"]) == (92.0, 2.0, 3)
    assert row["parameters"] == 623_226
    text = render(table, "text")
    assert "92.00% ± 2.00 (n = 3) [1]" in text
    assert "[1] seeds 1, 2, 3: NVIDIA H200, tensorflow, float32" in text


@pytest.mark.parametrize(
    "other",
    [{"epochs": 13}, {"ch": 8}, {"limit": 20}, {"batch_size": 8}, {"augmentation.zoom": 0.2}],
    ids=str,
)
def test_other_settings_are_other_rows(tmp_path, other):
    table = table_of(tmp_path, record_of(digits()), record_of(digits(**other)))
    assert [row["measured_n"] for row in table.rows] == [1, 1]


def test_other_images_are_other_rows(tmp_path):
    cifar10 = resolve({"dataset": "cifar10", "ch": 16})
    other = resolve({"dataset": "cifar10", "ch": 16, "data_name": "mine"})
    table = table_of(tmp_path, record_of(cifar10), record_of(other, original=False))
    assert [(row["measured_on"], row["original"]) for row in table.rows] == [
        ("cifar10", True),
        ("mine", False),
    ]


def test_settings_that_are_not_the_recipes_are_named(tmp_path):
    table = table_of(tmp_path, record_of(digits(batch_size=8, interleaving="paper")))
    assert table.rows[0]["settings"] == "interleaving paper, batch_size 8"
    assert "batch_size 8; seed 1" in table.footnotes[0]
    both = table_of(tmp_path, record_of(digits(seed=5)))
    assert {row["settings"] for row in both.rows} == {"", "interleaving paper, batch_size 8"}


def test_some_of_the_images_are_named(tmp_path):
    text = render(table_of(tmp_path, record_of(digits(limit=20))), "text")
    assert "digits, 20 of them" in text


def test_how_many_images_is_a_whole_number_also_beside_all_of_them(tmp_path):
    table = table_of(tmp_path, record_of(digits()), record_of(digits(limit=100)))
    lines = csv.DictReader(io.StringIO(render(table, "csv")))
    assert sorted(line["limit"] for line in lines) == ["", "100"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format(tmp_path, form):
    full = render(table_of(tmp_path, record_of(digits())), form)
    assert "v2-16ch" in full
    assert "Table" not in full


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", OWN)
def test_every_table_of_ours_is_named_and_may_be_empty(name, form):
    empty = OWN[name]([])
    assert empty.name == name
    assert empty.rows == []
    assert render(empty, form)


@pytest.mark.parametrize("name", OWN)
def test_the_pages_name_every_table_of_ours_and_its_columns(name):
    table = OWN[name](records.read(ROOT / "results").records)
    assert table.rows
    text = (ROOT / "results" / "README.md").read_text()
    assert [column for column in table.rows[0] if f"`{column}`" not in text] == []
    assert f"kreproduce table {name} " in (ROOT / "docs" / "tables.md").read_text()


def test_it_is_no_table_of_the_papers():
    with pytest.raises(SettingsError, match="the paper has no Table 0"):
        build(0)


def test_the_help_names_every_table_of_ours(kreproduce):
    text = kreproduce("table", "--help").output
    assert [name for name in OWN if f"|{name}" not in text] == []


def test_on_the_command_line(kreproduce):
    write(kreproduce.folder / "results", record_of(digits()))
    result = kreproduce("table", "recorded", "--format", "json")
    assert (result.code, result.message) == (0, "")
    assert json.loads(result.output)["rows"][0]["measured_mean"] == 90.0
    assert {"tensorflow", "keras"}.isdisjoint(result.imported)
    for option in (["--write"], ["--as-printed"], ["--data", "mine"]):
        refused = kreproduce("table", "recorded", *option)
        assert (refused.code, refused.output) == (2, "")
        assert "'recorded' is no table of the paper" in refused.message
