"""The report says what stands in the files of git, and nothing else; as HTML and as Markdown."""

import csv
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from claims.test_report import put
from helpers import simulated as simulation
from report.test_charts import curves, data

from kreproduce.claims import report as claims
from kreproduce.errors import DataError
from kreproduce.report import charts, formats
from kreproduce.report import page as page_module
from kreproduce.report.page import Page, Part, Table, page
from kreproduce.runs.records import read_predictions

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def shown():
    return page(claims.report(RESULTS), RESULTS)


def headings(parts):
    """Of all parts, from the first to the last."""
    for part in parts:
        yield part.heading
        yield from headings(part.parts)


def part(shown, heading):
    return next(part for part in shown.parts if part.heading == heading)


def test_the_order(shown):
    assert [part.heading for part in shown.parts] == [
        "The paper's claims about accuracy",
        "Accuracy against size",
        "The paper's tables",
        "Learning curves",
        "Confusion matrices",
        "Audit of the paper",
        "Conditions of every run",
    ]
    assert shown.verdict.count(".") == 1  # one sentence


def test_every_number_of_the_verdict_is_the_reproductions(shown):
    text = (ROOT / "docs" / "reproduction.md").read_text("utf-8")
    found = json.loads((RESULTS / "claims" / "claims.json").read_text("utf-8"))
    rows = [row for one in found["protocols"] for row in one["claims"]] + found["without_runs"]
    counts = {
        v: len({r["code"] for r in rows if r["verdict"] == v})
        for v in ("supported", "contradicted")
    }
    known = set(re.findall(r"\d+", text)) | set(map(str, counts.values())) | {str(len(rows))}
    assert set(re.findall(r"\d+", shown.verdict)) <= known
    assert f"support {counts['supported']}, contradict {counts['contradicted']} " in shown.verdict


