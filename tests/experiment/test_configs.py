"""Every file in configs/ is a row of the paper, every row has a file, and its header is true."""

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from kreproduce import paper
from kreproduce.experiment.settings import asks_for_hflip, of_row, read, resolve
from kreproduce.network.cost import count
from kreproduce.network.description import describe

FOLDER = Path(__file__).parents[2] / "configs"
FILES = sorted(FOLDER.glob("*.yaml"))
HEADER = re.compile(
    r"# Tables? (?P<tables>[\d, and]+): (?P<label>.+)\n"
    r"#\n"
    r"#   (?P<command>.+)\n"
    r"#\n"
    r"# Test accuracy: (?P<test_accuracy>[\d.]+)%\n(?P<accuracy_note>(#   .+\n)*)"
    r"# Parameters: (?P<parameters>[\d,]+) \((?P<parameters_percent>[\d.]+)% of the baseline\)\n"
    r"(?P<parameters_note>(#   .+\n)*)"
    r"# Computations: (?P<computations>[\d,]+) "
    r"\((?P<computations_percent>[\d.]+)% of the baseline\)\n"
    r"(?P<computations_note>(#   .+\n)*)"
    r"# Authors' cost: (?P<cost>.+)\n(?P<cost_note>(#   .+\n)*)"
    r"(?P<body>([a-z_]+: .+\n)+)"
)


@dataclass
class Config:
    header: re.Match[str]
    experiment: object
    hflip: bool
    rows: list[paper.Row]

    def note(self, name):
        return " ".join(self.header[name].replace("#", " ").split())


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def config(request):
    header = HEADER.fullmatch(request.param.read_text())
    assert header, "the header is laid out otherwise"
    settings = read(request.param)
    experiment = resolve(settings)
    return Config(header, experiment, asks_for_hflip(settings), rows_of(settings))


def rows_of(settings):
    rows = (row for table in paper.TRAINED for row in paper.rows(table))
    wanted = (resolve(settings), asks_for_hflip(settings))
    return [row for row in rows if (of_row(row), row.hflip) == wanted]


def right(row, column):
    return paper.right(row.table, row.label, column) or str(getattr(row, column))


def test_every_row_has_a_file_and_every_file_is_of_a_row():
    files = defaultdict(list)
    for path in FILES:
        for row in rows_of(read(path)):
            files[row.table, row.label].append(path.name)
    rows = [(row.table, row.label) for table in paper.TRAINED for row in paper.rows(table)]
    assert sorted(files) == sorted(rows)
    assert all(len(names) == 1 for names in files.values())
    assert len(FILES) == 33
    assert len({resolve(read(path)).run_name for path in FILES}) == 31  # flips share a folder


def test_the_header_names_the_rows_and_the_command(config, request):
    path = request.node.callspec.params["config"]
    assert list(map(int, re.findall(r"\d+", config.header["tables"]))) == [
        row.table for row in config.rows
    ]
    assert {row.label for row in config.rows} == {config.header["label"]}
    assert config.header["command"] == f"kreproduce run configs/{path.name}"
    experiment = config.experiment
    name = f"{experiment.dataset}-{experiment.epochs}epochs-{experiment.model_name}"
    assert path.name == name + ("-hflip" if config.hflip else "") + ".yaml"


def test_the_network_costs_what_the_header_and_the_paper_say(config):
    architecture = config.experiment.architecture
    assert describe(architecture).nodes
    cost = count(replace(architecture, padding="counted"))
    passes = 2 if config.hflip else 1
    counts = {"parameters": cost.parameters, "computations": cost.operations * passes // 2}
    for column, counted in counts.items():
        assert config.header[column] == f"{counted:,}"
        assert {right(row, column) for row in config.rows} == {str(counted)}


@pytest.mark.parametrize("column", ["parameters", "computations"])
def test_percentages_and_the_errata(config, column):
    for row in config.rows:
        assert config.header[f"{column}_percent"] == right(row, f"{column}_percent")
    wrong = [e for e in errata(config) if e.column in (column, f"{column}_percent")]
    note = config.note(f"{column}_note")
    assert bool(note) == bool(wrong)
    for erratum in wrong:
        printed = erratum.printed
        assert (f"{int(printed):,}" if erratum.column == column else f"{printed}%") in note
    if wrong:
        assert note.startswith("printed: ")
        assert note.endswith(", an erratum")


def test_the_accuracy_is_the_published_one(config):
    assert {right(row, "test_accuracy") for row in config.rows} == {config.header["test_accuracy"]}
    wrong = [e for e in errata(config) if e.column == "test_accuracy"]
    expected = [f"printed: {e.printed}%, an erratum" for e in wrong]
    assert config.note("accuracy_note") == " ".join(expected)


def test_what_it_cost_the_authors(config):
    row = config.rows[0]
    run = paper.authors_run(
        row.dataset, row.epochs, row.variant, row.ch, row.layer_l, row.activation
    )
    cost, note = config.header["cost"], config.note("cost_note")
    assert bool(note) == row.hflip
    if run is None:
        assert cost == "unknown; no raw run of it is published"
        return
    hours = Decimal(str(run.epoch_seconds)) * run.epochs / 3600
    hours = hours.quantize(Decimal("0.1"), ROUND_HALF_UP)
    gpu = "a GPU that they do not name" if run.gpu == "not stated" else f"a {run.gpu}"
    seconds = round(run.epoch_seconds)
    assert cost == f"{hours} GPU hours on {gpu} ({run.epochs} epochs of {seconds} s)"
    if row.hflip:
        plain = note.split()[4].rstrip(",")
        assert resolve(read(FOLDER / plain)).run_name == config.experiment.run_name
        assert ("no raw run with it is published" in note) == (row.epochs == 50)


def test_the_body_is_minimal(config):
    row = config.rows[0]
    expected = {"dataset": row.dataset, "variant": row.variant}
    expected |= {} if row.ch is None else {"ch": row.ch}
    expected |= {} if row.layer_l else {"layer_l": False}
    expected |= {} if row.activation == "swish" else {"activation": row.activation}
    expected |= {"epochs": row.epochs}
    expected |= {"hflip": True} if row.hflip else {}
    given = [line.split(": ") for line in config.header["body"].splitlines()]
    assert [key for key, _ in given] == list(expected)
    assert read(FOLDER / f"{config.header['command'].split('/')[-1]}") == expected


def errata(config):
    cells = {(row.table, row.label) for row in config.rows}
    return [e for e in paper.errata() if (e.table, e.label) in cells]
