"""What a run computes on, with TensorFlow's answers given."""

import pytest

from kreproduce.training import devices

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize(
    ("count", "mirrored", "replicas"), [(1, (), 1), (2, ("GPU:0", "GPU:1"), 2)]
)
def test_the_batch_is_shared_among_several_gpus(monkeypatch, count, mirrored, replicas):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(range(count)))
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": f"H200 {gpu}"}
    )
    found = devices.find()
    assert found.gpu
    assert found.names == tuple(f"H200 {i}" for i in range(count))
    assert (found.mirrored, found.replicas) == (mirrored, replicas)


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    found = devices.find()
    assert (found.gpu, found.mirrored, found.replicas) == (False, (), 1)
    assert found.names[0].endswith("cores")
