"""One run: a network trained on a dataset as the experiment says, tested and recorded.

Knows no architecture and no dataset by name; what differs between them is in the experiment.
"""

import contextlib
import platform
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras
import numpy as np

from kreproduce import __version__
from kreproduce.data.dataset import Dataset, Subset
from kreproduce.data.layers import Enlarge, Warp
from kreproduce.errors import DivergedError, StorageError
from kreproduce.evaluation import SHOWN, evaluate
from kreproduce.experiment import Experiment
from kreproduce.network.cost import count
from kreproduce.network.model import build
from kreproduce.report import Report
from kreproduce.runs import Epoch, RunFolder, code_version, now
from kreproduce.training import devices as devices_module
from kreproduce.training.batches import (
    Batches,
    Views,
    dropout_seeds,
    plain_views,
    training_views,
    validation_views,
)
from kreproduce.training.devices import Devices
from kreproduce.training.schedule import learning_rate

# The paper keeps the first (section 2.10); the authors' runs of 50 epochs kept the second.
LOWEST_LOSS, HIGHEST_ACCURACY = "lowest validation loss", "highest validation accuracy"


def run(
    experiment: Experiment,
    dataset: Dataset,
    folder: RunFolder,
    report: Report,
    devices: Devices | None = None,
) -> dict[str, Any]:
    """Train, test and record one experiment; returns the record.

    Raises:
        DivergedError: the loss is no longer a finite number.
        KeyboardInterrupt: from the terminal; the folder then says how far the run was.
    """
    trainer = Trainer(experiment, dataset, folder, report, devices or devices_module.find())
    folder.start({"code": trainer.code, "conditions": trainer.conditions})
    try:
        trainer.train()
        trainer.test()
        record = trainer.record()
        folder.finish(record)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        why = None if interrupted else f"{type(error).__name__}: {error}"
        # What stopped the run may keep its state from being written, too.
        with contextlib.suppress(StorageError):
            folder.set_state("interrupted" if interrupted else "failed", len(trainer.history), why)
        raise
    finally:
        folder.close()
    return record


