"""What a table takes, by the time of one step."""

import pytest

from kreproduce.doctor.projection import project
from kreproduce.experiment.settings import resolve
from kreproduce.sweep.estimate import Estimates
from kreproduce.sweep.targets import find

MEASURED = resolve({"dataset": "cifar10", "ch": 16})


def test_by_the_authors_own_time_it_is_what_a_sweep_estimates():
    """A step as long as theirs gives the hours that `sweep 5 --dry-run` adds up."""
    theirs = Estimates([], "")
    runs = {
        experiment.run_name: theirs.of(experiment).seconds
        for target in find(["5"])
        for experiment in [resolve({"dataset": target.source}, target.settings)]
    }
    step = theirs.of(MEASURED).seconds / 50 / 704  # 50 epochs of 45,000 images in batches of 64
    found = project(5, MEASURED, step)
    assert found.runs == len(runs)
    assert found.seconds == pytest.approx(sum(runs.values()))


def test_in_proportion_and_side_by_side():
    one, two = project(5, MEASURED, 1.0), project(5, MEASURED, 2.0)
    assert two.seconds == pytest.approx(2 * one.seconds)
    assert one.seconds / 2 <= project(5, MEASURED, 1.0, devices=2).seconds < 0.7 * one.seconds


def test_what_the_authors_times_do_not_tell():
    assert project(5, resolve({"dataset": "digits"}), 1.0) is None
