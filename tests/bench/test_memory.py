"""The bench of the memory, on a hundredth of its images."""

import pytest

from kreproduce.bench import case, memory
from kreproduce.training import devices


@pytest.mark.slow
def test_every_stage_is_measured(monkeypatch):
    monkeypatch.setattr(memory, "IMAGES", 276)
    monkeypatch.setattr(memory, "STEPS", 2)
    said = []
    small = case.of("v2-2ch", batch=2, input_size=224, precision="auto")
    rows = memory.measure(small, devices.find(), said.append)
    assert [row["stage"] for row in rows] == [
        "before loading",
        "276 images loaded",
        "2 steps of 2 images trained",
        "112 views validated",
    ]
    peaks = [row["peak_host_bytes"] for row in rows]
    assert peaks == sorted(peaks)
    assert peaks[1] - peaks[0] < 4 * 276 * 224 * 224 * 3  # nothing of them in floats
    assert len(memory.shown(rows)) == 4