class Trainer:
    """The state of a run: the model, the history and the best epochs so far."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        folder: RunFolder,
        report: Report,
        devices: Devices,
    ):
        self.experiment = experiment
        self.dataset = dataset
        self.folder = folder
        self.report = report
        self.devices = devices
        self.started, self._clock = now(), time.perf_counter()
        self.history: list[Epoch] = []
        self.best: dict[str, int] = {}
        self.tests: dict[str, dict[str, Any]] = {}
        self.precision = experiment.gpu_precision if devices.gpu else _cpu_precision(experiment)
        self.network, self.model = self._compiled()
        self._dropouts = dropout_seeds(experiment, self.network)
        # Now, because both may be others when the run ends.
        self.code, self.conditions = code_version(), self._conditions()
        self.seconds = {"set_up": self._lap()}

    def train(self) -> None:
        """All epochs, the weights of the best ones kept on disk."""
        steps = self._batches(training_views(self.experiment, self.dataset.train, 0))
        evaluated = self._batches(validation_views(self.experiment, self.dataset.validation, 0))
        data = self.dataset.record
        self.report.say(
            f"training {self.experiment.run_name} on {data['train']:,} images, validating on "
            f"{data['validation']:,}; {self.devices.names[0]}, {self.precision}"
        )
        with self.report.training(self.experiment, len(steps), len(evaluated), self.devices):
            for epoch in range(self.experiment.epochs):
                self._epoch(epoch, epoch * len(steps))
        self.seconds["training"] = self._lap()

    def test(self) -> None:
        """Test the weights kept, shown plain and flipped."""
        for which, epoch in self.best.items():
            known = [self.tests[other] for other in self.tests if self.best[other] == epoch]
            self.tests[which] = known[0] if known else self._tested(which)
        self.seconds["test"] = self._lap()

    def record(self) -> dict[str, Any]:
        """Everything that is known of the run now that it is complete."""
        trained = count(self.experiment.architecture)
        counted = count(replace(self.experiment.architecture, padding="counted"))
        seconds = [epoch.seconds for epoch in self.history]
        return {
            "run": self.experiment.run_name,
            "identity": self.experiment.identity,
            "settings": self.experiment.model_dump(),
            "partial": self.experiment.limit is not None,
            "data": self.dataset.record,
            "parameters": trained.parameters,
            "computations": counted.computations,  # as the paper counts
            "computations_trained": trained.computations,
            "best_epoch": self.best,
            "test": self.tests,
            "seconds": self.seconds
            | {"first_epoch": seconds[0], "median_epoch": float(np.median(seconds[1:] or seconds))},
            "conditions": self.conditions,
            "code": self.code,
            "started": self.started,
            "finished": now(),
        }

    def _batches(self, views: Views) -> Batches:
        return Batches(views, self.experiment.batch_size)

    def _compiled(self) -> tuple[keras.Model, keras.Model]:
        """The network, and the model around it that warps, trains and gives logits."""
        experiment = self.experiment
        keras.utils.set_random_seed(experiment.seed)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self.devices.scope():
                network = build(experiment.architecture)
                model = _with_warp(network, experiment, self.dataset.train)
                model.compile(
                    optimizer=keras.optimizers.RMSprop(),  # Keras' defaults, as the authors'
                    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
                    # XLA makes these networks ten times slower on a CPU under TensorFlow.
                    jit_compile="auto" if self._may_compile() else False,
                )
                # Variables made in the first step would make TensorFlow trace it twice.
                model.optimizer.build(model.trainable_variables)
        finally:
            keras.config.set_dtype_policy(before)
        return network, model

    def _may_compile(self) -> bool:
        return self.devices.gpu or keras.backend.backend() == "jax"

    def _epoch(self, epoch: int, first_step: int) -> None:
        started = time.perf_counter()
        rate = learning_rate(epoch, self.experiment.cycle)
        self.model.optimizer.learning_rate = rate
        for generator, seed in self._dropouts:
            generator.state.assign([seed, first_step])
        views = training_views(self.experiment, self.dataset.train, epoch)
        steps = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: self.report.step()  # noqa: ARG005 (Keras names them)
        )
        fitted = self.model.fit(
            self._batches(views), shuffle=False, verbose=0, callbacks=[steps]
        ).history
        views = validation_views(self.experiment, self.dataset.validation, epoch)
        validated = self.model.evaluate(self._batches(views), verbose=0, return_dict=True)
        row = Epoch(
            epoch=epoch + 1,
            loss=fitted["loss"][0],
            accuracy=fitted["accuracy"][0],
            val_loss=validated["loss"],
            val_accuracy=validated["accuracy"],
            learning_rate=rate,
            seconds=time.perf_counter() - started,
        )
        if not np.isfinite([row.loss, row.val_loss]).all():
            raise DivergedError(
                f"the loss of epoch {row.epoch} is not a finite number "
                f"(training {row.loss}, validation {row.val_loss}); another --set seed=N may not"
            )
        self.history.append(row)
        self._keep_best(row)

    def _keep_best(self, row: Epoch) -> None:
        """Keep the weights if this epoch is the best, by either rule; the first of equals."""
        earlier = self.history[:-1]
        better = {
            LOWEST_LOSS: all(row.val_loss < other.val_loss for other in earlier),
            HIGHEST_ACCURACY: all(row.val_accuracy > other.val_accuracy for other in earlier),
        }
        for which in (which for which, is_better in better.items() if is_better):
            self.folder.keep_weights(which, self.network.save_weights)
            self.best[which] = row.epoch
        self.folder.write_history(self.history)
        self.folder.set_state("running", row.epoch)
        self.report.epoch(row, [which for which, is_better in better.items() if is_better])

    def _tested(self, which: str) -> dict[str, Any]:
        self.network.load_weights(self.folder.weights(which))
        self.report.say(f"testing the weights of the {which} (epoch {self.best[which]})")
        logits = {}
        for shown in SHOWN:
            views = plain_views(
                self.experiment,
                self.dataset.test,
                horizontal=shown == "horizontal",
                vertical=shown == "vertical",
            )
            logits[shown] = self.model.predict(self._batches(views), verbose=0)
        return evaluate(logits, self.dataset.test.labels, self.dataset.class_names)

    def _conditions(self) -> dict[str, Any]:
        """What may change a result a little, and what it was."""
        packages = ("keras", keras.backend.backend(), "numpy", "tensorflow-datasets")
        return {
            "devices": list(self.devices.names),
            "gpu": self.devices.gpu,
            "replicas": self.devices.replicas,
            "backend": keras.backend.backend(),
            "precision": self.precision,
            "tensor_float_32": self.devices.tensor_float_32,
            "jit_compile": bool(self.model.jit_compile),
            "hflip": self.experiment.hflip,
            "versions": {"kreproduce": __version__, "python": platform.python_version()}
            | {package: _version(package) for package in packages},
            "platform": platform.platform(),
        }

    def _lap(self) -> float:
        """Seconds since the last lap."""
        last, self._clock = self._clock, time.perf_counter()
        return self._clock - last


def _with_warp(network: keras.Model, experiment: Experiment, images: Subset) -> keras.Model:
    """From source images and warps, see `Views`, to the network's logits."""
    source = keras.Input(images.images.shape[1:], dtype="uint8", name="source")
    warp = keras.Input((2, 3), dtype="float32", name="warp")
    enlarged = Enlarge(experiment.input_size, experiment.resize, name="enlarge")(source)
    shown = Warp(name="show")([enlarged, warp])
    logits = keras.Model(network.input, network.get_layer("classifier_logits").output)
    return keras.Model([source, warp], logits(shown))


def _cpu_precision(experiment: Experiment) -> str:
    return "float32" if experiment.precision == "auto" else experiment.precision


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
