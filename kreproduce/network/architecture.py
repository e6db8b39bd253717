"""EfficientNet B0 to B7 and their k-variants: the choices that make a network, and its stages."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from kreproduce.network.grouping import Interleaving, Replacement, replace_v1, replace_v2

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
        ch: channels per group, Ch; None for the baseline.
        size: B0 to B7.
        classes: outputs of the classifier.
        input_size: height and width of the input in pixels; None is the size's own.
        skip_strides: how many of the first strides are 1 instead of 2 (section 2.10).
        layer_l: False leaves out layer L and the interleaving ("no L", v2 only).
        activation: of the whole network but the squeeze-and-excitation gate, a sigmoid.
        interleaving: the step of v2: "authors" (F / Ch) or "paper" (equation 16).
        padding: how strided layers pad odd sizes: as the networks were "trained" or "counted".
        bn_momentum: momentum of the batch normalisations' moving averages.
    """

    variant: Variant = "v2"
    ch: int | None = 32
    size: Size = "B0"
    classes: int = 10
    input_size: int | None = None
    skip_strides: int = 0
    layer_l: bool = True
    activation: Activation = "swish"
    interleaving: Interleaving = "authors"
    padding: Padding = "trained"
    bn_momentum: float = 0.99

    def replacement(self, channels: int, filters: int) -> Replacement | None:
        """What stands in place of a pointwise convolution; None where it stays."""
        if self.ch is None:
            return None
        if self.variant == "v1":
            return replace_v1(channels, filters, self.ch)
        return replace_v2(
            channels, filters, self.ch, layer_l=self.layer_l, interleaving=self.interleaving
        )