def test_the_tables_are_those_in_git(shown):
    for number, table in enumerate(part(shown, "The paper's tables").tables, 1):
        text = (RESULTS / "tables" / f"table-{number}.md").read_text("utf-8")
        lines = [line for line in text.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        stored = [
            tuple(re.sub(r"<sup>(.*?)</sup>", r" [\1]", cell) for cell in row)
            for row in (cells[0], *cells[2:])
        ]
        headings = tuple(heading.replace("_", "\\_") for heading in table.headings)
        assert [headings, *table.rows] == stored


def test_the_claims_are_those_in_git(shown):
    found = json.loads((RESULTS / "claims" / "claims.json").read_text("utf-8"))
    drawn = {
        (smaller.heading, row[0]): dict(zip(table.headings, row, strict=True))
        for smaller in part(shown, "The paper's claims about accuracy").parts
        for table in smaller.tables
        for row in table.rows
    }
    rows = [(one["protocol"], row) for one in found["protocols"] for row in one["claims"]]
    for heading, row in rows + [("Claims without runs", row) for row in found["without_runs"]]:
        cells = drawn[heading, row["code"]]
        assert (cells["claim"], cells["verdict"]) == (row["claim"], row["verdict"])
        if row["difference"] is not None:
            assert float(cells["difference (points)"]) == pytest.approx(row["difference"], abs=5e-3)
            assert int(cells["seeds"]) == row["seeds"]
    for one in found["protocols"]:
        for network in one["networks"]:
            cells = drawn[one["protocol"], network["network"]]
            assert float(cells["accuracy (%)"]) == network["accuracy"]
            assert int(cells["parameters"].replace(",", "")) == network["parameters"]


def test_the_curves_are_those_of_the_histories(shown):
    """Each run's, epoch by epoch."""
    histories = {}
    for path in RESULTS.glob("runs/*/history.csv"):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        histories[tuple(float(row["loss"]) for row in rows)] = path
    figures = part(shown, "Learning curves").figures
    assert figures
    for figure in figures:
        rows = data(figure.draw()[0])
        for name in {row["training"] for row in rows}:
            values = tuple(row["value"] for row in rows if row["training"] == name)
            assert values in histories


def test_the_confusion_matrices_are_those_of_the_predictions(shown):
    found = claims.report(RESULTS)
    figures = part(shown, "Confusion matrices").figures
    records = [record for section in found.sections for record in section.runs.records.values()]
    assert sum(row["images"] for figure in figures for row in data(figure.draw()[0])) == sum(
        record.data.test for record in records
    )
    right = 0
    for record in records:
        made = read_predictions(RESULTS / "runs" / record.run, record)
        right += int((made.plain == made.true).sum())
    assert right == sum(
        row["images"]
        for figure in figures
        for row in data(figure.draw()[0])
        if row["true"] == row["predicted"]
    )


def test_the_conditions_are_those_of_the_records(shown):
    (table,) = part(shown, "Conditions of every run").tables
    for cells in (dict(zip(table.headings, row, strict=True)) for row in table.rows):
        record = json.loads((RESULTS / "runs" / cells["run"] / "record.json").read_text())
        accuracy = record["test"]["best_val_loss"]["accuracy"]["plain"]
        assert float(cells["test accuracy (%)"]) == pytest.approx(100 * accuracy, abs=5e-3)
        assert cells["device"] in record["conditions"]["devices"]
        assert record["code"]["commit"].startswith(cells["commit"])
        assert int(cells["cores"]) == record["conditions"]["cores"]


def test_without_runs_it_says_so(tmp_path):
    shown = page(claims.report(tmp_path), tmp_path)
    text = formats.markdown(shown)
    assert "0 of 33 planned runs" in shown.verdict
    assert text.count("No runs that may be compared are on record") == 3
    assert formats.html(shown)


@pytest.fixture
def simulated(tmp_path):
    """Eleven networks of one seed, and the results that they lie in."""
    put(tmp_path, simulation.table(np.random.default_rng(1), 1, 0.4, images=2_000))
    return claims.report(tmp_path), tmp_path


@pytest.mark.parametrize("unreadable", [1, 11])
def test_a_history_that_cannot_be_read_is_named_and_the_rest_is_there(
    simulated, monkeypatch, unreadable
):
    left = iter(range(unreadable))

    def read(path):
        if next(left, None) is not None:
            raise DataError(f"{path.name} is odd")
        return curves(loss=[2.0, 1.0])

    monkeypatch.setattr(page_module.curves, "read", read)
    (figure,) = part(page(*simulated), "Learning curves").figures
    assert sum("history.csv is odd" in line for line in figure.about) == unreadable
    drawn = {row["training"] for view in figure.draw() for row in data(view)}
    assert len(drawn) == 11 - unreadable


def test_matrices_that_are_too_large_are_named(simulated, monkeypatch):
    monkeypatch.setattr(charts, "MOST_CLASSES", 9)
    found = part(page(*simulated), "Confusion matrices")
    assert found.figures == ()
    assert len(found.text) == 11
    assert all("Not drawn, for its 10 classes: " in line for line in found.text)


def test_claims_that_protocols_disagree_on_are_counted_once(simulated):
    found, _ = simulated
    (section,) = found.sections
    one, other = (
        replace(
            section,
            decisions=tuple(replace(decision, verdict=verdict) for decision in section.decisions),
        )
        for verdict in ("supported", "contradicted")
    )
    said = page_module.verdict(replace(found, sections=(one, other)))
    assert (
        "support 0, contradict 0, support in one protocol and contradict in another 13 and leave "
        "3 undecided"
    ) in said


def test_markdown_takes_no_extra(simulated, monkeypatch):
    for name in ("altair", "vl_convert"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "## Learning curves" in formats.markdown(page(*simulated))


class Elements(HTMLParser):
    """The text, the addresses and the headings of a page."""

    def __init__(self):
        super().__init__()
        self.text, self.addresses, self.levels, self.inside = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [v for n, v in attributes if n in ("src", "href", "action", "data")]
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag in ("script", "style"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside.pop()

    def handle_data(self, text):
        if not self.inside:
            self.text.append(" ".join(text.split()))


def test_the_html_says_all_that_the_markdown_does(shown):
    """In one file, whose headings make an outline, and in which no address leads out."""
    found = Elements()
    found.feed(formats.html(shown))
    text = " ".join(filter(None, found.text))
    for heading in (shown.title, *headings(shown.parts)):
        assert heading in text
    assert shown.verdict in text
    markdown = formats.markdown(shown)
    for smaller in shown.parts:
        for table in smaller.tables:
            for row in table.rows:
                assert " ".join(" ".join(filter(None, row)).split()) in text
                assert f"| {' | '.join(map(formats._text, row))} |" in markdown
    assert all(address.startswith(("#", "data:")) for address in found.addresses)
    assert found.levels[:2] == [1, 2]
    assert all(b - a <= 1 for a, b in zip(found.levels, found.levels[1:], strict=False))


def test_what_a_run_is_called_is_no_html():
    """Nor Markdown: whatever stands in a record, it is text."""
    name = "<!--<script>alert(1)</script>|*x*[a](b)"
    wanted = Table.of(name, [{name: name}], left=())
    figure = charts.curves([curves(name, loss=[1.0, 2.0])], name)
    part = Part(name, (name,), (name,), (figure,), (wanted,))
    html = formats.html(Page(name, name, (part,)))
    assert "<!--" not in html.partition("<body>")[2].partition('<script type="module">')[0]
    assert "<script>alert" not in html
    found = Elements()
    found.feed(html)
    assert " ".join(found.text).count(name) >= 8
    escaped = r"\<!--\<script\>alert(1)\</script\>\|\*x\*\[a\](b)"
    assert formats.markdown(Page(name, name, (part,))).splitlines() == [
        f"# {escaped}",
        "",
        escaped,
        "",
        f"## {escaped}",
        "",
        escaped,
        "",
        f"- {escaped}",
        "",
        f"Figure in the HTML report: {escaped}.",
        "",
        f"**{escaped}**",
        "",
        f"| {escaped} |",
        "| ---: |",
        f"| {escaped} |",
    ]
