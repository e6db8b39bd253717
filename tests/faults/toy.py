"""Training without a network: one vector, the same files in the same order as of a real run.

A test holds the order equal to a real run's. It takes milliseconds, so that every moment of it
can be the last.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from tables.recorded import made_up, parsed, record_of

from kreproduce.clock import now
from kreproduce.experiment import resolve
from kreproduce.runs import Epoch, RunFolder
from kreproduce.training.checkpoint import Checkpoint

EPOCHS, STEPS = 3, 4
EXPERIMENT = resolve({"dataset": "digits", "epochs": EPOCHS})
LOWEST_LOSS, HIGHEST_ACCURACY = "best_val_loss", "best_val_accuracy"
IMAGES = 1000
VALIDATIONS = ((0.9, 0.3), (0.5, 0.2), (0.7, 0.6))  # loss and accuracy: a best one every epoch


class Toy:
    """A run under way.

    Args:
        results: where runs are recorded.
        pauses: after how many steps of an epoch a checkpoint is written.
        validations: loss and accuracy of each epoch.
    """

    def __init__(self, results: Path, pauses=(2,), validations=VALIDATIONS, warn=None):
        self.folder = RunFolder(results, EXPERIMENT)
        self.pauses, self.validations, self.warn = pauses, validations, warn or (lambda text: None)
        self.weights, self.sums = np.full(100, 0.5), np.zeros(2)
        self.epoch = self.step = 0
        self.history, self.best, self.kept, self.sessions = [], {}, {}, []

    def run(self, force=False):
        """What `kreproduce run` does, after its settings and images are read."""
        if not force and self.folder.record() is not None:
            self.folder.tidy()
            return
        self.folder.check_free()
        self.folder.check_writable()
        self.folder.claim()
        try:
            checkpoint = None if force else self.folder.checkpoint(self.warn)
            self._open(checkpoint)
            while self.epoch < EPOCHS:
                self._epoch()
            self._finish()
        finally:
            self.folder.close()

    def _open(self, checkpoint):
        if checkpoint is not None:
            self._go_on(checkpoint)
        self.folder.check_space(self._captured())
        if checkpoint is None:
            self.folder.begin()
        self.sessions = [*self.sessions, now()]
        record = parsed(record_of(EXPERIMENT))
        self.folder.write_settings(record.sessions[0], record.data)
        self._save()
        self.folder.write_history(self.history)

    def _go_on(self, checkpoint):
        arrays, facts = checkpoint.arrays, checkpoint.facts
        self.epoch, self.step = checkpoint.epoch, checkpoint.step
        self.weights, self.sums = arrays["weights/w"].copy(), arrays["sums"].copy()
        self.history = [Epoch(**row) for row in facts["history"]]
        self.best, self.sessions = facts["best"], facts["sessions"]
        self.kept = {epoch: arrays[f"best/{epoch}/w"] for epoch in set(self.best.values())}
        for which in self.best:
            self._export(which)

    def _epoch(self):
        if self.step == 0:
            self.sums = np.zeros(2)
        while self.step < STEPS:
            self._learn()
            if self.step in self.pauses:
                self._save()
        loss, accuracy = self.validations[self.epoch]
        means = [float(value) for value in self.sums / STEPS]
        row = Epoch(self.epoch + 1, *means, loss, accuracy, 0.001, 1.0)
        better = {
            LOWEST_LOSS: all(loss < other.val_loss for other in self.history),
            HIGHEST_ACCURACY: all(accuracy > other.val_accuracy for other in self.history),
        }
        found = [which for which, is_better in better.items() if is_better]
        self.history = [*self.history, row]
        self.epoch, self.step = self.epoch + 1, 0
        self.best = self.best | dict.fromkeys(found, self.epoch)
        self.kept[self.epoch] = self.weights.copy()
        self.kept = {epoch: self.kept[epoch] for epoch in self.best.values()}
        self._save()
        for which in found:
            self._export(which)
        self.folder.write_history(self.history)

    def _learn(self):
        rng = np.random.default_rng([self.epoch, self.step])
        self.weights = np.sin(3 * self.weights + rng.normal(size=100))
        self.sums = self.sums + np.array([self.weights.mean(), self.weights.std()])
        self.step += 1

    def _finish(self):
        measured = float(abs(self.kept[self.best[LOWEST_LOSS]]).mean())
        self.folder.write_predictions(made_up(IMAGES, EXPERIMENT.classes, measured, measured))
        self.folder.write_history(self.history)
        record = record_of(EXPERIMENT, plain=measured, hflip=measured, images=IMAGES)
        own = {"best_epoch": self.best, "sessions": record["sessions"] * len(self.sessions)}
        self.folder.finish(parsed(record | own | asdict(self.folder.digests())))

    def _save(self):
        self.folder.save(self._captured())
        self.folder.set_state("running", self.epoch, self.step)

    def _captured(self):
        arrays = {"weights/w": self.weights, "sums": self.sums}
        arrays |= {f"best/{epoch}/w": kept for epoch, kept in self.kept.items()}
        history = [asdict(row) for row in self.history]
        facts = {"history": history, "best": self.best, "sessions": self.sessions}
        return Checkpoint(self.epoch, self.step, facts, arrays)

    def _export(self, which):
        self.folder.keep_weights(which, lambda path: path.write_bytes(self.kept[self.best[which]]))
