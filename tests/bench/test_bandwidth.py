"""What a step moves through the memory: an estimate, by hand for a small network."""

import math

import pytest

from kreproduce import paper
from kreproduce.bench import bandwidth, case
from kreproduce.bench.bandwidth import bytes_of_step, hours_of_table
from kreproduce.experiment.settings import of_row
from kreproduce.network import operations as op


def of(name, batch=64, precision="mixed_bfloat16"):
    return case.of(name, batch=batch, input_size=32, precision=precision).experiment


@pytest.mark.parametrize(
    ("operation", "input_shape", "shape", "values"),
    [
        (op.Pointwise(5, False, "glorot_uniform"), (2, 2, 3), (2, 2, 5), 3 * 12 + 3 * 20),
        (op.BatchNormalization(0.9), (2, 2, 3), (2, 2, 3), 8 * 12),
        (op.Activation("swish"), (2, 2, 3), (2, 2, 3), 0),
        (op.Add(), (2, 2, 3), (2, 2, 3), 12),
        (op.Scale(), (2, 2, 3), (2, 2, 3), 5 * 12),
        (op.GlobalAverage(flat=True), (2, 2, 3), (3,), 12),
        (op.Pad(0, 1), (2, 2, 3), (3, 3, 3), 2 * 12 + 2 * 27),
    ],
)
def test_an_operation(operation, input_shape, shape, values):
    node = op.Node("a", "a", operation, ("image",), input_shape, shape)
    assert bandwidth._moved(node) == values


def test_a_step_moves_what_was_reckoned_by_hand():
    """About 10 GB in V2 32ch in bfloat16, and hardly less in the baseline."""
    v2, baseline = (bytes_of_step(of(name), gpu=True) for name in ("v2-32ch", "baseline"))
    assert 8e9 < v2 < 11e9
    assert 0.9 < baseline / v2 < 1


def test_it_grows_with_the_batch_and_the_bytes_of_a_value():
    one = bytes_of_step(of("v2-32ch", batch=1), gpu=True)
    more = bytes_of_step(of("v2-32ch", batch=2), gpu=True) - one
    assert bytes_of_step(of("v2-32ch", batch=10), gpu=True) == one + 9 * more
    single = bytes_of_step(of("v2-32ch", batch=1, precision="float32"), gpu=True)
    assert single == one + more


def test_hours_of_a_table_are_those_of_its_distinct_runs(monkeypatch):
    """Where all steps take a second; rows with H flip train nothing of their own."""
    monkeypatch.setattr(bandwidth, "bytes_of_step", lambda experiment, gpu: 1)
    runs = {of_row(row).identity: of_row(row) for row in paper.rows(4)}
    assert len(runs) < len(paper.rows(4))
    steps = 0.0
    for run in runs.values():
        validation = 4 * 5_000 if run.validation == "fourfold" else 5_000
        training, validating = (math.ceil(n / run.batch_size) for n in (45_000, validation))
        steps += run.epochs * (training + 0.25 * validating)
    measured = {"v2-32ch": (of("v2-32ch"), 1.0)}
    assert hours_of_table(4, measured, gpu=True) == pytest.approx(steps / 3600)


def test_a_network_that_was_measured_goes_by_itself():
    both = {"v2-32ch": (of("v2-32ch"), 0.01), "baseline": (of("baseline"), 0.05)}
    one = {"v2-32ch": both["v2-32ch"]}
    assert hours_of_table(5, both, gpu=True) > hours_of_table(5, one, gpu=True)
    slow = {name: (experiment, 2 * seconds) for name, (experiment, seconds) in both.items()}
    assert hours_of_table(5, slow, gpu=True) == pytest.approx(2 * hours_of_table(5, both, gpu=True))


def test_a_copy_is_measured(monkeypatch):
    monkeypatch.setattr(bandwidth, "_COPY_BYTES", {False: 2**22})
    assert 1e7 < bandwidth.copied_a_second(gpu=False) < 1e13


def test_what_a_bench_adds_to_its_rows(monkeypatch):
    """From the times measured alone; other forms than training say nothing of steps."""
    from kreproduce.bench import networks
    from kreproduce.training.devices import Devices

    monkeypatch.setattr(bandwidth, "copied_a_second", lambda gpu: 2e12)
    cases = [
        case.of(name, batch=64, input_size=32, precision="mixed_bfloat16")
        for name in ("v2-32ch", "v2-32ch:naive")
    ]
    rows = [
        {"network": measured.name, "form": form, "seconds": seconds}
        for measured, seconds in zip(cases, (0.01, 0.1), strict=True)
        for form in ("training", "inference")
    ]
    found = networks.projected(cases, rows, Devices(True, ("A GPU",)))
    moved = bytes_of_step(cases[0].experiment, gpu=True)
    assert rows[0]["bytes_of_a_step_estimated"] == moved
    assert rows[0]["share_of_copied_estimated"] == pytest.approx(moved / 0.01 / 2e12)
    assert rows[2]["share_of_copied_estimated"] == pytest.approx(moved / 0.1 / 2e12)
    assert "share_of_copied_estimated" not in rows[1]
    fastest = {"v2-32ch": (cases[0].experiment, 0.01)}
    assert found == {
        "copied_bytes_a_second": 2e12,
        "hours_of_table_4_estimated": round(hours_of_table(4, fastest, gpu=True), 3),
        "hours_of_table_5_estimated": round(hours_of_table(5, fastest, gpu=True), 3),
    }
    assert networks.projected(cases, rows[1::2], Devices(True, ("A GPU",))) == {}
