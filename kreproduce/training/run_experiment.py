"""Train, test and record an experiment: `kreproduce run`, for whoever calls it in Python."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from kreproduce.data import dataset, prepare, sources
from kreproduce.data.dataset import Dataset, Fingerprints
from kreproduce.data.sources import Location
from kreproduce.errors import StateError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs.folder import RunFolder
from kreproduce.runs.records import Record
from kreproduce.system import backend, quiet, scheduling, unseen_gpus
from kreproduce.system.gpus import CPU
from kreproduce.system.interruption import Interruptions
from kreproduce.training import cluster, lifecycle
from kreproduce.training.console import Report
from kreproduce.training.lifecycle import Finished, Learner


def run_experiment(
    experiment: Experiment,
    location: Location | None = None,
    results: Path = Path("results"),
    *,
    force: bool = False,
    devices: str = "all",
    sync_batch_norm: bool = False,
    deterministic: bool | None = None,
    download: Callable[[str], object] = prepare.prepare,
    report: Report | None = None,
) -> Finished:
    """Train, test and record an experiment, or go on with it; a finished one trains nothing.

    Nothing but `experiment` decides the result. In the main thread it takes signals: Ctrl-C,
    SIGTERM, SIGHUP and SIGUSR1 save what is done.

    Args:
        experiment: the settings, as `resolve` gives them.
        location: where the images lie, as `locate` gives it; None is where they are looked for
            without a --data-dir.
        results: the folder below which runs are recorded.
        force: start over, discarding any earlier progress.
        devices: "all", a number of devices, indices such as "0,2", or "cpu".
        sync_batch_norm: whether several devices normalise over the whole batch.
        deterministic: whether equal runs give equal weights; None is yes on a CPU, no on a GPU.
        download: gets a dataset that is not there yet, by its name.
        report: is told how it goes; None prints it.

    Raises:
        KreproduceError: of `lifecycle.run`; or a DataError about the images, or a SettingsError
            about the backend or the devices.
        Interrupted: by a signal; the state is saved.
    """
    backend.tune()  # the images may be read through TensorFlow, too
    source = _Images(
        experiment, location or sources.locate(experiment.dataset, None), devices, download
    )

    def learner(images: Dataset, interruptions: Interruptions) -> Learner:
        scheduling.keep_memory()
        # Only now: importing Keras takes seconds, and bad images are refused at once.
        with quiet.silence_stderr():
            from kreproduce.training import devices as devices_module
            from kreproduce.training import steps_per_execution
            from kreproduce.training.learner import NetworkLearner

        found = devices_module.find(devices, deterministic)
        found = replace(found, sync_batch_norm=found.sync_batch_norm or sync_batch_norm)
        settings = None if force else folder.path / "settings.json"
        found = steps_per_execution.apply(found, backend.name(), results, settings)
        return NetworkLearner(experiment, images, found, interruptions)

    folder = RunFolder(results, experiment)
    return lifecycle.run(folder, source, learner, report or Report(), force=force)


class _Images:
    """The images of an experiment, from where they lie; a `Source`."""

    def __init__(
        self,
        experiment: Experiment,
        location: Location,
        devices: str,
        download: Callable[[str], object],
    ):
        self._experiment, self._location = experiment, location
        self._devices, self._download = devices, download

    def check(self, record: Record) -> None:
        """Refuse a finished run on other images."""
        check_same_images(record, self._experiment, self._location)

    def load(self) -> Dataset:
        """Return the images, when the backend can compute and nothing else is at fault."""
        backend.check()
        scheduling.use_batch_policy()
        cluster.check(os.environ.get("TF_CONFIG"))
        name = self._experiment.dataset
        if self._location.kind == "tfds" and self._location.path is None:
            if self._devices != CPU:
                unseen_gpus.check_soon()  # and not when all is there
            self._download(name)
            self._location = sources.locate(name, None)
        return dataset.load(self._experiment, self._location)


def check_same_images(
    record: Record,
    experiment: Experiment,
    location: Location,
    fingerprints: Fingerprints | None = None,
) -> None:
    """Refuse a finished run on other images under the same name: it is another experiment.

    Raises:
        StateError: the images at `location` are not those of the record.
    """
    if location.path is None:  # built in, or not here
        return
    known = fingerprints or Fingerprints()
    if known.of(experiment, location) != record.data.fingerprint:
        raise StateError(
            f"{record.run} was run on other images than those in {location.path}; "
            "give these a name of their own with --data-name"
        )
