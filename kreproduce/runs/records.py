"""The record of a complete run, the only source of a measured number: its one type, and its reader.

The writer and every reader share `Record`, and what is written is read back before it counts. A
record counts if it is whole and as it was written, has the history and the predictions that it
names beside it, agrees with itself, and lies in the folder of its run's name. Everything else below
results/runs is passed over, with the reason. Links are not followed.

Keys added later must be optional, with a default that says what earlier records meant:
tests/runs/version-1 holds a record that every later version has to read.
"""

import codecs
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from kreproduce.data.originals import SIZES
from kreproduce.data.record import Images
from kreproduce.errors import SettingsError, StorageError
from kreproduce.experiment.settings import Experiment
from kreproduce.network.description import describe
from kreproduce.runs import predictions
from kreproduce.runs.predictions import Predictions
from kreproduce.system import files
from kreproduce.system.strict import Strict, from_json
from kreproduce.text import printable

Rule = Literal["best_val_loss", "best_val_accuracy"]
"""The rule by which an epoch's weights are kept: lowest validation loss, highest accuracy."""
RULES: tuple[Rule, ...] = get_args(Rule)
# The weights whose accuracy a table shows (paper, section 2.10).
HEADLINE: Rule = "best_val_loss"

LARGEST = 64 * 2**20  # bytes; a record of ten classes has some thousands, of 100,000 some millions
RECORD_VERSION: Literal[1] = 1
# Of a setting that came later, a record without it means the default.
_FIRST_SETTINGS = frozenset(
    {
        *("dataset", "data_name", "classes", "variant", "size", "ch", "layer_l", "activation"),
        *("interleaving", "padding", "bn_momentum", "input_size", "skip_strides", "resize"),
        *("epochs", "cycle", "batch_size", "precision", "augmentation", "validation", "seed"),
        "limit",
    }
)
NO_RECORD = "it has no record: the run is not complete"

# A thousand records are of few networks, and to describe one takes 5 ms.
_described = lru_cache(256)(describe)

Text = Annotated[str, Field(max_length=1000)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**9)]
Large = Annotated[int, Field(ge=1, le=10**15)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]
Share = Annotated[float, Field(ge=0, le=1)]


class Accuracies(Strict):
    """Shares of the test images, by the sum of softmax outputs that chose the class.

    Attributes:
        plain: of the image alone.
        hflip: with its mirror image (the paper's H Flip rows, section 2.11).
        vflip: with the image upside down.
        hflip_vflip: with both, the three terms of the authors' notebooks.
    """

    plain: Share
    hflip: Share
    vflip: Share
    hflip_vflip: Share


class Outcome(Strict):
    """What one epoch's weights made of the test images.

    Attributes:
        loss: mean cross-entropy of the plain outputs.
        accuracy: by the sum of outputs.
    """

    loss: Annotated[float, Field(ge=0)]
    accuracy: Accuracies


class Timings(Strict):
    """Seconds by part of the run; those of the set-up and the test are the last session's.

    Attributes:
        setup: until the model was built.
        training: all epochs, their validation included.
        first_epoch: the first, which includes the compilation.
        median_epoch: of the others.
        test: testing the weights kept.
    """

    setup: Seconds
    training: Seconds
    first_epoch: Seconds
    median_epoch: Seconds
    test: Seconds


class Optimizer(Strict):
    """What steps the weights.

    Attributes:
        name: of the class.
        formula: of a step.
    """

    name: Text
    formula: Text


class Conditions(Strict):
    """What should not change a result but can, in its last digits or by them in more.

    Attributes:
        devices: what it ran on, one name per device.
        gpu: whether they are GPUs.
        replicas: how many devices shared each batch.
        sync_batch_norm: whether batch normalisation was over all of them.
        cores: how many the process was allowed to use, which may be fewer than the machine has.
        instructions: the processor's vector instructions, as Linux names them.
        kernels: what computes besides TensorFlow's own kernels on a CPU: "onednn", and "xla" for
            the gradient of swish.
        threads: of the backend's pools, as far as it says.
        deterministic: whether equal runs give equal weights to the last bit.
        backend: Keras' backend.
        precision: the network's dtype policy.
        floatx: Keras' default type.
        tensor_float_32: whether products of float32 may have 10 bits of mantissa.
        jit_compile: whether XLA compiled the steps.
        steps_per_execution: training steps between two returns to Python.
        optimizer: what steps the weights.
        environment: the variables by which a backend can be told to compute otherwise.
        versions: of Python and the packages; None for what is not installed.
        platform: the operating system.
    """

    devices: Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000)]
    gpu: bool
    replicas: Annotated[Count, Field(ge=1)]
    sync_batch_norm: bool
    cores: Annotated[Count, Field(ge=1)]
    instructions: tuple[Text, ...]
    kernels: tuple[Text, ...]
    threads: dict[Text, Count]
    deterministic: bool
    backend: Text
    precision: Text
    floatx: Text
    tensor_float_32: bool | None
    jit_compile: bool
    steps_per_execution: Annotated[Count, Field(ge=1)]
    optimizer: Optimizer
    environment: dict[Text, Text]
    versions: dict[Text, Text | None]
    platform: Text


