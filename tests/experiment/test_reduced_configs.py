"""Every file in configs/reduced is a row's network, trained shorter; its header is true."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kreproduce import paper
from kreproduce.experiment.settings import read, resolve
from kreproduce.network.cost import count

FOLDER = Path(__file__).parents[2] / "configs" / "reduced"
FILES = sorted(FOLDER.iterdir())
HEADER = re.compile(
    r"# Reduced protocol: (?P<label>.+)\n"
    r"#\n"
    r"#   (?P<command>.+)\n"
    r"#\n"
    r"# Reduced from configs/(?P<origin>.+):\n"
    r"(?P<changes>(#   .+\n)+)"
    r"# It is of no row of the paper and can enter no table\.\n"
    r"# Parameters: (?P<parameters>[\d,]+ \([\d.]+%) of the plain network\)\n"
    r"# Computations: (?P<computations>[\d,]+ \([\d.]+%) of the plain network\)\n"
    r"(?P<body>([a-z_]+: .+\n)+)"
)
REDUCED = {"epochs": 25, "skip_strides": 1}
REDUCED_BASELINE = REDUCED | {"input_size": 32, "batch_size": 64}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request):
    return request.param


def header_of(path):
    header = HEADER.fullmatch(path.read_text())
    assert header, "the header is laid out otherwise"
    return header


def costs(path):
    architecture = resolve(read(path)).architecture
    counted = count(replace(architecture, padding="counted"))
    return {"parameters": counted.parameters, "computations": counted.computations}


def test_these_networks_and_no_others():
    assert {resolve(read(path)).model_name for path in FILES} == {
        "baseline",
        "v1-16ch",
        *(f"v2-{ch}ch" for ch in (2, 4, 8, 16, 32)),
        *(f"v2-{ch}ch-{what}" for ch in (4, 16) for what in ("nol", "relu")),
    }
    assert len(FILES) == 11


def test_it_is_the_papers_but_for_what_the_header_says(path):
    header, e = header_of(path), resolve(read(path))
    theirs = resolve(read(FOLDER.parent / header["origin"]))
    ours, theirs = e.model_dump(), theirs.model_dump()
    changed = REDUCED_BASELINE if e.variant == "baseline" else REDUCED
    names = dict.fromkeys(("dataset", "data_name"), "cifar10-heldout")
    assert {key: now for key, now in ours.items() if now != theirs[key]} == names | changed
    said = re.findall(r"(\w+) (\d+) instead of (\d+)", header["changes"])
    assert said == [
        (key, str(now), str(theirs[key])) for key, now in ours.items() if key in changed
    ]


def test_the_names(path):
    header, e = header_of(path), resolve(read(path))
    assert path.name == f"{e.dataset}-{e.epochs}epochs-{e.model_name}.yaml"
    assert header["origin"] == f"cifar10-50epochs-{e.model_name}.yaml"
    assert header["command"] == f"kreproduce run configs/reduced/{path.name}"
    origin = (FOLDER.parent / header["origin"]).read_text().splitlines()[0]
    assert header["label"] == origin.partition(": ")[2]


def test_the_network_costs_what_the_header_says(path):
    header, own = header_of(path), costs(path)
    plain = costs(FOLDER / "cifar10-heldout-25epochs-baseline.yaml")
    for name, number in own.items():
        assert header[name] == f"{number:,} ({100 * number / plain[name]:.1f}%"


def test_it_enters_no_table(path):
    e = resolve(read(path))
    assert e.published() is None
    rows = [row for table in paper.TRAINED for row in paper.rows(table)]
    assert e.dataset not in {row.dataset for row in rows}


def test_the_body_is_minimal(path):
    given, e = read(path), resolve(read(path))
    for key in given.keys() - {"dataset", "variant", "ch", "epochs"}:
        assert resolve({name: value for name, value in given.items() if name != key}) != e
