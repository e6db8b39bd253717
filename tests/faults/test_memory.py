"""A batch that does not fit into the memory: refused by the real allocator."""

import pytest
from faults.real import run

from kreproduce.runs import status


@pytest.mark.slow
def test_a_batch_that_does_not_fit(tmp_path, tally):
    """The process gets little more than it has, so that the machine's own size does not matter."""
    large = ["--limit", "1000", "--set", "batch_size=1000", "--set", "input_size=4096"]
    end = run(
        tmp_path, *large, do="little_memory", call="kreproduce.training.learner:compile_model"
    )
    assert end.code == 5, end
    assert "a batch of 1000 images of 4096x4096 does not fit into the memory" in end.message
    assert "a smaller --set batch_size=N" in end.message
    (entry,) = status.read(tmp_path)
    assert entry.state == "failed"
    assert entry.why.startswith("OutOfMemoryError: a batch of 1000 images")
    tally("out of memory")
