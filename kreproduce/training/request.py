"""What was asked for: settings in layers, from a file, flags and pairs, and its images."""

from pathlib import Path
from typing import Any, NamedTuple

from kreproduce.data import sources
from kreproduce.data.sources import Location
from kreproduce.errors import SettingsError
from kreproduce.experiment import settings
from kreproduce.experiment.settings import Experiment


class Request(NamedTuple):
    """An experiment that was asked for.

    Attributes:
        experiment: its settings, complete.
        location: where its images lie.
        hflip: whether the headline adds the mirror image.
    """

    experiment: Experiment
    location: Location
    hflip: bool


def resolve_request(
    target: str, flags: dict[str, Any], overrides: list[str], data_dir: Path | None
) -> Request:
    """Resolve settings in layers, a later one over an earlier one, and find their images.

    Args:
        target: a settings file, which ends in .yaml or .yml, or the name of a dataset.
        flags: settings by name.
        overrides: `key=value` pairs.
        data_dir: the folder of the images; None where they are found by the dataset's name.

    Raises:
        SettingsError: a setting is unknown, refused, or has no meaning.
        DataError: `data_dir` does not hold the dataset.
    """
    is_file = Path(target).suffix in (".yaml", ".yml")
    base = settings.read(Path(target)) if is_file else {"dataset": target}
    layers = [base, flags, settings.parse_overrides(overrides)]
    try:
        dataset = settings.dataset_of(*layers)
        location = sources.locate(dataset, data_dir)
        experiment = settings.resolve(_implied(location, dataset), *layers)
        return Request(experiment, location, settings.asks_for_hflip(*layers))
    except SettingsError as error:
        # What was set beside the file may be at fault as well.
        where = f"{target}: " if is_file and layers[1:] == [{}, {}] else ""
        raise SettingsError(f"{where}{error}") from None


def _implied(location: Location, dataset: str) -> dict[str, Any]:
    """Return what the images themselves say: a folder its name in records, others their classes."""
    if dataset in sources.DATASETS:
        return {"data_name": f"{dataset}-folder"} if location.of_folder else {}
    return {"classes": len(sources.class_names(location, dataset))}
