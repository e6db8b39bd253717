"""Short trainings in processes of their own, on the CPU, with a network of two blocks."""

import sys
from pathlib import Path

import pytest
from faults.real import environment

from kreproduce.doctor import gpu, trial
from kreproduce.doctor.trial import Trials, short_training
from kreproduce.experiment.recipes import gpu_precision
from kreproduce.experiment.settings import resolve
from kreproduce.sweep.process import run_command

DRIVER = Path(__file__).parents[1] / "faults" / "driver.py"
SMALL = {"limit": 100, "batch_size": 10, "bn_momentum": 0.5, "epochs": 6}


def small(**settings):
    return resolve({"dataset": "digits"}, SMALL, settings)


@pytest.fixture
def trials(tmp_path):
    def command(job):
        whole = run_command(tmp_path, None)(job)
        return [sys.executable, str(DRIVER), *whole[whole.index("run") :]]

    return Trials(tmp_path, command, environment())


def test_it_is_200_steps_of_the_papers_network_in_the_recipes_precision():
    theirs = resolve({"dataset": "cifar10", "ch": 16})
    ours = short_training()
    assert ours.architecture.ch == 16
    different = {
        name
        for name in type(ours.architecture).__dataclass_fields__
        if getattr(ours.architecture, name) != getattr(theirs.architecture, name)
    }
    assert different <= {"bn_momentum"}  # which is digits' own, for few steps
    assert ours.epochs * ours.limit / theirs.batch_size == 200
    assert ours.batch_size == theirs.batch_size
    assert ours.precision == gpu_precision("cifar10", "v2", 50) == "mixed_float16"
    assert short_training("float32") == ours.model_copy(update={"precision": "float32"})


@pytest.mark.slow
def test_killed_resumed_and_beside_float32(trials):
    """What is done on a GPU, whose fault is here that there is none."""
    mixed, plain = small(precision="mixed_float16"), small(precision="float32")
    checks = {check.name: check for check in gpu.check_gpu(trials, mixed, plain)}
    assert list(checks) == ["training", "resuming", "XLA", "precision"]
    assert checks["training"].state == "fault"
    assert "in mixed_float16 on " in checks["training"].found
    assert checks["training"].found.endswith("; that is no GPU")
    assert checks["training"].values["last_loss"] < checks["training"].values["first_loss"]
    assert checks["resuming"].state == "ok", checks["resuming"]
    assert checks["resuming"].found.startswith("a training was killed (SIGKILL) after epoch ")
    assert checks["XLA"].state == "fault"
    assert checks["precision"].state == "ok", checks["precision"]
    assert 0 < checks["precision"].values["mean_apart"] < gpu.MEAN


def test_a_run_that_is_refused(tmp_path):
    """By the product's own command."""
    outcome = Trials(tmp_path, environment={"KERAS_BACKEND": "tensorflaw"}).train(small())
    assert outcome.record is None
    assert outcome.why.startswith("exit code 2: KERAS_BACKEND=tensorflaw is no backend: ")
    assert outcome.why in gpu.check_training(outcome, small()).found


def test_a_process_that_hangs_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.5)

    def command(_):
        return [sys.executable, "-c", "import time; time.sleep(60)"]

    for kill_after in (None, 1):
        outcome = Trials(tmp_path, command).train(small(), kill_after)
        assert outcome.why.startswith("it did not end within")
        assert (outcome.record, outcome.losses, outcome.killed) == (None, (), None)


def test_a_process_that_ends_before_it_is_killed(tmp_path):
    def command(_):
        return [sys.executable, "-c", "raise SystemExit('no GPU')"]

    outcome = Trials(tmp_path, command).train(small(), 1)
    assert outcome.why == "exit code 1: no GPU"
    assert outcome.killed is None
    assert "no GPU" in outcome.said
