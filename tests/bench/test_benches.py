"""What the benches have in common: devices, conditions, and that nothing measured is lost."""

import pytest

from kreproduce.bench import benches, case, conditions, networks
from kreproduce.bench import parallel as parallel_module
from kreproduce.errors import SettingsError
from kreproduce.system import scheduling
from kreproduce.training import devices
from kreproduce.training.devices import Devices

MEASURED = case.of("v2-32ch", batch=8, input_size=32, precision="float32")


@pytest.fixture(autouse=True)
def leave_this_process_as_it_is(monkeypatch):
    for name in ("use_batch_policy", "keep_memory"):
        monkeypatch.setattr(scheduling, name, lambda: None)
    monkeypatch.setattr(parallel_module, "leave_room", lambda: None)
    monkeypatch.setattr(conditions, "cores_in_use", lambda: 0.0)


@pytest.mark.parametrize("fits", [True, False])
def test_what_was_measured_is_kept_where_the_estimates_do_not_fit(monkeypatch, fits):
    """And the peaks of the memory are those of the networks alone."""
    peaks, said = iter([7]), []

    def estimate(cases, rows, devices):
        assert next(peaks, None) is None
        if not fits:
            raise MemoryError
        return {"copied_bytes_a_second": 5}

    monkeypatch.setattr(networks, "measure", lambda *_: [])
    monkeypatch.setattr(networks, "projected", estimate)
    monkeypatch.setattr(conditions, "peak_host_memory", lambda: next(peaks))
    found = benches.steps([MEASURED], said.append, "training", "cpu", 2).conditions
    assert found["peak_host_bytes_of_all_networks"] == 7
    assert ("copied_bytes_a_second" in found) == fits
    assert any("estimates are left out" in line for line in said) != fits


@pytest.mark.parametrize(
    ("only", "forms"),
    [
        (None, ["training", "inference", "folded"]),
        ("training", ["training"]),
        ("inference", ["inference", "folded"]),
    ],
)
def test_a_half_is_measured_alone(monkeypatch, only, forms):
    asked = []
    monkeypatch.setattr(networks, "measure", lambda cases, forms, *_: asked.extend(forms) or [])
    benches.steps([MEASURED], print, only, "cpu")
    assert asked == forms


@pytest.mark.parametrize(
    ("bench", "what"),
    [
        (lambda: benches.memory(MEASURED, 276, print, "2"), "memory"),
        (lambda: benches.parallel(MEASURED, [1, 2], print, "2"), "parallel training"),
        (lambda: benches.steps([MEASURED], print, None, "2"), "inference"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_several_devices_are_refused_where_one_is_measured(monkeypatch, bench, what):
    monkeypatch.setattr(devices, "find", lambda chosen: Devices(False, ("one", "other")))
    with pytest.raises(SettingsError, match=f"^{what} is measured on one device; leave --devices"):
        bench()


@pytest.mark.parametrize(("cores", "warned"), [(1.5, True), (0.01, False), (None, False)])
def test_a_busy_machine_is_warned_of(monkeypatch, caplog, cores, warned):
    monkeypatch.setattr(conditions, "cores_in_use", lambda: cores)
    monkeypatch.setattr(networks, "measure", lambda *_: [])
    found = benches.steps([MEASURED], print, "training", "cpu").conditions
    assert found["cores_in_use_before"] == cores
    assert ("measured times will be off" in caplog.text) == warned
