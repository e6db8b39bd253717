"""Reproduces kEffNet-B0 V2 (Schwarz Schuler et al., Entropy 2022, 24, 1264).

What a Python caller wants, each imported when it is first used:

- `resolve`: settings to an experiment.
- `run_experiment`: train, test and record one.
- `load`: a trained network, from a run or a model file, to classify images with.
- `table`: a table of the paper, recomputed and with what was measured.
- `Architecture`, `build`, `fold`: a network, as a Keras model, and its faster inference form.
- `group_pointwise`, `grouping_report`, `check_grouped`: the method applied to a copy of any Keras
  model, what that would do, and whether all holds of the copy that should.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kreproduce.experiment.settings import resolve
    from kreproduce.export.load import load
    from kreproduce.network.any_model.check import check_grouped
    from kreproduce.network.any_model.group import group_pointwise, grouping_report
    from kreproduce.network.architecture import Architecture
    from kreproduce.network.inference import fold
    from kreproduce.network.model import build
    from kreproduce.tables import table
    from kreproduce.training.run_experiment import run_experiment

__version__ = "0.1.0"
__all__ = [
    "Architecture",
    "build",
    "check_grouped",
    "fold",
    "group_pointwise",
    "grouping_report",
    "load",
    "resolve",
    "run_experiment",
    "table",
]

_MODULES = {
    "Architecture": "kreproduce.network.architecture",
    "build": "kreproduce.network.model",
    "check_grouped": "kreproduce.network.any_model.check",
    "fold": "kreproduce.network.inference",
    "group_pointwise": "kreproduce.network.any_model.group",
    "grouping_report": "kreproduce.network.any_model.group",
    "load": "kreproduce.export.load",
    "resolve": "kreproduce.experiment.settings",
    "run_experiment": "kreproduce.training.run_experiment",
    "table": "kreproduce.tables",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
