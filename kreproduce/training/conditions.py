"""What should not change a result but can a little: under which conditions a run computes."""

import hashlib
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version

import keras

from kreproduce import __version__
from kreproduce.network import tensorflow_kernels
from kreproduce.runs.records import Conditions, Optimizer
from kreproduce.system import scheduling
from kreproduce.text import printable
from kreproduce.training import optimizer
from kreproduce.training.devices import Devices, threads
from kreproduce.training.model import CompiledModel

# Variables by which a backend is told to compute otherwise: by other kernels, on other threads.
# Not all of "TF_", for which Terraform's begin with it, too.
_TELLING = re.compile(
    r"(ATEN|CUBLAS|CUDA|CUDNN|DNNL|JAX|KERAS|KMP|MKL|NCCL|NPY|NVIDIA|OMP|ONEDNN|OPENBLAS|PYTORCH"
    r"|TORCH|TORCHINDUCTOR|XLA|TF_(AUTO|AUTOTUNE|CONV2D|CPU|CUBLAS|CUDNN|DETERMINISTIC|DISABLE|ENABLE"
    r"|FP16|GPU|JITRT|MATMUL|MKL|NUM|ONEDNN|OVERRIDE|SET|USE|XLA))_.+|NPROC|GLIBC_TUNABLES"
)
# Of these, what says nothing of numbers (places, memory), or stands in the conditions already.
_MUTE = re.compile(
    r".+_(HOME|PATH|DIR|ROOT|FILE|ALLOCATOR|VISIBLE_DEVICES|VERBOSE)|KERAS_BACKEND|XLA_PYTHON_.+"
    r"|KMP_(DUPLICATE_LIB_OK|INIT_AT_FORK)"  # set by libraries when they are imported
)
_LONGEST = 300  # characters


def conditions_of(compiled: CompiledModel, devices: Devices) -> Conditions:
    """Return the conditions under which a run computes, for its record."""
    return Conditions(
        devices=devices.names,
        gpu=devices.gpu,
        replicas=devices.replicas,
        sync_batch_norm=devices.sync_batch_norm and devices.replicas > 1,
        cores=scheduling.cores(),
        instructions=scheduling.instructions(),
        kernels=tensorflow_kernels.chosen(),
        threads=threads(),
        deterministic=devices.deterministic,
        backend=keras.backend.backend(),
        precision=compiled.precision,
        floatx=keras.config.floatx(),
        tensor_float_32=devices.tensor_float_32,
        jit_compile=compiled.xla,
        steps_per_execution=devices.steps_per_execution,
        optimizer=_optimizer(compiled),
        environment=environment(),
        versions=versions(),
        platform=platform.platform(),
    )


def _optimizer(compiled: CompiledModel) -> Optimizer:
    used = compiled.model.optimizer
    used = getattr(used, "inner_optimizer", used)  # that of the loss' scaling is around it
    return Optimizer(name=optimizer.NAME, formula=used.formula)


def environment() -> dict[str, str]:
    """Return the variables that are set by which a backend is told to compute otherwise."""
    return {
        printable(name): printable(value if len(value) <= _LONGEST else _shortened(value), _LONGEST)
        for name, value in sorted(os.environ.items())
        if _TELLING.fullmatch(name) and not _MUTE.fullmatch(name)
    }


def _shortened(value: str) -> str:
    """Shorten a long value to its beginning and the hash that tells it from others."""
    digest = hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{value[: _LONGEST - 80]}... (SHA-256 {digest})"


def versions() -> dict[str, str | None]:
    """Of Python and the packages that a result may depend on; None for what is not installed."""
    packages = ("keras", keras.backend.backend(), "numpy", "tensorflow-datasets")
    own = {"kreproduce": __version__, "python": platform.python_version()}
    return own | {package: _version(package) for package in packages}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
