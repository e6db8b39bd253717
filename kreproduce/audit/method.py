"""The claims of sections 1 and 2: the arithmetic of the layers, and the networks made of them."""

import math
from dataclasses import replace
from functools import cache
from typing import get_args

from kreproduce import paper
from kreproduce.audit.numbers import Recomputed, Value, always, number, percentage, times
from kreproduce.experiment.settings import of_row
from kreproduce.network import operations as op
from kreproduce.network.architecture import STRIDES, Architecture, Size
from kreproduce.network.cost import count, total_cost
from kreproduce.network.description import describe
from kreproduce.network.grouping import Grouping, Replacement, group, replace_v2
from kreproduce.tables import recomputed

_CHS = (2, 4, 8, 12, 16, 32)  # of Tables 2 to 8
_SIZES: tuple[Size, ...] = get_args(Size)


def _pointwise_shares(*sizes: Size, squeeze_and_excite: bool = True, classes: int = 10) -> Value:
    """Kernel weights of EfficientNet's pointwise convolutions among all its parameters.

    Counted are products of channels and filters, so neither biases nor batch normalisation.
    """
    shares = []
    for size in sizes:
        network = describe(Architecture("baseline", None, size, classes=classes))
        weights = sum(
            node.input_shape[-1] * node.shape[-1]
            for node in network.nodes
            if isinstance(node.operation, op.Pointwise)
            and (squeeze_and_excite or "_se_" not in node.layer)
        )
        shares.append(weights / total_cost(network).parameters)
    ends = dict.fromkeys(percentage(end, 1) for end in (min(shares), max(shares)))
    return Value(" to ".join(ends), holds=min(shares) > 0.9)


def _example() -> tuple[Grouping, Grouping]:
    """Layers K and L of Figure 1: 14 channels, 10 filters, Ch = 4."""
    example = _replaced(14, 10, 4)
    assert example.l is not None  # as many filters as channels at most
    return example.k, example.l


def _replaced(channels: int, filters: int, ch: int) -> Replacement:
    return replace_v2(channels, filters, ch) or Replacement(group(channels, filters, ch))


def _example_last_group() -> Value:
    channels = _example()[0].inputs()[-1]
    return Value(", ".join(str(channel + 1) for channel in channels))  # the paper's start at 1


def _example_inputs_of_k2() -> Value:
    """Count what all groups of path 2 read: the inputs of as many first groups of path 1."""
    k = _example()[0]
    return number(sum(map(len, k.inputs()[: k.remainder])))


def _last_group() -> Value:
    """How many channels are left for the last group of 15, in groups of 4: not b, which is 1."""
    k = group(15, 10, 4)
    left = k.channels - (k.groups - 1) * k.group_channels
    assert k.inputs()[-1][left:] == [0]  # after them the first follow again
    return number(left)


@cache
def _all_units(size: Size) -> tuple[tuple[int, int], ...]:
    """Channels and filters of every pointwise convolution of an EfficientNet."""
    network = describe(Architecture("baseline", None, size))
    return tuple(
        (node.input_shape[-1], node.shape[-1])
        for node in network.nodes
        if isinstance(node.operation, op.Pointwise)
    )


def _units(size: Size) -> frozenset[tuple[int, int]]:
    return frozenset(_all_units(size))


@cache
def _replacements() -> tuple[Replacement, ...]:
    """All layers that are replaced in B0 to B7, at every Ch of the tables."""
    units = frozenset().union(*(_units(size) for size in _SIZES))
    found = (replace_v2(*unit, ch) for unit in sorted(units) for ch in _CHS)
    return tuple(replacement for replacement in found if replacement is not None)


def _layers() -> list[Grouping]:
    return [layer for unit in _replacements() for layer in (unit.k, unit.l) if layer is not None]


def _second_path_is_smaller() -> Value:
    return always([layer.remainder < layer.groups for layer in _layers()])


def _filters_are_all_there() -> Value:
    return always(
        [
            layer.filters_per_group * layer.groups + layer.remainder == unit.k.filters
            for unit in _replacements()
            for layer in (unit.k, unit.l)
            if layer is not None
        ]
    )