class Code(Strict):
    """The source of the package.

    Attributes:
        commit: of git; None where it does not run from a checkout.
        dirty: whether files differed from it.
    """

    commit: Text | None
    dirty: bool | None


class Session(Strict):
    """One process that worked on a run.

    Attributes:
        started: when, in UTC.
        epoch: how many epochs were complete by then.
        step: how many training steps of the next one were.
        code: which it ran.
        conditions: under which it computed.
    """

    started: Text
    epoch: Count
    step: Count
    code: Code
    conditions: Conditions


class Record(Strict):
    """The record of one complete run.

    Attributes:
        record_version: of the file's layout.
        run: the run's name, which is its folder's.
        identity: eight hex digits from the settings.
        settings: the experiment.
        data: the images.
        parameters: trainable ones.
        computations: as the paper counts them.
        computations_trained: of the network that was trained, which pads odd sizes otherwise.
        best_epoch: by rule, the epoch whose weights were kept, counted from 1.
        test: by rule, what those weights made of the test images.
        weights: by rule, the SHA-256 of their file, see `weights_name`.
        history: the SHA-256 of history.csv, whatever its line ends.
        predictions: the SHA-256 of the predictions' file, see `predictions`.
        seconds: by part.
        conditions: of the last session.
        code: of the last session.
        sessions: all processes that worked on it, in order.
        started: when, in UTC.
        finished: when, in UTC.
    """

    record_version: Literal[1] = RECORD_VERSION
    run: Text
    identity: Text
    settings: Experiment
    data: Images
    parameters: Large
    computations: Large
    computations_trained: Large
    best_epoch: dict[Rule, Annotated[Count, Field(ge=1)]]
    test: dict[Rule, Outcome]
    weights: dict[Rule, Digest]
    history: Digest
    predictions: Digest
    seconds: Timings
    conditions: Conditions
    code: Code
    sessions: Annotated[tuple[Session, ...], Field(min_length=1)]
    started: Text
    finished: Text

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.identity != self.settings.identity:
            raise ValueError(f"its identity is not that of its settings, {self.settings.identity}")
        if self.run != self.settings.run_name:
            raise ValueError(f"its name is not that of its settings, {self.settings.run_name}")
        if self.data.name != self.settings.data_name:
            raise ValueError("its images have another name than its settings say")
        if len(self.data.class_names) != self.settings.classes:
            raise ValueError("its images have another number of classes than its settings say")
        for by_rule in (self.best_epoch, self.test, self.weights):
            if set(by_rule) != set(RULES):
                raise ValueError(f"it does not have the weights of {' and '.join(RULES)}")
        if max(self.best_epoch.values()) > self.settings.epochs:
            raise ValueError("its best epoch is not among its epochs")
        last = self.sessions[-1]
        if (last.conditions, last.code) != (self.conditions, self.code):
            raise ValueError("its conditions are not those of its last session")
        self._check_images()
        try:
            if self.settings.model is None:
                _described(self.settings.architecture)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return self

    def _check_images(self) -> None:
        if not self.data.original:
            if self.data.name in SIZES:
                raise ValueError("its images have the name of original ones, and are others")
            return
        sizes = SIZES.get(self.settings.dataset)
        found = (self.data.train, self.data.validation, self.data.test)
        if self.data.not_original_because or sizes is None or not (found == sizes or self.partial):
            raise ValueError("it calls its images original, and they cannot be")

    @property
    def partial(self) -> bool:
        """Whether only some of the images were taken."""
        return self.settings.limit is not None

    @property
    def is_mixed(self) -> bool:
        """Whether it was computed under several conditions, one after the other."""
        return any(session.conditions != self.conditions for session in self.sessions)

    def accuracy(self, *, hflip: bool = False) -> float:
        """Return the headline: the share of test images, plain or with their mirror images."""
        accuracy = self.test[HEADLINE].accuracy
        return accuracy.hflip if hflip else accuracy.plain

    def encoded(self) -> bytes:
        """Return the content of record.json: the values, and the checksum of all of them."""
        values = self.model_dump(mode="json")
        text = json.dumps(values | {"checksum": checksum(values)}, indent=2)
        return (text + "\n").encode()


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
    """Everything below `results`/runs, in the order of the folders' names.

    Raises:
        StorageError: the folder exists and cannot be read.
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
    """Return the record in a run's folder, or why there is none that counts."""
    record = read_alone(folder)
    return record if isinstance(record, str) else fault_beside(folder, record) or record


