"""What is said of short trainings, whatever they ran on."""

import json
import os
import subprocess
import sys

import pytest
from helpers.recorded import record_of

from kreproduce.doctor import gpu
from kreproduce.doctor.trial import Outcome
from kreproduce.experiment.settings import resolve
from kreproduce.runs.records import Record

TRAINED = resolve({"dataset": "digits", "epochs": 3})


def outcome(losses=(2.3, 1.0, 0.5), killed=1, resumed=1, said="", why="", **conditions):
    return Outcome(record(resumed, **conditions), losses, killed, said, why)


def failed(why="exit code 5", killed=None):
    return Outcome(None, (), killed, "", why)


def record(resumed, **conditions):
    """Of a run on a GPU, with XLA."""
    values = record_of(TRAINED, **conditions)
    found = Record.model_validate_json(json.dumps(values))
    (first,) = found.sessions
    later = [] if resumed is None else [first.model_copy(update={"epoch": resumed})]
    return found.model_copy(update={"sessions": (first, *later)})


def test_a_training_on_a_gpu():
    check = gpu.check_training(outcome(), TRAINED)
    assert check.state == "ok"
    assert "on NVIDIA H200" in check.found
    assert "the loss went from 2.300 to 0.500" in check.found


def test_one_on_the_cpu_is_a_fault():
    check = gpu.check_training(outcome(gpu=False, devices=["AMD EPYC"]), TRAINED)
    assert check.state == "fault"
    assert "AMD EPYC" in check.found


@pytest.mark.parametrize("losses", [(2.3, 2.3, 2.3), (0.5, 1.0, 2.3)])
def test_a_loss_that_does_not_fall(losses):
    assert gpu.check_training(outcome(losses), TRAINED).state == "fault"


def test_a_training_that_failed():
    check = gpu.check_training(failed("exit code 4: the training loss is no number"), TRAINED)
    assert check.state == "fault"
    assert check.found.endswith("exit code 4: the training loss is no number")


def test_resumed():
    check = gpu.check_resuming(outcome(killed=1, resumed=2))
    assert check.state == "ok"
    assert check.found == (
        "a training was killed (SIGKILL) after epoch 1, and went on from epoch 2 to the end, 3"
    )


@pytest.mark.parametrize(
    "found",
    [
        outcome(killed=2, resumed=1),
        outcome(resumed=None),
        outcome(losses=(2.3, 0.5)),
        failed(killed=1),
    ],
    ids=["lost an epoch", "began again", "a row is missing", "failed"],
)
def test_not_resumed(found):
    assert gpu.check_resuming(found).state == "fault"


def test_not_killed():
    assert gpu.check_resuming(failed()).state == "not applicable"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (outcome(said=f"I0000 x] {gpu._COMPILED}!  This line"), "ok"),
        (outcome(said="nothing"), "warning"),
        (outcome(jit_compile=False, said=gpu._COMPILED), "fault"),
        (outcome(backend="jax"), "ok"),
        (outcome(backend="torch", jit_compile=False), "not applicable"),
        (failed(), "not applicable"),
    ],
)
def test_xla(found, state):
    assert gpu.check_xla(found).state == state


@pytest.mark.slow
def test_tensorflow_says_that_xla_compiled():
    """On a CPU as on a GPU, once a process, and only if it did."""
    script = (
        "import sys, tensorflow as tf\n"
        "tf.function(lambda x: x + x * x, jit_compile=sys.argv[1] == '1')(tf.ones(3))"
    )
    for compiled in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", script, str(int(compiled))],
            env=os.environ | gpu.LOGGING,
            capture_output=True,
            text=True,
            check=True,
        )
        assert (gpu._COMPILED in done.stderr) == compiled


@pytest.mark.parametrize(
    ("mixed", "state"),
    [
        ((2.31, 1.05, 0.55), "ok"),
        ((2.30, 1.00, 0.50), "ok"),
        ((2.30, 1.10, 0.30), "ok"),
        ((1.60, 1.30, 0.80), "fault"),
        ((2.30, 1.50, 0.90), "fault"),
        ((2.30, 0.40, 0.10), "fault"),
        ((2.30, float("nan"), 0.50), "fault"),
    ],
)
def test_precision(mixed, state):
    check = gpu.check_precision(outcome(mixed), outcome())
    assert check.state == state
    if state == "fault":
        assert check.remedy.startswith("train with --precision float32")


def test_a_precision_that_cannot_be_compared():
    assert gpu.check_precision(outcome(), failed()).state == "fault"


def test_nothing_is_compared_with_a_training_that_failed():
    class NoTrials:
        def train(self, experiment, kill_after=None):
            return failed()

    checks = list(gpu.check_gpu(NoTrials(), TRAINED, TRAINED))
    states = [check.state for check in checks]
    assert states == ["fault", "not applicable", "not applicable", "not applicable"]


def test_two_that_cannot_share_a_device():
    check = gpu.check_sharing("v9")
    assert check.state == "fault"
    assert "failed: 'v9' is no network" in check.found


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_two_share_a_device():
    check = gpu.check_sharing("v2-2ch", batch=2, seconds=0.5)
    assert check.state == "ok", check
    assert check.found.endswith(" images/s of v2-2ch")
    assert check.values["images_a_second"] > 0
