"""The bench of the memory, on a few images."""

from itertools import pairwise

import pytest

from kreproduce.bench import case, memory
from kreproduce.training import devices


def test_images_are_kept_on_the_devices_as_of_a_run(monkeypatch):
    monkeypatch.setattr(devices.Devices, "keep", lambda self, size: True)

    def compile_model(*arguments, kept):
        raise LookupError(kept)

    monkeypatch.setattr(memory, "compile_model", compile_model)
    small = case.of("v2-2ch", batch=2, input_size=32, precision="auto")
    with pytest.raises(LookupError) as found:
        memory.measure(small, 276, devices.Devices(False, ("a CPU",)), print)
    (kept,) = found.value.args
    assert sum(len(subset.labels) for subset in kept.subsets) == 276
    assert kept.views == 4 * max(len(subset.labels) for subset in kept.subsets)


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_every_stage_is_measured(monkeypatch):
    monkeypatch.setattr(memory, "STEPS", 2)
    said = []
    small = case.of("v2-2ch", batch=2, input_size=224, precision="auto")
    rows = memory.measure(small, 276, devices.find(), said.append)
    assert [row["stage"] for row in rows] == [
        "before loading",
        "276 images loaded",
        "2 steps of 2 images trained",
        "112 views validated",
    ]
    peaks = [row["peak_host_bytes"] for row in rows]
    # Linux counts the pages of each thread apart, and is out by a few.
    assert all(later >= earlier - 2**20 for earlier, later in pairwise(peaks))
    assert peaks[1] - peaks[0] < 4 * 276 * 224 * 224 * 3  # nothing of them in floats
    assert len(memory.cells(rows)) == 4
