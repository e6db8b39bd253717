"""The arithmetic of layers K and L: which groups replace a pointwise convolution.

Equations are the paper's (section 2). Where the paper and the program that made its numbers
differ, this follows the program, and says so.
"""

from dataclasses import dataclass
from typing import Literal

Interleaving = Literal["authors", "paper"]


@dataclass(frozen=True)
class Grouping:
    """One grouped pointwise layer: how its input channels and filters fall into groups.

    Path 1 has `groups` groups of `filters_per_group` filters; the `remainder` filters that are
    left over form path 2, one filter each on the inputs of the first groups (equations 11 to 13).

    Attributes:
        channels: input channels, Ic.
        filters: filters, F; also the number of output channels.
        groups: G of path 1.
        group_channels: input channels that each filter reads.
        interleave: step with which the input channels are interleaved first; 1 leaves them.
    """

    channels: int
    filters: int
    groups: int
    group_channels: int
    interleave: int = 1

    @property
    def filters_per_group(self) -> int:
        """Fg of path 1 (equation 11)."""
        return self.filters // self.groups

    @property
    def remainder(self) -> int:
        """Filters of path 2, each a group of its own (equation 13)."""
        return self.filters % self.groups

    @property
    def weights(self) -> int:
        """Kernel weights of both paths, and multiply-accumulates at one pixel."""
        return self.filters * self.group_channels

    def inputs(self) -> list[list[int]]:
        """Return the input channels that each group of path 1 reads, (groups, group_channels).

        Where the last group would run out, the first channels follow again (equation 10).
        """
        order = interleaved(self.channels, self.interleave)
        width = self.group_channels
        return [
            [order[(group * width + i) % self.channels] for i in range(width)]
            for group in range(self.groups)
        ]


@dataclass(frozen=True)
class Replacement:
    """What stands in place of one pointwise unit.

    The unit's output is `k`, interleaved with step `output_interleave`; with `l`, it is the sum
    of `k` as it was and `l` on k's output.
    """

    k: Grouping
    l: Grouping | None = None  # noqa: E741 (the layer's name in the paper)
    output_interleave: int = 1

    @property
    def weights(self) -> int:
        """Kernel weights of K and L."""
        return self.k.weights + (self.l.weights if self.l else 0)


def interleaved(channels: int, step: int) -> list[int]:
    """Return the order 0, step, 2*step, …, then 1, 1 + step, …: equation 16 with `step` for its 2.

    >>> interleaved(7, 3)
    [0, 3, 6, 1, 4, 2, 5]
    """
    return [channel for first in range(step) for channel in range(first, channels, step)]


def group(channels: int, filters: int, ch: int, interleave: int = 1) -> Grouping:
    """Group `channels` inputs and `filters` filters with `ch` channels a group (equation 7).

    There are never more groups than filters; where that caps the groups, each reads more
    channels. A single group reads every channel once.

    >>> group(14, 10, 4)  # layer K of the paper's example, Figure 1
    Grouping(channels=14, filters=10, groups=4, group_channels=4, interleave=1)
    """
    wanted = _ceil_div(channels, ch)
    groups = min(wanted, filters)
    capped = groups < wanted or groups == 1
    width = _ceil_div(channels, groups) if capped else ch
    return Grouping(channels, filters, groups, width, interleave)


def replace_v2(
    channels: int,
    filters: int,
    ch: int,
    *,
    layer_l: bool = True,
    interleaving: Interleaving = "authors",
) -> Replacement | None:
    """Return this paper's replacement of a pointwise convolution, or None where it is kept.

    Section 2.8 replaces where Ch <= Ic/2 and Ch <= F/2; the published counts come from the rule
    used here. Likewise the interleaving step is F/Ch unless `interleaving` is "paper", which
    is equation 16 (step 2). Neither changes the number of weights of a layer that is replaced.
    """
    if not (channels > 2 * ch or (filters > channels > ch)):
        return None
    k = group(channels, filters, ch)
    if not layer_l or channels < filters or k.groups == 1:
        return Replacement(k)
    step = 2 if interleaving == "paper" else max(1, filters // ch)
    return Replacement(k, group(filters, filters, ch, step))


def replace_v1(channels: int, filters: int, ch: int) -> Replacement | None:
    """Return the previous method's replacement (two rows of Table 2), or None where it is kept.

    The number of groups divides both channels and filters. Where no L follows, K's output is
    interleaved for whatever layer comes next.
    """
    groups = max(
        (n for n in range(1, channels // ch + 1) if channels % n == 0 and filters % n == 0),
        default=1,
    )
    if groups == 1:
        return None
    step = filters // groups
    k = Grouping(channels, filters, groups, channels // groups)
    if channels < filters:
        return Replacement(k, output_interleave=step)
    return Replacement(k, Grouping(filters, filters, groups, filters // groups, step))


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
