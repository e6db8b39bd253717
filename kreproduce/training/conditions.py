"""What should not change a result but can a little: under which conditions a run computes."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras

from kreproduce import __version__
from kreproduce.experiment import Experiment
from kreproduce.training.assembly import Assembly
from kreproduce.training.devices import Devices


def of(experiment: Experiment, assembly: Assembly, devices: Devices) -> dict[str, Any]:
    """The conditions under which a run computes, for its record."""
    return {
        "devices": list(devices.names),
        "gpu": devices.gpu,
        "replicas": devices.replicas,
        "synchronized": devices.synchronized and devices.replicas > 1,
        "deterministic": devices.deterministic,
        "backend": keras.backend.backend(),
        "precision": assembly.precision,
        "tensor_float_32": devices.tensor_float_32,
        "jit_compile": assembly.xla,
        "steps_at_once": devices.steps_at_once,
        "hflip": experiment.hflip,
        "versions": versions(),
        "platform": platform.platform(),
    }


def versions() -> dict[str, str | None]:
    """Of Python and the packages that a result may depend on; None for what is not installed."""
    packages = ("keras", keras.backend.backend(), "numpy", "tensorflow-datasets")
    own = {"kreproduce": __version__, "python": platform.python_version()}
    return own | {package: _version(package) for package in packages}


def sentence(conditions: dict[str, Any]) -> str:
    """The conditions that decide how fast a run is, in one line."""
    device = conditions["devices"][0]
    return ", ".join(
        [
            device if conditions["replicas"] == 1 else f"{conditions['replicas']} of {device}",
            conditions["backend"],
            conditions["precision"],
            "with XLA" if conditions["jit_compile"] else "without XLA",
            "deterministic" if conditions["deterministic"] else "not deterministic",
            *([f"{steps} steps at once"] if (steps := conditions["steps_at_once"]) > 1 else []),
        ]
    )


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of a session's code and conditions is other than an earlier one's, field by field."""
    then, since = (dict(_flat(session)) for session in (before, now))
    return [
        f"{name} was {then.get(name)} and is {since.get(name)}"
        for name in sorted(then.keys() | since.keys())
        if then.get(name) != since.get(name)
    ]


def _flat(session: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    code, conditions = session["code"], dict(session["conditions"])
    conditions.pop("hflip")  # a way to show the result
    conditions.pop("steps_at_once", None)  # follows from the device; older runs do not say it
    yield "the commit", code["commit"]
    yield from ((f"the version of {name}", v) for name, v in conditions.pop("versions").items())
    yield from conditions.items()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
