"""Testing a trained model: all test images, as they are and flipped."""

import numpy as np

from kreproduce.data.dataset import Dataset
from kreproduce.data.views import plain_views
from kreproduce.errors import DivergedError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs.logits import SHOWN, cross_entropy, predict
from kreproduce.runs.predictions import Predictions
from kreproduce.runs.records import Accuracies, Outcome
from kreproduce.system.interruption import Interruptions
from kreproduce.training.interruptible import StopEvaluation
from kreproduce.training.model import CompiledModel


def outcome(
    compiled: CompiledModel, experiment: Experiment, dataset: Dataset, interruptions: Interruptions
) -> tuple[Outcome, Predictions]:
    """Return what a trained model makes of the test images.

    Raises:
        DivergedError: the loss is not a finite number.
        Interrupted: as `interruptions` took it.
    """
    logits = {}
    for shown in SHOWN:
        views = plain_views(
            experiment,
            dataset.test,
            horizontal=shown == "horizontal",
            vertical=shown == "vertical",
        )
        predicted = compiled.model.predict(
            compiled.batches(views, experiment.batch_size),
            verbose=0,
            callbacks=[StopEvaluation(interruptions)],
        )
        interruptions.check()
        logits[shown] = predicted[: len(views.order)]  # the last batch may be filled up
    true = dataset.test.labels
    loss = cross_entropy(logits["plain"], true)
    if not np.isfinite(loss):
        raise DivergedError(f"the test loss is not a finite number ({loss}); try another --seed")
    decided = predict(logits)
    accuracies = {name: float(np.mean(classes == true)) for name, classes in decided.items()}
    return (
        Outcome(loss=loss, accuracy=Accuracies(**accuracies)),
        Predictions(true, decided["plain"], decided["hflip"]),
    )
