"""The record of a complete run: everything that is known of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kreproduce.data.record import Images
from kreproduce.experiment.settings import Experiment
from kreproduce.network.cost import count
from kreproduce.runs.folder import Digests
from kreproduce.runs.records import Outcome, Record, Rule, Timings
from kreproduce.system.provenance import now
from kreproduce.training.progress import Progress


class Cost(NamedTuple):
    """What a network costs: parameters, computations as the paper counts, and as it is trained."""

    parameters: int
    computations: int
    computations_trained: int


def cost_of(experiment: Experiment) -> Cost:
    """Return what an experiment's network costs, one of the paper's."""
    trained = count(experiment.architecture)
    counted = count(replace(experiment.architecture, padding="counted"))
    return Cost(trained.parameters, counted.computations, trained.computations)


def build_record(
    experiment: Experiment,
    cost: Cost,
    images: Images,
    progress: Progress,
    tests: Mapping[Rule, Outcome],
    seconds: Mapping[str, float],
    digests: Digests,
) -> Record:
    """Return the record, as `RunFolder.finish` writes it.

    Args:
        experiment: the settings.
        cost: of the network.
        images: what there is to say of them.
        progress: of the training, which is complete.
        tests: by rule, what the weights kept made of the test images.
        seconds: of the last session: "setup" and "test".
        digests: of the files beside it.
    """
    epochs = [epoch.seconds for epoch in progress.history]
    first, last = progress.sessions[0], progress.sessions[-1]
    return Record(
        run=experiment.run_name,
        identity=experiment.identity,
        settings=experiment,
        data=images,
        parameters=cost.parameters,
        computations=cost.computations,
        computations_trained=cost.computations_trained,
        best_epoch=progress.best,
        test=dict(tests),
        weights=digests.weights,
        history=digests.history,
        predictions=digests.predictions,
        seconds=Timings(
            **seconds,
            training=sum(epochs),
            first_epoch=epochs[0],
            median_epoch=float(np.median(epochs[1:] or epochs)),
        ),
        conditions=last.conditions,
        code=last.code,
        sessions=tuple(progress.sessions),
        started=first.started,
        finished=now(),
    )
