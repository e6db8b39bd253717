"""Everything that decides a result, in one frozen object: what is run, and what is it called."""

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from kreproduce import paper
from kreproduce.errors import SettingsError
from kreproduce.experiment import recipes
from kreproduce.experiment.yaml_file import parse_value, read_settings
from kreproduce.network import channels
from kreproduce.network.architecture import (
    STRIDES,
    Activation,
    Architecture,
    Padding,
    Size,
    Variant,
)
from kreproduce.network.channels import Channels
from kreproduce.network.description import describe
from kreproduce.network.grouping import Interleaving
from kreproduce.system import files
from kreproduce.system.strict import Strict
from kreproduce.text import nearest, printable, quoted

Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
MODEL_PREFIX, MODEL_SUFFIX = "keras:", ".keras"
_LARGEST_MODEL = 2 * 2**30
"""Bytes of a model's file; the largest of keras.applications has half a gigabyte."""
_PAPERS = ("size", "activation", "padding", "skip_strides", "bn_momentum")
_HFLIP = "hflip"
PROTOCOL = 2
"""Raised when the same settings come to train or test otherwise, say by another optimizer: what was
run before then has other identities, and counts no longer. New settings do not raise it, nor do
changes in the last digits, which the conditions in a record tell apart. 1 had Keras 3's RMSprop."""

NAME = r"[a-z0-9][a-z0-9_.-]{0,63}"
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Fraction = Annotated[float, Field(ge=0, lt=1)]


def _channels(ch: object) -> Channels:
    try:
        return channels.normalized(ch)
    except SettingsError as error:
        raise ValueError(str(error)) from None


class Augmentation(Strict):
    """The ranges of the one affine warp a training image gets, each drawn uniformly.

    Attributes:
        rotation: degrees to either side.
        shift: share of height and width, to either side.
        shear: degrees to either side.
        zoom: z draws each axis' factor from [1 - z, 1 + z].
        horizontal_flip: mirror left and right, every second image.
        vertical_flip: mirror top and bottom, every second image.
    """

    rotation: Annotated[float, Field(ge=0, le=180)]
    shift: Fraction
    shear: Annotated[float, Field(ge=0, lt=90)]
    zoom: Fraction
    horizontal_flip: bool
    vertical_flip: bool


