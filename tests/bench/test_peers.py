"""Beside other libraries: which tables there are, and that the networks compared are the same."""

import math
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import pytest

from kreproduce.bench import case, peers
from kreproduce.bench.peers import Table
from kreproduce.errors import SettingsError
from kreproduce.network.description import describe
from kreproduce.network.operations import Dropout


def test_nothing_is_trained_with_one_image():
    tables = peers.tables(["training", "inference"], [32, 64], [1, 32], [1, 2])
    assert len(tables) == 4 + 8
    assert Table("training", 32, 1, 1) not in tables
    assert Table("inference", 64, 1, 2) in tables
    assert str(Table("inference", 64, 1, 2)) == "inference, 64 pixels, batch 1, 2 threads"


ONE = [Table("inference", 32, 1, 1)]


@pytest.fixture
def installed(monkeypatch):
    """As if all libraries were there."""
    monkeypatch.setattr(peers, "find_spec", lambda name: name)


@pytest.mark.usefixtures("installed")
def test_libraries_come_in_the_order_of_their_rows():
    assert peers.check(["timm", "jax", "timm"], ["baseline"], ONE) == ["jax", "timm"]


REFUSED = {
    "unknown": (["tim"], ["baseline"], ONE, "'tim' is no library: did you mean 'timm'"),
    "none": ([], ["baseline"], ONE, "there is nothing to measure"),
    "an untrained": (["onnxruntime"], ["v2-4ch"], [Table("training", 32, 2, 1)], "nothing to meas"),
    "no network": (["jax"], ["v9"], ONE, "'v9' is no network"),
    "threads": (["jax"], ["baseline"], [Table("inference", 32, 1, 10**6)], "this process may use"),
    "size": (["timm"], ["baseline"], [Table("inference", 100, 1, 1)], "multiples of 32"),
}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("libraries", "networks", "tables", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_measured_is_refused_before(libraries, networks, tables, why):
    with pytest.raises(SettingsError, match=why):
        peers.check(libraries, networks, tables)


def test_a_library_that_is_missing_is_refused_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name == "timm" else name)
    with pytest.raises(SettingsError, match="timm is not installed, which timm takes: pip install"):
        peers.check(["timm"], ["baseline"], ONE)


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


def test_a_process_that_is_killed_and_one_that_fails_answer_by_a_sentence():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert peers._answer(pool, int, "5") == 5
        assert peers._answer(pool, int, "x").startswith("ValueError: invalid literal")
        assert peers._answer(pool, os._exit, 1) == "its process was killed: too little memory?"
        assert math.isnan(peers._seconds(pool, "baseline"))


def test_what_fails_or_is_killed_is_left_out_and_said(monkeypatch):
    said, seconds = [], {"a": 1.0, "b": 2.0, "c": math.nan}

    def answer(pool, what, *arguments):
        if what is peers._prepare:
            return {"parameters": 1} if arguments[1] != "d" else "OSError: no compiler"
        return 7

    monkeypatch.setattr(peers, "_answer", answer)
    monkeypatch.setattr(peers, "_seconds", lambda pool, name: seconds[name])
    rows = peers.measure(ONE[0], ["a", "b", "c", "d"], ["tensorflow"], 2, said.append)
    assert [(row["network"], row["seconds"], row["input_size"]) for row in rows] == [
        ("a", 1.0, 32),
        ("b", 2.0, 32),
    ]
    assert said == [
        "  tensorflow d is left out: OSError: no compiler",
        "  tensorflow c is left out: it failed or was killed while it was measured",
    ]


def test_a_first_step_that_takes_long_does_not_count(monkeypatch):
    """What TensorFlow had prepared of one network it forgot when the next was made ready."""
    taken = {"a": iter([9.0, 1.0, 1.5]), "b": iter([7.0, 2.0, 2.5])}
    monkeypatch.setattr(peers, "_answer", lambda *_: {"parameters": 1})
    monkeypatch.setattr(peers, "_seconds", lambda pool, name: next(taken[name]))
    rows = peers.measure(ONE[0], ["a", "b"], ["tensorflow"], 2, print)
    assert [row["every_repeat"] for row in rows] == [[1.0, 1.5], [2.0, 2.5]]


@pytest.mark.parametrize("size", [32, 64, 128])
def test_timms_network_has_the_shapes_and_parameters_of_the_baseline(size):
    """Held in each bench, too. Skipped without PyTorch, which `kreproduce[peers]` installs."""
    pytest.importorskip("timm")
    from kreproduce.bench import peers_timm

    baseline = case.of("baseline", batch=2, input_size=size, precision="float32")
    peers_timm._check_same(peers_timm._network(baseline), baseline)
    rates = [
        layer.drop_prob
        for layer in peers_timm._network(baseline).modules()
        if type(layer).__name__ == "DropPath"
    ]
    nodes = describe(baseline.experiment.architecture).nodes
    ours = [node.operation.rate for node in nodes if isinstance(node.operation, Dropout)][:-1]
    assert {round(rate, 6) for rate in ours} <= {round(rate, 6) for rate in rates}
    other = case.of("baseline", batch=2, input_size=64 if size == 32 else 32, precision="float32")
    with pytest.raises(RuntimeError, match="of other shapes"):
        peers_timm._check_same(peers_timm._network(baseline), other)


@pytest.mark.parametrize("form", ["training", "inference"])
def test_timms_network_is_measured(form):
    pytest.importorskip("timm")
    from kreproduce.bench import peers_timm

    kind = {"training": peers_timm.Training, "inference": peers_timm.Inference}[form]
    measured = kind(case.of("baseline", batch=2, input_size=32, precision="float32"), "nchw", 1)
    assert measured.parameters == 4_020_358
    assert measured() > 0
