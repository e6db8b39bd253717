"""The record of a complete run: everything that is known of it."""

from dataclasses import replace
from typing import Any

import numpy as np

from kreproduce.data.dataset import Dataset
from kreproduce.experiment import Experiment
from kreproduce.network.cost import count
from kreproduce.runs import now
from kreproduce.training.state import Progress


def record(
    experiment: Experiment,
    dataset: Dataset,
    progress: Progress,
    tests: dict[str, dict[str, Any]],
    seconds: dict[str, float],
    weights: dict[str, str],
) -> dict[str, Any]:
    """The record, as `RunFolder.finish` writes it.

    Args:
        experiment: the settings.
        dataset: the images.
        progress: of the training, which is complete.
        tests: by rule, what the weights kept made of the test images, see `evaluate`.
        seconds: of the last session, by part.
        weights: by rule, the SHA-256 of the file of the weights kept.
    """
    trained = count(experiment.architecture)
    counted = count(replace(experiment.architecture, padding="counted"))
    epochs = [epoch.seconds for epoch in progress.history]
    first, last = progress.sessions[0], progress.sessions[-1]
    return {
        "run": experiment.run_name,
        "identity": experiment.identity,
        "settings": experiment.model_dump(),
        "partial": experiment.limit is not None,
        "data": dataset.record,
        "parameters": trained.parameters,
        "computations": counted.computations,  # as the paper counts
        "computations_trained": trained.computations,
        "best_epoch": progress.best,
        "test": tests,
        "weights": weights,
        "seconds": seconds
        | {
            "training": sum(epochs),
            "first_epoch": epochs[0],
            "median_epoch": float(np.median(epochs[1:] or epochs)),
        },
        "conditions": last["conditions"],
        "code": last["code"],
        "sessions": progress.sessions,
        "started": first["started"],
        "finished": now(),
    }
