"""The devices of this machine: what there is, what it is called, and how one run uses several.

The one file that asks a backend by name.
"""

import contextlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras


@dataclass(frozen=True)
class Devices:
    """What a run computes on: GPUs, or the CPU.

    Attributes:
        gpu: whether they are GPUs.
        names: what they are, one a replica, for the record.
        mirrored: TensorFlow's names of the devices to share each batch among, if several.
        tensor_float_32: whether products of float32 may be computed with 10 bits of mantissa.
    """

    gpu: bool
    names: tuple[str, ...]
    mirrored: tuple[str, ...] = ()
    tensor_float_32: bool | None = None

    @property
    def replicas(self) -> int:
        """How many copies of the model share a batch."""
        return len(self.mirrored) or 1

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where a model must be built so that its replicas keep equal weights."""
        if not self.mirrored:
            return contextlib.nullcontext()
        import tensorflow as tf

        return tf.distribute.MirroredStrategy(list(self.mirrored)).scope()


def find() -> Devices:
    """All GPUs that TensorFlow sees, or the one that another backend takes; else the CPU."""
    match keras.backend.backend():
        case "tensorflow":
            return _tensorflow()
        case "jax":
            import jax

            gpus = [device.device_kind for device in jax.devices() if device.platform == "gpu"]
        case _:
            import torch

            gpus = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    return Devices(gpu=True, names=tuple(gpus[:1])) if gpus else _cpu()


def _tensorflow() -> Devices:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return _cpu()
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    names = tuple(detail.get("device_name", "GPU") for detail in details)
    several = tuple(f"GPU:{i}" for i in range(len(gpus))) if len(gpus) > 1 else ()
    tensor_float_32 = tf.config.experimental.tensor_float_32_execution_enabled()
    return Devices(True, names, several, tensor_float_32)


def _cpu() -> Devices:
    return Devices(gpu=False, names=(f"{_cpu_name()}, {os.cpu_count()} cores",))


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
