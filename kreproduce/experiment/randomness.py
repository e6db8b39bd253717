"""The random numbers of a run: independent streams, each a function of (seed, epoch)."""

from enum import IntEnum

import numpy as np

from kreproduce.experiment.settings import Experiment


class Stream(IntEnum):
    """What is drawn; the numbers decide the draws, so they stay."""

    SHUFFLE = 0
    TRAINING_WARP = 1
    VALIDATION_WARP = 2
    DROPOUT = 3


def generator(experiment: Experiment, stream: Stream, epoch: int) -> np.random.Generator:
    """Return the generator of one stream in one epoch, from 0."""
    return np.random.default_rng([experiment.seed, stream, epoch])
