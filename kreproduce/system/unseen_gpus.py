"""Why a backend sees no GPU where there is one, and what mends it.

Nothing computes on the CPU without a word because of it.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib import metadata

from kreproduce.errors import SettingsError
from kreproduce.system import backend, gpus
from kreproduce.system.gpus import NO_TOOL, Gpu, Machine
from kreproduce.system.interpreter import python
from kreproduce.text import printable, some

_PATIENCE = 180.0  # seconds; importing a backend from a slow disk takes a minute
_PROPER = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
# By which a backend is told to compute on the CPU.
_TO_THE_CPU = {"jax": ("JAX_PLATFORMS", "JAX_PLATFORM_NAME"), "torch": ("KERAS_TORCH_DEVICE",)}
_CUDNN = "nvidia-cudnn-cu12<9.11"  # as of the extra `cuda`
# What a backend answers when it is asked why it has no GPU.
_QUESTIONS = {
    "tensorflow": "from kreproduce.system import backend; backend.tune(); import tensorflow; "
    "tensorflow.config.list_physical_devices('GPU')",
    "jax": "import jax; jax.devices('gpu')",
    "torch": "import torch; torch.cuda.init()",
}
_NONE = "it sees none\n"
_ASK = f"""
from kreproduce.system import backend
backend.tune()
from kreproduce.training import devices
if not devices.sees_gpu():
    print({_NONE!r}, end="")
"""


def check(library: str) -> None:
    """Refuse to compute on the CPU because a backend sees no GPU where there is one.

    Nothing is refused where somebody has hidden the GPUs or has told the backend to take the CPU.

    Args:
        library: the backend, which has been asked and sees none.

    Raises:
        SettingsError: there is one; says what is missing and the command that mends it.
    """
    told = {os.environ.get(name, "").partition(",")[0] for name in _TO_THE_CPU.get(library, ())}
    machine = gpus.detect()
    if machine.expects_gpu and "cpu" not in told:
        raise SettingsError(why(machine, library))


def check_soon() -> None:
    """As `check`, by a backend in a process of its own; before something that takes long.

    No process is started where there is no GPU to be seen. One that fails says nothing: so will
    whatever computes afterwards, and that says why.

    Raises:
        SettingsError: same as for `check`.
    """
    if not gpus.detect().expects_gpu:
        return
    command = python("-c", _ASK)
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:  # a driver that hangs
        return
    if asked.returncode == 0 and asked.stdout.endswith(_NONE):
        check(backend.name())


def why(machine: Machine, library: str) -> str:
    """Why a backend sees none of a machine's GPUs, and what to do, in one sentence."""
    names = [gpu.name for gpu in machine.gpus] or list(machine.device_files)
    count = "an NVIDIA GPU" if len(names) == 1 else f"{len(names)} NVIDIA GPUs"
    return (
        f"this machine has {count} ({some(sorted(set(names)))}), but {_PROPER[library]} sees none: "
        f"{_cause(machine, library)}, or compute on the CPU with --devices cpu"
    )


def _cause(machine: Machine, library: str) -> str:
    """Return what is wrong, and what mends it."""
    if machine.chosen and not _is_there(machine.chosen[0], machine.gpus):
        return (
            f"CUDA_VISIBLE_DEVICES={printable(machine.chosen[0])} is none of them; unset it, or "
            "name GPUs in it with commas between, by number from 0 or by UUID as `nvidia-smi -L` "
            "lists them"
        )
    # Where there is no nvidia-smi, as in a container, the driver may work all the same.
    missing = _missing(library) if machine.fault in (None, NO_TOOL) else None
    if missing is not None:
        return missing
    if machine.fault:
        return (
            f"the NVIDIA driver does not work ({machine.fault}); install it, or restart the "
            "machine after an update of it, until `nvidia-smi -L` lists the GPU"
        )
    return f'for the reason, run {sys.executable} -c "{_QUESTIONS[library]}"'


def _is_there(name: str, listed: tuple[Gpu, ...]) -> bool:
    """Whether CUDA knows one of these GPUs by a number or the beginning of a UUID.

    Where none are listed, whether it may.
    """
    if not listed:
        return gpus.may_name(name)
    if name.isdigit():
        return int(name) < len(listed)
    return any(gpu.uuid.startswith(name) for gpu in listed)


def _missing(library: str) -> str | None:
    """Return what a backend lacks for GPUs, and the command that installs it; None if nothing."""
    try:
        version = metadata.version(library)
    except metadata.PackageNotFoundError:  # as of a system's own package
        return None
    if library == "torch":
        built = f"PyTorch {version} is built for the CPU alone"
        mended = _pip("--force-reinstall", "torch")
        return f"{built}; {mended}" if version.endswith("+cpu") else None
    if library == "jax":
        if any(map(_is_installed, ("jax-cuda12-plugin", "jax-cuda13-plugin"))):
            return None
        return f"JAX's CUDA plugin is not installed; {_pip(f'jax[cuda12]=={version}')}"
    needed = [text for text in metadata.requires(library) or () if "and-cuda" in text]
    names = [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in needed]
    absent = [name for name in names if not _is_installed(name)]
    mended = _pip(f"tensorflow[and-cuda]=={version}", _CUDNN)
    what = f"NVIDIA's libraries for it are not installed ({some(absent)})"
    return f"{what}; {mended}" if absent else None


def _pip(*arguments: str) -> str:
    return "run " + shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
