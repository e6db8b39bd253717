"""A finished run whose weights were drawn, not trained: it takes seconds, and its outputs differ.

An untrained network gives the same output for every image, and equality of such proves nothing.
"""

import io

import numpy as np
from helpers.numpy_network import drawn_weights, give
from rich.console import Console

from kreproduce.data import dataset, sources
from kreproduce.data.resize import to_side
from kreproduce.experiment.settings import resolve
from kreproduce.network.description import describe
from kreproduce.runs.folder import RunFolder
from kreproduce.training import devices, lifecycle
from kreproduce.training.console import Report
from kreproduce.training.learner import NetworkLearner

# Enlarged by a rule and a factor of which the mirror image is another than that of the image.
SETTINGS = {"dataset": "digits", "ch": 16, "epochs": 1, "resize": "opencv", "input_size": 20}


class Drawn(NetworkLearner):
    """A network that is given drawn weights instead of being trained."""

    def fit(self, epoch, step, rate, ended):
        size, rule = self._experiment.input_size, self._experiment.resize
        images = self._dataset.train.images[:64]
        shown = np.stack([to_side(image, size, rule) for image in images]) / 255
        network = self.compiled.network
        give(network, drawn_weights(describe(self._experiment.architecture), network, shown))
        ended(self.steps)


class Source:
    """The images of an experiment, where they are found by their name."""

    def __init__(self, experiment, location=None):
        self.experiment = experiment
        self.location = location or sources.locate(experiment.dataset, None)

    def check(self, record):
        raise AssertionError("there is no record yet")

    def load(self):
        return dataset.load(self.experiment, self.location)


def drawn_run(results, location=None, **settings):
    """Run it to its record below `results`; returns its folder and its record."""
    experiment = resolve(SETTINGS | settings)
    folder = RunFolder(results, experiment)
    found = devices.find("cpu", None)
    finished = lifecycle.run(
        folder,
        Source(experiment, location),
        lambda images, interruptions: Drawn(experiment, images, found, interruptions),
        Report(Console(file=io.StringIO())),
    )
    return folder.path, finished.record


def differ(probabilities):
    """Whether outputs (images, classes) differ between images, as is asked for before equality."""
    return float(np.abs(probabilities - probabilities[0]).max()) > 0.01
