"""What a model file says of itself, so that nobody has to guess how images go in.

`kreproduce.json` has the fields of timm's config.json where there is one, and below "kreproduce"
what that has none for.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from kreproduce.data.record import Images
from kreproduce.errors import DataError, SettingsError
from kreproduce.experiment.settings import Experiment
from kreproduce.network.description import describe
from kreproduce.system.strict import Strict, from_json
from kreproduce.text import printable

MEMBER = "kreproduce.json"
LARGEST = 64 * 2**20  # bytes; 100,000 class names take some millions
TRIED = ("3.14.1", "3.15.1")
"""The versions of Keras that opened a model file, see tests/export/test_model_file.py."""
_RULES = {
    "pil": "nearest neighbour as Pillow has it: output pixel d shows input pixel "
    "floor((d + 0.5) * source / target)",
    "opencv": "zeros beside the shorter side to a square, then nearest neighbour as OpenCV has it: "
    "output pixel d shows input pixel floor(d * source / target)",
}

_Side = Annotated[int, Field(ge=1, le=4096)]
_Name = Annotated[str, Field(max_length=1000)]


class Preprocessing(Strict):
    """What timm calls pretrained_cfg, in its fields.

    Attributes:
        input_size: channels, height and width of the images that go in.
        fixed_input_size: whether it takes no others.
        interpolation: by which they are brought to it.
        crop_pct: the share of an image that is shown.
        mean: what timm, whose pixels are of 0 to 1, is to subtract from each channel.
        std: what it is to divide by then, so that pixels of 0 to 255 go in.
        num_classes: outputs.
        first_conv: the first layer with weights.
        classifier: the last.
    """

    input_size: tuple[Literal[3], _Side, _Side]
    fixed_input_size: Literal[True] = True
    interpolation: Literal["nearest"] = "nearest"
    crop_pct: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1 / 255, 1 / 255, 1 / 255)
    num_classes: int
    first_conv: Literal["stem_conv"] = "stem_conv"
    classifier: Literal["classifier_logits"] = "classifier_logits"


class Origin(Strict):
    """What timm has no field for.

    Attributes:
        version: of this layout.
        run: the name of the run that trained it.
        identity: eight hex digits from the settings.
        settings: the experiment.
        data: what its images are called in records.
        original: whether they are the published ones.
        values: of the pixels that go in.
        resizing: the rule by which another image is brought to the input's size, in words.
        keras: the versions of Keras that opened such a file.
    """

    version: Literal[1] = 1
    run: _Name
    identity: _Name
    settings: Experiment
    data: _Name
    original: bool
    values: Literal["0 to 255, red, green, blue"] = "0 to 255, red, green, blue"
    resizing: str
    keras: tuple[str, ...] = TRIED


class About(Strict):
    """What a model file says of itself.

    Attributes:
        architecture: a short name of the network, say "v2-32ch".
        num_classes: outputs.
        label_names: the classes, in their order.
        pretrained_cfg: how images go in.
        kreproduce: where it comes from.
    """

    architecture: _Name
    num_classes: int
    label_names: tuple[str, ...]
    pretrained_cfg: Preprocessing
    kreproduce: Origin

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        settings = self.settings
        _, height, width = self.pretrained_cfg.input_size
        if self.kreproduce.identity != settings.identity:
            raise ValueError("its identity is not that of its settings")
        if not len(self.label_names) == self.num_classes == settings.classes:
            raise ValueError("it has another number of classes than its settings say")
        if not height == width <= settings.input_size:
            raise ValueError("its images have a size that its network does not take")
        try:
            describe(settings.architecture)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def settings(self) -> Experiment:
        """The experiment."""
        return self.kreproduce.settings

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that go in."""
        _, height, width = self.pretrained_cfg.input_size
        return height, width, 3

    def encoded(self) -> bytes:
        """Return the content of `kreproduce.json`."""
        return (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode()


def about(experiment: Experiment, images: Images) -> About:
    """Return what to say of the network of an experiment on images."""
    height, width, _ = images.image_shape
    return About(
        architecture=experiment.model_name,
        num_classes=experiment.classes,
        label_names=images.class_names,
        pretrained_cfg=Preprocessing(input_size=(3, height, width), num_classes=experiment.classes),
        kreproduce=Origin(
            run=experiment.run_name,
            identity=experiment.identity,
            settings=experiment,
            data=images.name,
            original=images.original,
            resizing=_RULES[experiment.resize],
        ),
    )


def decoded(content: bytes, name: str) -> About:
    """Return what `kreproduce.json` says.

    Args:
        content: of the member.
        name: of the file that it is in, for a message.

    Raises:
        DataError: it is not as this version writes it.
    """
    try:
        values: Any = from_json(content)
        return About.model_validate_json(json.dumps(values))
    except (ValueError, RecursionError) as error:
        why = str(error)
        if isinstance(error, ValidationError):
            fault = error.errors()[0]
            why = f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}"
        raise DataError(
            f"{printable(name)} has a {MEMBER} that this version of kreproduce does not read "
            f"({printable(why)}); export the run again"
        ) from None
