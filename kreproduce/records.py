"""The records of complete runs, read back: the only witness of a measured number.

A record counts if it is whole, of this version, as it was written, and says of itself what its
settings say: its identity is that of its settings, and its folder has the run's name. Everything
else below results/runs is passed over, with the reason. Links are not followed.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kreproduce import files, paper
from kreproduce.errors import SettingsError, StorageError, printable
from kreproduce.experiment import Experiment
from kreproduce.network.description import describe

# The weights whose accuracy a table shows (paper, section 2.10).
HEADLINE = "lowest validation loss"

_LARGEST = 16 * 2**20  # bytes; a record has some tens of thousands
RECORD_VERSION = 1
NO_RECORD = "it has no record: the run is not complete"
Text = Annotated[str, Field(max_length=300)]
Rule = Annotated[str, Field(pattern="^[a-z][a-z ]{0,99}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Loose(BaseModel):
    """A part of a record: what is read of it is checked, more may stand there."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class Images(_Loose):
    """The images of a run.

    Attributes:
        name: what they are called, the dataset's own name where they are the original ones.
        original: whether they are the paper's.
        test: number of test images.
        foreign_because: why they are not the paper's.
        fingerprint: a hash of images and labels.
    """

    name: Text
    original: bool
    test: Annotated[int, Field(ge=1, le=10**9)]
    foreign_because: Text | None = None
    fingerprint: Text | None = None


class Accuracy(_Loose):
    """Of one way to show the test images.

    Attributes:
        accuracy: fraction of the test images.
    """

    accuracy: Annotated[float, Field(ge=0, le=1)]


class Outcome(_Loose):
    """What one epoch's weights made of the test images: shown plain, and summed with a mirror.

    Attributes:
        loss: mean cross-entropy of the plain outputs.
    """

    loss: Annotated[float, Field(ge=0, le=1e9)]
    plain: Accuracy
    hflip: Accuracy


class Conditions(_Loose):
    """What should not change a result but can a little.

    Attributes:
        devices: what it ran on, a name a device.
        backend: Keras' backend.
        precision: float32, mixed_float16 or mixed_bfloat16.
        replicas: how many devices shared each batch.
    """

    devices: Annotated[list[Text], Field(max_length=1000)]
    backend: Text
    precision: Text
    replicas: Annotated[int, Field(ge=1)]


class Record(_Loose):
    """The record of one complete run.

    Attributes:
        record_version: of the file's layout.
        run: the run's name, which is its folder's.
        identity: eight hex digits from the settings.
        settings: the experiment.
        partial: whether only some of the images were taken.
        data: the images.
        test: by the rule that kept the weights, see `HEADLINE`.
        weights: by that rule, the SHA-256 of their file, see `weights_name`; older records have
            none.
        history: the SHA-256 of history.csv; older records have none.
        seconds: by part of the run; "training" is all epochs.
        conditions: of the measurement.
        finished: when, in UTC.
    """

    record_version: Literal[1]  # RECORD_VERSION
    run: Text
    identity: Text
    settings: Experiment
    partial: bool
    data: Images
    test: dict[str, Outcome]
    weights: dict[Rule, Digest] = Field(default_factory=dict)
    history: Digest | None = None
    seconds: dict[str, Annotated[float, Field(ge=0, le=1e9)]]
    conditions: Conditions
    finished: Text

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.identity != self.settings.identity:
            raise ValueError(f"its identity is not that of its settings, {self.settings.identity}")
        if self.run != self.settings.run_name:
            raise ValueError(f"its name is not that of its settings, {self.settings.run_name}")
        if self.data.name != self.settings.data_name:
            raise ValueError("its images have another name than its settings say")
        if self.partial != (self.settings.limit is not None):
            raise ValueError("it says otherwise than its settings whether the run is partial")
        if self.data.original:
            self._is_of_the_papers_images()
        elif self.data.name in paper.IMAGES:
            raise ValueError("its images have the name of the paper's, and are others")
        try:
            describe(self.settings.architecture)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        if HEADLINE not in self.test:
            raise ValueError(f"it has no test of the {HEADLINE}")
        return self

    def _is_of_the_papers_images(self) -> None:
        paper_images = paper.IMAGES.get(self.settings.dataset)
        whole = paper_images is not None and self.data.test == paper_images.sizes.test
        if self.data.foreign_because or not (whole or self.partial):
            raise ValueError("it calls its images original, and they cannot be")

    def accuracy(self, *, hflip: bool = False) -> float:
        """The headline: fraction of the test images, shown plain or with their mirror images."""
        test = self.test[HEADLINE]
        return (test.hflip if hflip else test.plain).accuracy


@dataclass(frozen=True)
class Skipped:
    """A folder below results/runs that does not count, and why."""

    folder: str
    why: str


@dataclass(frozen=True)
class Found:
    """What lies below results/runs: the records that count, and the folders that do not."""

    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]


def read(results: Path) -> Found:
    """All that lies below `results`/runs, in the order of the folders' names.

    What cannot be read there is skipped.

    Raises:
        StorageError: `results`/runs itself is there and cannot be listed.
    """
    records, skipped = [], []
    for folder in _folders(results / "runs"):
        found = read_record(folder)
        if isinstance(found, Record):
            records.append(found)
        else:
            skipped.append(Skipped(printable(folder.name), printable(found)))
    return Found(tuple(records), tuple(skipped))


def read_record(folder: Path) -> Record | str:
    """The record in a run's folder, or why there is none that counts."""
    if folder.is_symlink():
        return "it is a link"
    try:
        content = files.read(folder / "record.json", _LARGEST)
        record = Record.model_validate_json(content)
    except FileNotFoundError:
        return NO_RECORD
    except files.UnfitError as error:
        return f"record.json {error}"
    except ValidationError as error:
        return _other_version(content) or (
            f"record.json is not the record of a complete run: {_first_fault(error)}"
        )
    if not _is_as_written(content):
        return "record.json was changed after it was written, or is damaged: its checksum differs"
    if record.run != folder.name:
        return f"its record is that of {record.run}"
    return record


def checksum(record: dict[str, Any]) -> str:
    """Of all that a record says, however it is laid out."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def weights_name(which: str) -> str:
    """The name of the file with the weights of the "lowest validation loss", say."""
    return f"{which.replace(' ', '-')}.weights.h5"


def _is_as_written(content: bytes) -> bool:
    """Whether a record has its own checksum; older ones have none."""
    values = json.loads(content)
    written = values.pop("checksum", None)
    return written is None or written == checksum(values)


def _other_version(content: bytes) -> str | None:
    try:
        version = json.loads(content)["record_version"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    if not isinstance(version, int) or version == RECORD_VERSION:
        return None
    return (
        f"record.json is of version {str(version)[:20]}, and this version of kreproduce reads "
        f"{RECORD_VERSION}"
    )


def _folders(runs: Path) -> list[Path]:
    try:
        return sorted(path for path in runs.iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(f"{runs} cannot be read: {error.strerror or error}") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
