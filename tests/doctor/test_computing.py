"""What the process with the backend says: devices, threads, a step."""

import json

import pytest

from kreproduce.doctor import computing
from kreproduce.doctor.child import Answer
from kreproduce.doctor.computing import check_devices, check_step, check_threads, understood

SEEN = {
    "backend": "tensorflow",
    "refused": "",
    "gpu": True,
    "devices": ["NVIDIA H200"] * 2,
    "threads": {"intra_op": 16, "inter_op": 16},
    "environment": {"TF_USE_X": "1"},
}
STEP = {
    "network": "v2-16ch",
    "batch": 64,
    "precision": "mixed_float16",
    "xla": True,
    "seconds": 0.01,
    "first": 40.0,
}
ON_THE_CPU = SEEN | {"gpu": False, "devices": ["AMD EPYC"]}


def said(*lines, why=""):
    return understood(Answer(tuple(map(json.dumps, lines)), why))


def checks(found, gpus=2):
    return check_devices(found, gpus), check_threads(found), check_step(found, max(1, gpus))


def test_a_machine_as_it_should_be():
    devices, threads, step = checks(said(SEEN, STEP))
    assert {devices.state, threads.state, step.state} == {"ok"}
    assert devices.found == "tensorflow sees 2 × NVIDIA H200"
    assert threads.found == "16 intra-op, 16 inter-op; set are TF_USE_X=1"
    assert step.found.startswith(
        "10.0 ms for 64 images of v2-16ch in mixed_float16, with XLA; with that the 13 runs of "
        "Table 5, 2 at a time take about "
    )
    assert step.values["images_a_second"] == pytest.approx(6400)
    # 704 steps an epoch of V2 16ch's 50 are a small part of it.
    assert step.values["table_5_seconds"] > 5 * 50 * 704 * 0.01


def test_a_gpu_that_is_not_seen():
    """The sentence is that with which a run is refused."""
    why = "this machine has an NVIDIA GPU (H200), but TensorFlow sees none: run pip"
    devices, _, step = checks(said(ON_THE_CPU | {"refused": why}))
    assert (devices.state, devices.sentence) == ("fault", why)
    assert step.state == "not applicable"


def test_one_of_two_that_is_not_seen():
    devices, *_ = checks(said(SEEN | {"devices": ["NVIDIA H200"]}, STEP))
    assert devices.state == "warning"
    assert "sees NVIDIA H200, of this machine's 2 NVIDIA GPUs" in devices.found


def test_a_backend_that_was_told_to_use_the_cpu():
    devices, *_ = checks(said(ON_THE_CPU, STEP), gpus=1)
    assert devices.state == "warning"
    assert "was told to leave this machine's NVIDIA GPU alone" in devices.found


def test_a_machine_without_a_gpu():
    devices, *_ = checks(said(ON_THE_CPU, STEP), gpus=0)
    assert (devices.state, devices.found) == ("ok", "tensorflow sees AMD EPYC, no GPU")


@pytest.mark.parametrize(("backend", "times"), [("jax", "10"), ("torch", "2 to 3")])
def test_a_backend_that_is_slower_on_a_cpu(backend, times):
    devices, *_ = checks(said(ON_THE_CPU | {"backend": backend}, STEP), gpus=0)
    assert devices.state == "warning"
    assert f"no GPU; on a CPU TensorFlow was measured {times} times as fast" in devices.found
    devices, *_ = checks(said(SEEN | {"backend": backend}, STEP))
    assert devices.state == "ok"


def test_a_backend_that_crashes():
    devices, threads, step = checks(said(why="killed by SIGSEGV"))
    assert devices.state == "fault"
    assert devices.found.endswith("killed by SIGSEGV")
    assert {threads.state, step.state} == {"not applicable"}


def test_a_step_that_fails():
    devices, threads, step = checks(said(SEEN, why="a batch of 64 images does not fit"))
    assert (devices.state, threads.state, step.state) == ("ok", "ok", "fault")
    assert "no step of v2-16ch can be trained: a batch of 64 images does not fit" in step.found


@pytest.mark.parametrize("lines", [(), ("Hello",), ("{}",), (json.dumps(SEEN), "{}")])
def test_what_cannot_be_understood_is_a_fault(lines):
    found = understood(Answer(lines, ""))
    assert found.why
    assert "fault" in {check.state for check in checks(found)}


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_a_real_step():
    found = computing.compute("v2-2ch", batch=2)
    assert (found.why, found.step.network, found.step.batch) == ("", "v2-2ch", 2)
    assert found.surroundings.gpu is False
    assert 0 < found.step.seconds < found.step.first
    assert {check.state for check in checks(found, gpus=0)} == {"ok"}
