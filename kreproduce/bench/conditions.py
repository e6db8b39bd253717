"""What bears on a measured time besides what is measured."""

import platform
from typing import Any

import keras

from kreproduce.bench.machine import used
from kreproduce.system import scheduling
from kreproduce.system.provenance import code_version, now
from kreproduce.training.conditions import versions
from kreproduce.training.devices import Devices


def of(devices: Devices, precision: str) -> dict[str, Any]:
    """Return the conditions of a bench that begins now; see `Findings`."""
    cores = scheduling.cores()
    return {
        "device": devices.names[0] + ("" if devices.gpu else f", {cores} cores"),
        "devices": len(devices.names),
        "backend": keras.backend.backend(),
        "precision": precision,
        "time": now(),
        "cores_in_use_before": used(),
        "cores": cores,
        "platform": platform.platform(),
        "deterministic": devices.deterministic,
        "tensor_float_32": devices.tensor_float_32,
        **code_version()._asdict(),
        "versions": versions(),
    }