def _excess_is_below_ch() -> Value:
    """Where the groups are those of equation (7), and not capped."""
    return always(
        [
            0 <= ch * layer.groups - layer.channels <= ch
            for layer in _layers()
            for ch in [layer.group_channels]
            if layer.groups == -(-layer.channels // ch)
        ]
    )


def _capped_groups() -> Value:
    """Layers K of B0 at Ch = 2 that have fewer groups than equation (7) says."""
    units = [(unit, replace_v2(*unit, 2)) for unit in _all_units("B0")]
    return number(
        sum(found is not None and found.k.groups != -(-unit[0] // 2) for unit, found in units)
    )


def _layer_l_where_enough_channels() -> Value:
    units = _replacements()
    return always([unit.l is None or unit.k.channels >= unit.k.filters for unit in units])


def _parameters(channels: int, filters: int, ch: int) -> Value:
    return number(_weights(_replaced(channels, filters, ch)))


def _constraints() -> Value:
    """Units of B0 that Ch <= Ic/2 and Ch <= F/2 would replace and the counts do not, or reverse."""
    ch = 32
    return number(
        sum(
            (2 * ch <= min(unit)) != (replace_v2(*unit, ch) is not None)
            for unit in _all_units("B0")
        )
    )


def _channels_of_table_1() -> Value:
    """Return the fewest channels or filters of its layers; the example is none of a network."""
    layers = {(row.ic, row.f) for row in paper.grouping_rows()} - {(14, 10)}
    least = min(map(min, layers))
    return Value(f"at least {least}", holds=least >= 100)


def _of_hundreds() -> Value:
    """Pointwise convolutions of B0, squeeze-and-excitation's among them, as large as Table 1's."""
    units = _all_units("B0")
    return Value(f"{sum(min(unit) >= 100 for unit in units)} of {len(units)}")


def _sizes_beyond_table_1() -> Value:
    last = paper.grouping_rows()[-1]
    most = max(last.ic, last.f)
    found = [size for size in _SIZES if max(map(max, _units(size))) > most]
    return Value(", ".join(found) or "none")


def _first_strides() -> Value:
    """How many of the strides that the paper counts are none of 1: the stem's, then a stage's."""
    strides = [
        node.operation.stride
        for node in describe(Architecture("baseline", None)).nodes
        if isinstance(node.operation, op.Convolution | op.DepthwiseConvolution)
        and (node.layer == "stem" or node.layer.endswith("a_depthwise"))
    ]
    return number(sum(stride > 1 for stride in strides[:4]))


def _halved_at(ch: int) -> Value:
    """Pointwise convolutions of B0 of which no more than half of the weights is left."""
    units = _all_units("B0")
    pairs = [(unit, replace_v2(*unit, ch)) for unit in units]
    halved = [
        2 * _weights(replacement) <= math.prod(unit)
        for unit, replacement in pairs
        if replacement is not None
    ]
    return Value(f"{sum(halved)} of {len(units)}", holds=2 * sum(halved) > len(units))


def _weights(unit: Replacement) -> int:
    return unit.k.weights + (unit.l.weights if unit.l else 0)


def _layer_of_b0(channels: int, filters: int) -> Value:
    sizes = [size for size in _SIZES if (channels, filters) in _units(size)]
    return Value("yes" if "B0" in sizes else f"no: of {' and '.join(sizes) or 'none'}")


def _skipped_strides() -> Value:
    """How many strides to skip so that the computations of Table 2's last row come out."""
    row = paper.rows(2)[-1]
    network = replace(of_row(row).architecture, padding="counted")
    return Value(
        " or ".join(
            str(skipped)
            for skipped in range(STRIDES + 1)
            if count(replace(network, skip_strides=skipped)).computations == row.computations
        )
    )


def _kept_epochs() -> Value:
    kept = [run.monitor == "val_loss" for run in paper.runs() if run.tables]
    return Value(f"{sum(kept)} of {len(kept)}")


def _input_sides() -> Value:
    shown = [run for run in paper.runs() if run.tables and run.dataset == "cifar10"]
    sides = {run.input_size for run in shown if run.model != "baseline"}
    return Value(" or ".join(map(str, sorted(sides))))


def _flip(column: str) -> Value:
    cells = {str(row["model"]): row for row in recomputed.rows(4)}
    flip, plain = cells["kEffNet-B0 V2 32ch + H Flip"], cells["kEffNet-B0 V2 32ch"]
    if flip[column] == plain[column]:
        return Value("the same")
    return times(int(flip[column]), int(plain[column]))


RECOMPUTED: dict[str, Recomputed] = {
    "pointwise-with-se": lambda: _pointwise_shares(*_SIZES),
    "pointwise-imagenet-small": lambda: _pointwise_shares(*_SIZES[:5], classes=1000),
    "pointwise-imagenet-large": lambda: _pointwise_shares(*_SIZES[5:], classes=1000),
    "pointwise-without-se": lambda: _pointwise_shares(*_SIZES, squeeze_and_excite=False),
    "example-g-k1": lambda: number(_example()[0].groups),
    "example-b": lambda: number(_example()[0].groups * 4 - 14),
    "example-last-group": _example_last_group,
    "last-group": _last_group,
    "capped-groups": _capped_groups,
    "b-below-ch": _excess_is_below_ch,
    "example-fg-k1": lambda: number(_example()[0].filters_per_group),
    "example-ch-k1": lambda: number(_example()[0].group_channels),
    "path-k2": lambda: number(_replaced(3840, 640, 32).k.remainder),
    "example-g-k2": lambda: number(_example()[0].remainder),
    "example-k2-inputs": _example_inputs_of_k2,
    "second-path-smaller": _second_path_is_smaller,
    "example-f-k": lambda: number(_example()[1].channels),
    "example-g-l1": lambda: number(_example()[1].groups),
    "example-fg-l1": lambda: number(_example()[1].filters_per_group),
    "example-g-l2": lambda: number(_example()[1].remainder),
    "layer-l": _layer_l_where_enough_channels,
    "equation-27": _filters_are_all_there,
    "equation-28-with-l": lambda: _parameters(1152, 320, 16),
    "equation-28-without-l": lambda: _parameters(160, 3840, 16),
    "constraints": _constraints,
    "table-1-channels": _channels_of_table_1,
    "b0-channels": _of_hundreds,
    "most-are-halved": lambda: _halved_at(32),
    "layer-192-1152": lambda: _layer_of_b0(192, 1152),
    "layer-1152-320": lambda: _layer_of_b0(1152, 320),
    "layer-160-3840": lambda: _layer_of_b0(160, 3840),
    "layer-3840-640": lambda: _layer_of_b0(3840, 640),
    "beyond-table-1": _sizes_beyond_table_1,
    "first-strides": _first_strides,
    "strides": _skipped_strides,
    "input-side": _input_sides,
    "kept-epoch": _kept_epochs,
    "flip-computations": lambda: _flip("computations"),
    "flip-parameters": lambda: _flip("parameters"),
}
