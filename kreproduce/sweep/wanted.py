"""What the targets of a sweep mean, and the images that its runs need."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kreproduce.data.dataset import Fingerprints
from kreproduce.data.sources import Location
from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import Experiment
from kreproduce.sweep.plan import Job
from kreproduce.sweep.targets import Target
from kreproduce.system.interpreter import python
from kreproduce.training.request import resolve_request
from kreproduce.training.run_experiment import check_same_images


def experiments(
    targets: Sequence[Target],
    seeds: Sequence[int] | None,
    data_dir: Path | None,
    data_name: str | None,
    overrides: list[str],
) -> tuple[list[tuple[Target, Experiment]], dict[str, Location]]:
    """Return what each target means, all of a seed before the next; and where each dataset lies.

    Args:
        targets: rows of the paper and settings files.
        seeds: None leaves each experiment its own.
        data_dir: the folder of the images; None where they are found by the dataset's name.
        data_name: what they are called; None for the usual name.
        overrides: `key=value` pairs, over every target's own settings.

    Raises:
        SettingsError: a setting is refused, or has no meaning.
        DataError: `data_dir` does not hold a dataset.
    """
    wanted, locations = [], {}
    for number in [None] if seeds is None else seeds:
        for target in targets:
            flags = target.settings | ({} if number is None else {"seed": number})
            flags |= {"data_name": data_name} if data_name else {}
            experiment, location = _experiment(target, flags, overrides, data_dir)
            wanted.append((target, experiment))
            locations[experiment.dataset] = location
    return wanted, locations


def _experiment(
    target: Target, flags: dict[str, Any], overrides: list[str], data_dir: Path | None
) -> tuple[Experiment, Location]:
    """Return what a target means, with what was set beside it.

    Raises:
        SettingsError: it names the file at fault, of the many that there may be.
    """
    try:
        experiment, location, _ = resolve_request(target.source, flags, overrides, data_dir)
        return experiment, location
    except SettingsError as error:
        if target.table is not None or not (flags or overrides):
            raise
        resolve_request(target.source, {}, [], data_dir)
        raise SettingsError(f"{target.source} with the options given: {error}") from None


def check_images(jobs: Iterable[Job], locations: Mapping[str, Location], *, tidy: bool) -> None:
    """Refuse a finished run on other images under the same name, for it is not what is wanted.

    Args:
        jobs: the plan.
        locations: where the images of each dataset lie.
        tidy: whether finished runs are cleared of what a killed process left.

    Raises:
        StateError: a finished run was run on other images.
    """
    fingerprints = Fingerprints()
    for job in jobs:
        record = job.folder.record() if job.state == "done" else None
        if record is not None:
            location = locations[job.experiment.dataset]
            check_same_images(record, job.experiment, location, fingerprints)
            if tidy:
                job.folder.tidy()


def unprepared(locations: Mapping[str, Location]) -> set[str]:
    """Return the datasets that are still to be downloaded."""
    return {
        dataset
        for dataset, location in locations.items()
        if location.kind == "tfds" and location.path is None
    }


def prepare(datasets: Iterable[str]) -> None:
    """Download what is not there yet; a run without its images says so itself."""
    for dataset in datasets:
        subprocess.run(python("-m", "kreproduce", "data", "prepare", dataset), check=False)
