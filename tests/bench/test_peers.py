"""Beside other libraries: which tables there are, and that the networks compared are the same."""

import os

import pytest

from kreproduce.bench import case, peers
from kreproduce.bench.peers import Table
from kreproduce.errors import SettingsError


def test_nothing_is_trained_with_one_image():
    tables = peers.tables(["training", "inference"], [32, 64], [1, 32], [1, 2])
    assert len(tables) == 4 + 8
    assert Table("training", 32, 1, 1) not in tables
    assert Table("inference", 64, 1, 2) in tables
    assert str(Table("inference", 64, 1, 2)) == "inference, 64 pixels, batch 1, 2 threads"


def test_more_threads_than_cores_are_refused():
    with pytest.raises(SettingsError, match="this process may use"):
        peers.check(["tensorflow"], [10_000])


def test_rows_are_compared_with_the_fastest_of_timm_and_the_librarys_own_baseline():
    rows = [
        {"library": library, "network": network}
        for library, network in (
            ("tensorflow", "baseline"),
            ("tensorflow", "v2-4ch"),
            ("timm", "nchw"),
            ("timm", "compiled"),
        )
    ]
    seconds = ((1.0, 1.0), (3.0, 3.0), (4.0, 4.0), (2.0, 2.0))
    peers._compare(rows, [peers.Timing(each) for each in seconds])
    assert [row["times_timms_best"] for row in rows] == [0.5, 1.5, 2.0, 1.0]
    assert [row["times_the_baseline"] for row in rows] == [1.0, 3.0, None, None]


def test_a_library_whose_process_is_killed_is_left_out_and_said(monkeypatch):
    said = []
    monkeypatch.setattr(peers, "_prepare", _killed)
    table = Table("inference", 32, 1, 1)
    assert peers.measure(table, ["baseline"], ["tensorflow"], 1, said.append) == []
    assert said == [
        "inference, 32 pixels, batch 1, 1 thread: tensorflow is left out, its process was "
        "killed: too little memory?"
    ]


def _killed(*_):
    os.kill(os.getpid(), 9)


@pytest.mark.parametrize("size", [32, 64, 96, 224])
def test_timms_network_has_the_shapes_and_parameters_of_the_baseline(size):
    """Held in each bench, too. Skipped without PyTorch, which `kreproduce[peers]` installs."""
    pytest.importorskip("timm")
    from kreproduce.bench import peers_timm

    baseline = case.of("baseline", batch=2, input_size=size, precision="float32")
    peers_timm._check_same(peers_timm._network(baseline), baseline)
    other = case.of("baseline", batch=2, input_size=size + 32, precision="float32")
    with pytest.raises(RuntimeError, match="of other shapes"):
        peers_timm._check_same(peers_timm._network(baseline), other)
