"""What a shell completes: the values of arguments that have few.

Where a word is the beginning of none of these, the shell completes files. A value is looked up when
a shell asks, and nothing heavier than the settings is imported for it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import get_args

Completion = Callable[[str], list[str]]


def among(*values: str) -> Completion:
    """Complete one of some values."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


def _in(module: str, name: str, *more: str, end: str = "") -> Completion:
    """Complete what a module calls so: a type of texts, or texts, or a function that returns them.

    Args:
        module: where.
        name: of the type, the texts or the function.
        more: values that come after these.
        end: what each of these ends in.
    """

    def complete(incomplete: str) -> list[str]:
        found = getattr(import_module(f"kreproduce.{module}"), name)
        values = get_args(found) or (found() if callable(found) else found)
        return among(*(f"{value}{end}" for value in values), *more)(incomplete)

    return complete


datasets = _in("experiment.recipes", "RECIPES")
settings = _in("experiment.settings", "setting_names", end="=")
precisions = _in("experiment.settings", "Precision")
variants = _in("network.architecture", "Variant")
sizes = _in("network.architecture", "Size")
paddings = _in("network.architecture", "Padding")
networks = _in("bench.case", "of_the_paper")
halves = _in("bench.benches", "Half")
tables = _in("tables", "names")
table_formats = _in("tables", "FORMATS")
targets = _in("paper", "TRAINED", "all")
claims_formats = _in("claims.report", "FORMATS", "report")
