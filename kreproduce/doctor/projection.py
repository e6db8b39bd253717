"""What a table of the paper takes on a machine where one step of one network was timed."""

import math
from dataclasses import dataclass

from kreproduce import paper
from kreproduce.experiment.settings import Experiment, of_row
from kreproduce.sweep.estimate import Estimates
from kreproduce.sweep.simulate import simulate


@dataclass(frozen=True)
class Projection:
    """What a table takes.

    Attributes:
        runs: how many trainings, those of several rows counted once.
        seconds: from the begin of the first to the end of the last, a run a device.
    """

    runs: int
    seconds: float


def project(table: int, measured: Experiment, step: float, devices: int = 1) -> Projection | None:
    """How long the trainings of a table take, by one step's time.

    An epoch is all its steps, without the validation after them. The other networks are taken to
    be as many times slower or faster as they were on the authors' GPUs.

    Args:
        table: one of trained networks.
        measured: the training a step of which was timed, a row of that table.
        step: seconds.
        devices: how many runs go on at a time.

    Returns:
        None where the authors' times do not tell it.
    """
    authors = Estimates([], "")
    unit = authors.of(measured)
    wanted = {of_row(row).run_name: of_row(row) for row in paper.rows(table)}
    theirs = [authors.of(experiment) for experiment in wanted.values()]
    if unit is None or None in theirs:
        return None
    images = paper.IMAGES[measured.dataset].sizes.train
    mine = step * math.ceil(images / measured.batch_size) * measured.epochs
    lengths = [mine * found.seconds / unit.seconds for found in theirs if found is not None]
    return Projection(len(wanted), simulate(sorted(lengths, reverse=True), devices).makespan)
