"""EfficientNet B0 to B7 and their k-variants: the choices that make a network, and its stages."""

import itertools
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from kreproduce.errors import SettingsError
from kreproduce.network.channels import Channels, chosen, normalized, replacement
from kreproduce.network.grouping import Interleaving, Replacement, replace_v1, replace_v2
from kreproduce.text import nearest

Variant = Literal["baseline", "v1", "v2"]
Activation = Literal["swish", "relu"]
Padding = Literal["trained", "counted"]
Size = Literal["B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7"]


class Scaling(NamedTuple):
    """The compound scaling of one size: EfficientNet (Tan and Le 2019), as published."""

    width: float
    depth: float
    input_size: int
    dropout: float


SCALINGS: dict[Size, Scaling] = {
    "B0": Scaling(1.0, 1.0, 224, 0.2),
    "B1": Scaling(1.0, 1.1, 240, 0.2),
    "B2": Scaling(1.1, 1.2, 260, 0.3),
    "B3": Scaling(1.2, 1.4, 300, 0.3),
    "B4": Scaling(1.4, 1.8, 380, 0.4),
    "B5": Scaling(1.6, 2.2, 456, 0.4),
    "B6": Scaling(1.8, 2.6, 528, 0.5),
    "B7": Scaling(2.0, 3.1, 600, 0.5),
}


class Stage(NamedTuple):
    """One stage of mobile inverted bottleneck blocks: EfficientNet-B0, Table 1."""

    kernel: int
    repeats: int
    filters: int
    expansion: int
    stride: int


STEM_FILTERS, TOP_FILTERS = 32, 1280
STEM_KERNEL = 3
STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)
STRIDES = 1 + sum(stage.stride > 1 for stage in STAGES)  # the stem's and the stages'


@dataclass(frozen=True)
class Architecture:
    """The choices that make a network.

    Attributes:
        variant: "baseline" (EfficientNet), "v1" (the previous method) or "v2" (this paper's).
        ch: channels per group, Ch: a number, a rule, or patterns of the layers' names with a number
            or a rule each, see `channels`; None for the baseline.
        size: B0 to B7.
        classes: outputs of the classifier.
        input_size: height and width of the input in pixels; None is the size's own.
        skip_strides: how many of the first strides are 1 instead of 2 (section 2.10).
        layer_l: False leaves out layer L and the interleaving ("no L", v2 only).
        activation: of the whole network but the squeeze-and-excitation gate, a sigmoid.
        interleaving: the step of v2: "authors" (F / Ch) or "paper" (equation 16).
        padding: how strided layers pad odd sizes: as the networks were "trained" or "counted".
        bn_momentum: momentum of the batch normalisations' moving averages.

    Raises:
        SettingsError: the choices make no network, or another than their names say.
    """

    variant: Variant = "v2"
    ch: Channels = 32
    size: Size = "B0"
    classes: int = 10
    input_size: int | None = None
    skip_strides: int = 0
    layer_l: bool = True
    activation: Activation = "swish"
    interleaving: Interleaving = "authors"
    padding: Padding = "trained"
    bn_momentum: float = 0.99

    def __post_init__(self) -> None:
        object.__setattr__(self, "ch", normalized(self.ch))  # of a mapping, what can be hashed
        # What Python lets through would be built as another network than the one named.
        for name, choices in _CHOICES.items():
            chosen = getattr(self, name)
            if chosen not in choices:
                raise SettingsError(
                    f"{name}: {chosen!r} is refused; {nearest(str(chosen), choices)}"
                )
        if self.variant == "baseline" and self.ch is not None:
            raise SettingsError(
                "ch has no meaning for the baseline, which has no groups; leave it out, or in "
                "Python pass ch=None"
            )
        if self.variant != "baseline" and self.ch is None:
            raise SettingsError(
                f"{self.variant} needs the channels per group; say how many, as in --ch 16"
            )
        if not 0 <= self.skip_strides <= STRIDES:
            raise SettingsError(
                f"skip_strides: {self.skip_strides} is refused; there are {STRIDES} strides"
            )
        if self.variant != "v2" and not self.layer_l:
            raise SettingsError(
                f"no L (layer_l: false) has no meaning for {self.variant}; it is a variant of v2"
            )
        if self.interleaving != "authors" and not (self.variant == "v2" and self.layer_l):
            raise SettingsError("interleaving can be chosen only for v2 with layer L; leave it out")
        if self.classes < 1:
            raise SettingsError(
                f"classes: {self.classes} is refused; a network has at least 1 class"
            )
        if self.input_size is not None and not _fits(
            self.input_size, self.skip_strides, self.padding
        ):
            raise SettingsError(self._too_small(self.input_size))

    def _too_small(self, size: int) -> str:
        """Return what to say of an input that the strides leave nothing of, with what is enough."""
        skip, padding = self.skip_strides, self.padding
        least = next(enough for enough in itertools.count(1) if _fits(enough, skip, padding))
        more = [n for n in range(skip + 1, STRIDES + 1) if _fits(size, n, padding)]
        return (
            f"an input of {size} pixels is too small for the network's strides: input_size must "
            f"be at least {least}{f', or skip_strides {more[0]}' if more else ''}"
        )

    def replacement(self, layer: str, channels: int, filters: int) -> Replacement | None:
        """Return what stands in place of a pointwise convolution; None where it stays."""
        _, ch = chosen(self.ch, layer)
        if ch is None:  # the baseline, or a layer that is kept
            return None
        return replacement(
            ch, channels, filters, lambda number: self.replaced_by(number, channels, filters)
        )

    def replaced_by(self, ch: int, channels: int, filters: int) -> Replacement | None:
        """Return what replaces a convolution with so many channels per group."""
        if self.variant == "v1":
            return replace_v1(channels, filters, ch)
        return replace_v2(
            channels, filters, ch, layer_l=self.layer_l, interleaving=self.interleaving
        )


def _fits(size: int, skip: int, padding: Padding) -> bool:
    """Whether each stride halves at least two pixels, and something is left at the end.

    Args:
        size: height and width of the input in pixels.
        skip: so many of the first strides are 1 instead of 2.
        padding: see `Architecture`.
    """
    kernels = [STEM_KERNEL, *(stage.kernel for stage in STAGES if stage.stride > 1)]
    for place, kernel in enumerate(kernels):
        strides = place >= skip
        if not strides and place > 0:
            continue  # only the stem pads by the same rule where it does not stride
        if size < (2 if strides else 1):
            return False
        even = padding == "trained" or size % 2 == 0
        size = (size + kernel - 1 - even - kernel) // (2 if strides else 1) + 1
    return size > 0


_CHOICES: dict[str, tuple[str, ...]] = {
    "variant": get_args(Variant),
    "size": get_args(Size),
    "activation": get_args(Activation),
    "interleaving": get_args(Interleaving),
    "padding": get_args(Padding),
}
