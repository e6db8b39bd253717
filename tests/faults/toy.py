"""A learner without a network: one vector. It takes milliseconds, so that every moment of its
life can be the last.
"""

import io

import numpy as np
from helpers.recorded import made_up, parsed, record_of
from rich.console import Console

from kreproduce.data.dataset import Dataset, Subset
from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.runs.records import Accuracies, Outcome
from kreproduce.training import lifecycle
from kreproduce.training.console import Report
from kreproduce.training.devices import Devices
from kreproduce.training.lifecycle import Means
from kreproduce.training.record import cost_of

EPOCHS, STEPS = 3, 4
EXPERIMENT = resolve({"dataset": "digits", "epochs": EPOCHS})
IMAGES = 1000
VALIDATIONS = ((0.9, 0.3), (0.5, 0.2), (0.7, 0.6))  # loss and accuracy: a best one every epoch


class Toy:
    """A vector that each step changes; see `Learner`.

    Args:
        pauses: after how many steps of an epoch it returns, and a checkpoint is written.
        validations: loss and accuracy of each epoch.
    """

    hardware = Devices(False, ("a toy",))
    steps, validation_steps, setup_seconds = STEPS, 1, 0.0
    cost = cost_of(EXPERIMENT)
    session = parsed(record_of(EXPERIMENT)).sessions[0]

    def __init__(self, pauses=(2,), validations=VALIDATIONS):
        self.pauses, self.validations = pauses, validations
        self.vector, self.sums = np.full(100, 0.5), np.zeros(2)

    def arrays(self):
        return {"weights/w": self.vector.copy(), "sums": self.sums.copy()}

    def restore(self, arrays):
        self.vector, self.sums = arrays["weights/w"].copy(), arrays["sums"].copy()

    def fit(self, epoch, step, rate, ended):
        self.sums = np.zeros(2) if step == 0 else self.sums
        for done in range(step + 1, STEPS + 1):
            rng = np.random.default_rng([epoch, done])
            self.vector = np.sin(3 * self.vector + rng.normal(size=100))
            self.sums = self.sums + np.array([self.vector.mean(), self.vector.std()])
            if ended(done) or done in self.pauses:
                return

    def means(self):
        assert self.sums.any(), "no step of the epoch is done"
        return Means(*map(float, self.sums / STEPS))

    def validate(self, epoch):
        return Means(*self.validations[epoch])

    def weights(self):
        return {"w": self.vector.copy()}

    def save_weights(self, weights, path):
        path.write_bytes(weights["w"])

    def save_model(self, weights, path):
        path.write_bytes(weights["w"])

    def test(self, weights):
        measured = float(abs(weights["w"]).mean())
        predictions = made_up(IMAGES, EXPERIMENT.classes, measured, measured)
        plain, hflip = predictions.accuracy("plain"), predictions.accuracy("hflip")
        accuracies = Accuracies(plain=plain, hflip=hflip, vflip=0.5, hflip_vflip=0.5)
        return Outcome(loss=measured, accuracy=accuracies), predictions


class Images:
    """Where the toy's images come from; a `Source`."""

    def check(self, record):
        assert record.run == EXPERIMENT.run_name

    def load(self):
        none = Subset(np.zeros((0, 8, 8, 3), "uint8"), np.zeros(0, "int32"))
        record = parsed(record_of(EXPERIMENT, images=IMAGES)).data
        return Dataset(record.class_names, none, none, none, record)


class Quiet(Report):
    """A report to nobody, but for its warnings; `said` has its lines."""

    def __init__(self, warn=lambda text: None):
        super().__init__(Console(file=io.StringIO(), soft_wrap=True))
        self.warn = warn

    @property
    def said(self):
        return self.console.file.getvalue().splitlines()


def train(results, learner=None, *, make=None, source=None, report=None, force=False, warn=None):
    """Run the toy to its record, as `kreproduce run` does a network.

    Args:
        results: where it is recorded.
        learner: another toy.
        make: makes the learner.
        source: another one of the images.
        report: another one.
        force: as in `lifecycle.run`.
        warn: is told of warnings.
    """
    toy, report = learner or Toy(), report or Quiet(warn or (lambda text: None))
    folder, make = RunFolder(results, EXPERIMENT), make or (lambda *_: toy)
    return lifecycle.run(folder, source or Images(), make, report, force=force)