def read_alone(folder: Path) -> Record | str:
    """As `read_record`, whatever the history and the predictions beside the record are."""
    if folder.is_symlink():
        return "it is a link"
    try:
        content = files.read(folder / "record.json", LARGEST)
    except FileNotFoundError:
        return NO_RECORD
    except files.UnfitError as error:
        return f"record.json {error}"
    record = decoded(content)
    if isinstance(record, str):
        return f"record.json {record}"
    if record.run != folder.name:
        return f"its record is that of {record.run}"
    return record


def decoded(content: bytes) -> Record | str:
    """Return the record in the content of a record.json, or what is wrong with it."""
    try:
        values = from_json(content)
        version = values["record_version"]
    except (ValueError, LookupError, TypeError):
        version = None
    if type(version) is not int:
        return "is damaged, or not the record of a complete run"
    if version != RECORD_VERSION:
        return (
            f"is of version {str(version)[:20]}, and this version of kreproduce reads "
            f"{RECORD_VERSION}"
        )
    written = values.pop("checksum", None)
    try:
        if written != checksum(values):
            return "was changed after it was written, or is damaged: its checksum differs"
        record = Record.model_validate_json(json.dumps(values))
    except ValidationError as error:
        return f"is not the record of a complete run: {_first_fault(error)}"
    except RecursionError:
        return "is damaged, or not the record of a complete run"
    # Settings have defaults, and one that is missing would follow a later change of its default.
    for name in sorted(_FIRST_SETTINGS - values["settings"].keys()):
        return f"is not the record of a complete run: settings.{name} is missing"
    return record


def read_predictions(folder: Path, record: Record) -> Predictions | str:
    """Return the predictions beside a record, or why they are not those of its run."""
    name = predictions.FILE
    try:
        content = files.read(folder / name, LARGEST)
    except FileNotFoundError:
        return f"its {name} is missing"
    except files.UnfitError as error:
        return f"its {name} {error}"
    if hashlib.sha256(content).hexdigest() != record.predictions:
        return f"its {name} was changed after it was written, or is damaged"
    found = predictions.decoded(content, record.data.test, record.settings.classes)
    if isinstance(found, str):
        return f"its {name} {found}"
    stated = record.test[HEADLINE].accuracy
    if (found.accuracy("plain"), found.accuracy("hflip")) != (stated.plain, stated.hflip):
        return f"its {name} gives another accuracy than its record"
    return found


def fault_beside(folder: Path, record: Record) -> str | None:
    """Return what is wrong with the history and the predictions beside a record, if anything is."""
    found = read_predictions(folder, record)
    return found if isinstance(found, str) else history_fault(folder, record)


def history_fault(folder: Path, record: Record) -> str | None:
    """Return what is wrong with the history beside a record, if anything is."""
    try:
        content = files.read(folder / "history.csv", LARGEST)
    except FileNotFoundError:
        return "its history.csv is missing"
    except files.UnfitError as error:
        return f"its history.csv {error}"
    if history_digest(content) != record.history:
        return "its history.csv was changed after it was written, or is damaged"
    return None


def history_digest(content: bytes) -> str:
    """Return the SHA-256 of a history.csv, however git or an editor ends its lines, or the last."""
    content = content.removeprefix(codecs.BOM_UTF8)
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return hashlib.sha256(content.rstrip(b"\n") + b"\n").hexdigest()


def checksum(values: Mapping[str, Any]) -> str:
    """Of all that a record says, however it is laid out."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def weights_name(rule: Rule) -> str:
    """Return the name of the file with the weights that a rule kept."""
    return f"{rule}.weights.h5"


def _folders(runs: Path) -> list[Path]:
    try:
        return sorted(path for path in runs.iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageError(
            f"{runs} cannot be read: {error.strerror or error}; mend it or its permissions"
        ) from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
