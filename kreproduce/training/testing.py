"""Testing a trained model: all test images, as they are and flipped."""

from typing import Any

import keras

from kreproduce.data.dataset import Dataset
from kreproduce.evaluation import SHOWN, evaluate
from kreproduce.experiment import Experiment
from kreproduce.interruption import Interruptions
from kreproduce.training.batches import Batches, plain_views
from kreproduce.training.pauses import Stopping


def outcome(
    model: keras.Model, experiment: Experiment, dataset: Dataset, interruptions: Interruptions
) -> dict[str, Any]:
    """What a model, as `assemble` gives it, makes of the test images; see `evaluate`.

    Raises:
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
        logits[shown] = model.predict(
            Batches(views, experiment.batch_size), verbose=0, callbacks=[Stopping(interruptions)]
        )
        interruptions.check()
    return evaluate(logits, dataset.test.labels, dataset.class_names)