class Experiment(Strict):
    """The settings of one run, complete.

    Attributes:
        dataset: one of `recipes.RECIPES`, or a name for a folder of images.
        data_name: what its images are called in records; the dataset's own name is kept for the
            original images.
        classes: number of classes.
        resize: rule of the nearest neighbour that brings an image to the input size: "pil", or
            "opencv" after a padding to a square.
        epochs: passes over the training images.
        cycle: epochs of a cycle of the learning rate.
        batch_size: images a step, over all devices.
        precision: "auto" is the authors' on a GPU and float32 on a CPU.
        augmentation: of the training images.
        validation: how validation images are shown: "augmented" again each epoch, "fourfold" with
            all flips, or "plain".
        seed: of initialisation, shuffling, augmentation and dropout.
        limit: number of training images taken, the others in proportion; None is all.
        model: another network than the paper's: "keras:NAME", of `keras.applications`, or the path
            of a FILE.keras; grouped by `variant`, `ch`, `layer_l` and `interleaving`, or as it is
            for the variant "baseline".
        model_hash: SHA-256 of the file, by which and not by its path it counts; None for a NAME.

    The others, variant, ch, size, layer_l, activation, interleaving, padding, bn_momentum,
    input_size and skip_strides, are those of `Architecture`. Of another network size, activation,
    padding, bn_momentum and skip_strides say nothing, and stay at their defaults.
    """

    dataset: Name
    data_name: Name
    classes: Annotated[int, Field(ge=2, le=100_000)]
    variant: Variant = Architecture.variant
    size: Size = Architecture.size
    ch: Annotated[Channels, BeforeValidator(_channels)]
    layer_l: bool = Architecture.layer_l
    activation: Activation = Architecture.activation
    interleaving: Interleaving = Architecture.interleaving
    padding: Padding = Architecture.padding
    bn_momentum: Annotated[float, Field(gt=0, lt=1)] = Architecture.bn_momentum
    input_size: Annotated[int, Field(ge=1, le=4096)]
    skip_strides: Annotated[int, Field(ge=0, le=STRIDES)]
    resize: Literal["pil", "opencv"]
    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    cycle: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    precision: Precision = "auto"
    augmentation: Augmentation
    validation: Literal["augmented", "fourfold", "plain"]
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    limit: Annotated[int, Field(ge=1)] | None = None
    model: Annotated[str, Field(max_length=4096)] | None = None
    model_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _has_a_meaning(self) -> Self:
        if self.data_name in recipes.RECIPES and self.data_name != self.dataset:
            raise ValueError(
                f"data_name: {printable(self.data_name)} is the name of another dataset; choose "
                "a free one"
            )
        try:
            self._check_model()
            architecture = self._architecture()
            if self.model is None and isinstance(self.ch, tuple):
                describe(architecture)  # only there is it known which layers its patterns decide
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return self

    def _check_model(self) -> None:
        model = self.model
        if model is None:
            if self.model_hash is not None:
                raise SettingsError("model_hash is of a model's file, and no model is named")
            return
        for name in _PAPERS:
            if getattr(self, name) != Architecture.__dataclass_fields__[name].default:
                raise SettingsError(
                    f"{name} is for the paper's network, and {printable(model)} is another; leave "
                    "it out"
                )
        if (self.model_hash is None) != is_named(model):
            raise SettingsError("model_hash is of a file; leave it out, for it follows from model")
        if self.model_hash is not None and self.precision not in ("auto", "float32"):
            raise SettingsError(
                f"precision: {self.precision} is refused; a model out of a file is trained in "
                "float32"
            )

    @cached_property
    def architecture(self) -> Architecture:
        """The network to train.

        Raises:
            SettingsError: it is none of the paper's, see `model`.
        """
        if self.model is not None:
            raise SettingsError(
                f"{self.model_name} is none of the paper's networks, which alone this is for; "
                "model.keras in the run's folder opens with keras.models.load_model"
            )
        return self._architecture()

    def _architecture(self) -> Architecture:
        values = {name: getattr(self, name) for name in Architecture.__dataclass_fields__}
        if self.model is not None:  # of whose input the paper's strides say nothing
            values["input_size"] = None
        return Architecture(**values)

    @cached_property
    def identity(self) -> str:
        """Eight hex digits from `PROTOCOL` and the settings that decide a result.

        Settings at the default that the class gives them are left out, so that a setting
        added later, with a default, leaves the identities of older runs as they are.
        """
        values = self.model_dump(exclude_defaults=True, exclude=self.elsewhere)
        text = json.dumps({"protocol": PROTOCOL} | values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def elsewhere(self) -> set[str]:
        """The settings that change no result: where a model lies, of which the content counts."""
        return {"model"} if self.model_hash else set()

    @property
    def model_name(self) -> str:
        """A short name of the network, say "v2-32ch-relu" or "mobilenetv2-v2-16ch"."""
        parts = [self.variant if self.size == "B0" else f"{self.size.lower()}-{self.variant}"]
        if self.model is not None:
            file = f"file{self.model_hash[:8]}" if self.model_hash else ""
            parts = [file or self.model.removeprefix(MODEL_PREFIX).lower()]
            parts += [] if self.ch is None else [self.variant]
        parts += [channels.label(self.ch)] if self.ch is not None else []
        parts += [] if self.layer_l else ["nol"]
        parts += ["relu"] if self.activation == "relu" else []
        return "-".join(parts)

    @property
    def run_name(self) -> str:
        """The name of the run's folder; the same experiment has the same name everywhere."""
        return f"{self.data_name}-{self.model_name}-{self.epochs}epochs-{self.identity}"

    @property
    def gpu_precision(self) -> str:
        """The precision on a GPU, "auto" resolved."""
        if self.precision != "auto":
            return self.precision
        if self.model is not None:  # the same as it is and grouped, to be compared
            return "float32"
        return recipes.gpu_precision(self.dataset, self.variant, self.epochs)

    @property
    def cpu_precision(self) -> str:
        """The precision on a CPU, "auto" resolved."""
        return "float32" if self.precision == "auto" else self.precision

    @property
    def row_settings(self) -> dict[str, Any]:
        """The settings that make the row of a table, without the conditions of its measurement.

        Those are the seed, the precision, and the images' name and how many are taken.
        """
        return self.model_dump(exclude={"seed", "precision", "data_name", "limit"} | self.elsewhere)

    def published(self, *, hflip: bool = False) -> paper.Row | None:
        """Return the first row of the paper with exactly these settings, whatever the conditions.

        Args:
            hflip: of the headline with the mirror image, instead of the plain one.
        """
        if isinstance(self.ch, str | tuple) or self.model is not None:
            return None
        row = paper.published(
            self.dataset,
            self.epochs,
            self.variant,
            self.ch,
            self.layer_l,
            self.activation,
            hflip,
        )
        if row is None or of_row(row).row_settings != self.row_settings:
            return None
        return row

    @property
    def may_enter_tables(self) -> bool:
        """Whether a run of it, on the original images, counts for the row it is of, if any."""
        return self.limit is None and self.data_name == self.dataset and self.model is None


def of_row(row: paper.Row) -> Experiment:
    """Return the experiment behind a row of the paper; a flip row only tests it otherwise."""
    names = ("dataset", "epochs", "variant", "ch", "layer_l", "activation")
    return resolve({name: getattr(row, name) for name in names})


def resolve(*layers: dict[str, Any]) -> Experiment:
    """Return the experiment of settings in layers, a later layer over an earlier one.

    `hflip` may be among them, see `asks_for_hflip`; it changes no training, and is no part of it.

    Raises:
        SettingsError: a setting is unknown, of a wrong type or range, or has no meaning.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        _check_known(layer)
        values |= {key: value for key, value in layer.items() if "." not in key}
    dataset_of(values)
    asks_for_hflip(values)
    values.pop(_HFLIP, None)
    values |= _model_hash(values)
    values = recipes.complete(values)
    values = _with_augmentation(values, layers)
    try:
        return Experiment(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def is_named(model: str) -> bool:
    """Whether a model is one of `keras.applications`, not a file."""
    return model.startswith(MODEL_PREFIX)


def _model_hash(values: dict[str, Any]) -> dict[str, Any]:
    """Return the hash of a model's file, so far as it is to be read.

    Raises:
        SettingsError: there is no such file, or the model is neither a file nor a name.
    """
    model = values.get("model")
    if model is None:
        return {}
    if not isinstance(model, str) or not (
        model.endswith(MODEL_SUFFIX) or re.fullmatch(f"{MODEL_PREFIX}[A-Za-z0-9_]{{1,64}}", model)
    ):
        raise SettingsError(
            f"model: {quoted(model, 60)} is refused; give {MODEL_PREFIX}NAME, of "
            f"keras.applications, or a file that ends in {MODEL_SUFFIX}"
        )
    if is_named(model) or "model_hash" in values:
        return {}
    return {"model_hash": hashlib.sha256(read_model(model)).hexdigest()}


def read_model(path: str) -> bytes:
    """Return the content of a model's file.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        # A link may lead to it, as to a file of settings.
        return files.read(Path(path).resolve(), _LARGEST_MODEL)
    except FileNotFoundError:
        raise SettingsError(f"model: there is no file {printable(path)}; check its path") from None
    except files.UnfitError as error:
        raise SettingsError(f"model: {printable(path)} {error}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingsError(
            f"model: {printable(path)} cannot be read: {printable(error)}"
        ) from None


def asks_for_hflip(*layers: dict[str, Any]) -> bool:
    """Whether the headline is to sum the outputs for an image and its mirror image.

    A way of testing (section 2.11), which settings may name.

    Raises:
        SettingsError: it is neither true nor false.
    """
    asked = next((layer[_HFLIP] for layer in reversed(layers) if _HFLIP in layer), False)
    if not isinstance(asked, bool):
        raise SettingsError(f"{_HFLIP}: {quoted(asked, 60)} is refused; it is true or false")
    return asked


def dataset_of(*layers: dict[str, Any]) -> str:
    """Return the name of the dataset that settings in layers ask for.

    Raises:
        SettingsError: there is none.
    """
    name = next((layer["dataset"] for layer in reversed(layers) if "dataset" in layer), None)
    if name is None:
        raise SettingsError("the settings name no dataset; add a line such as 'dataset: cifar10'")
    if not isinstance(name, str):
        raise SettingsError(f"dataset: {quoted(name)} is not a name; write one such as cifar10")
    if not re.fullmatch(NAME, name):
        near = nearest(name, recipes.RECIPES)
        raise SettingsError(
            f"{quoted(name, 60)} is neither a dataset nor a settings file, which ends in .yaml; "
            f"{near}"
        )
    return name


def read(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML file.

    Raises:
        SettingsError: the file is missing, not YAML, or has an unknown setting.
    """
    values = read_settings(path)
    try:
        _check_known(values)
    except SettingsError as error:
        raise SettingsError(f"{printable(path)}: {error}") from None
    model = values.get("model")
    if isinstance(model, str) and not is_named(model):
        values["model"] = str(path.resolve().parent / model)  # beside the file that names it
    return values


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the settings in `key=value` pairs, values as in YAML.

    Raises:
        SettingsError: a pair is none, or its value cannot be read.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise SettingsError(
                f"--set takes key=value, not {quoted(pair)}; write it as in --set epochs=2"
            )
        values[key.strip()] = parse_value(text, f"--set {pair}")
    return values


def setting_names() -> list[str]:
    """Return the names of all settings, as flags and files may have them."""
    inner = [f"augmentation.{name}" for name in Augmentation.model_fields]
    return [*Experiment.model_fields, _HFLIP, *inner]


def _check_known(values: dict[str, Any]) -> None:
    known = setting_names()
    for key in values:
        if key not in known:
            raise SettingsError(f"unknown setting {quoted(key)}; {nearest(str(key), known)}")


def _with_augmentation(values: dict[str, Any], layers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Lay the parts of the augmentation that were set over the recipe's."""
    merged = dict(recipes.RECIPES.get(values["dataset"], recipes.OTHER)["augmentation"])
    for layer in layers:
        given = layer.get("augmentation", {})
        if not isinstance(given, dict):
            raise SettingsError(
                f"augmentation: {quoted(given)} is not a group of settings; write each on "
                "a line below it, indented"
            )
        merged |= given
        merged |= {
            key.removeprefix("augmentation."): value
            for key, value in layer.items()
            if key.startswith("augmentation.")
        }
    return values | {"augmentation": merged}


def _sentence(error: ValidationError) -> str:
    """Return the first fault that pydantic found, as one sentence."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = [f"augmentation.{name}" for name in Augmentation.model_fields]
        return f"unknown setting {quoted(place)}; {nearest(place, known)}"
    if fault["type"] == "string_pattern_mismatch":
        allowed = "lower-case letters, digits, '.', '_' and '-'"
        return f"{place}: {quoted(fault['input'], 60)} is refused; a name has only {allowed}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "missing":
        return f"{place} is not set and does not follow from the other settings"
    why = f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
    return f"{place}: {quoted(fault['input'], 60)} is refused; {why}"
