"""The planned runs of the reduced protocol: what configs/reduced has, with three seeds."""

from functools import cache
from typing import Any

from kreproduce.data import heldout
from kreproduce.experiment.settings import Experiment, resolve

SEEDS = (1, 2, 3)
"""Each network's, fixed before the first run."""

_COMMON = {"dataset": heldout.NAME, "epochs": 25, "skip_strides": 1}
_NETWORKS: tuple[dict[str, Any], ...] = (
    {"variant": "baseline", "input_size": 32, "batch_size": 64},
    {"variant": "v1", "ch": 16},
    *({"variant": "v2", "ch": ch} for ch in (2, 4, 8, 16, 32)),
    *({"variant": "v2", "ch": ch, "layer_l": False} for ch in (4, 16)),
    *({"variant": "v2", "ch": ch, "activation": "relu"} for ch in (4, 16)),
)


@cache
def networks() -> tuple[Experiment, ...]:
    """Return the experiment of each network, with the first seed."""
    return tuple(resolve(_COMMON, network, {"seed": SEEDS[0]}) for network in _NETWORKS)


def is_of_a_network(settings: Experiment) -> bool:
    """Whether it is planned but for its seed."""
    return _without_seed(settings) in map(_without_seed, networks())


def is_planned(settings: Experiment) -> bool:
    """Whether it is one of the planned runs."""
    return settings.seed in SEEDS and is_of_a_network(settings)


def _without_seed(settings: Experiment) -> dict[str, Any]:
    return settings.model_dump(exclude={"seed"})
