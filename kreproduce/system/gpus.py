"""The NVIDIA GPUs of this machine, found without importing a backend."""

import errno
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kreproduce.text import printable

_PATIENCE = 20  # seconds; a driver that hangs is as good as none
_DEVICE_FILES = Path("/dev")
CPU = "cpu"
"""What is given for devices by who wants the CPU, whatever else there is."""

NO_TOOL = "there is no nvidia-smi"
"""The fault of a machine that does not have it."""

_CHOSEN = re.compile(r"[0-9]+|(GPU|MIG)-\S+")
# What schedulers and containers write for a job without GPUs is meant so; "all" is a mistake.
_HIDES = re.compile(r"|-[0-9]+|nodevfiles|none|void", re.IGNORECASE)
_LISTED = re.compile(r"(?:GPU [0-9]+: (?P<name>.*?)|.*?) *\(UUID: (?P<uuid>(?:GPU|MIG)-[-/\w]+)\)")


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a part of one that is divided (MIG).

    Attributes:
        name: the model, as the driver calls it.
        uuid: what CUDA_VISIBLE_DEVICES takes for it: CUDA numbers them otherwise than nvidia-smi.
    """

    name: str
    uuid: str


@dataclass(frozen=True)
class Machine:
    """What says that this machine has NVIDIA GPUs, and which of them are for this process.

    Attributes:
        gpus: what nvidia-smi lists, with a divided one's parts in its place.
        fault: why it lists none, in a few words; None if it does.
        device_files: those of GPUs in /dev, which are there as soon as the driver is loaded.
        chosen: what CUDA_VISIBLE_DEVICES names; None if it is not set, empty if it hides all.
    """

    gpus: tuple[Gpu, ...] = ()
    fault: str | None = None
    device_files: tuple[str, ...] = ()
    chosen: tuple[str, ...] | None = None

    @property
    def has_gpu(self) -> bool:
        """Whether there is one, usable or not."""
        return bool(self.gpus or self.device_files)

    @property
    def expects_gpu(self) -> bool:
        """Whether a backend should see one: there is one, and nobody has hidden it."""
        return self.has_gpu and self.chosen != ()


def detect() -> Machine:
    """Return what there is, asked of nvidia-smi, /dev and CUDA_VISIBLE_DEVICES now."""
    found, fault = _nvidia_smi()
    return Machine(found, fault, _device_files(), chosen())


def visible() -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES calls each GPU that a process started now would see.

    Empty if there are none, or unknown.
    """
    names = chosen()
    return list(names) if names is not None else [gpu.uuid for gpu in _nvidia_smi()[0]]


def memory() -> int | None:
    """Return the memory of this machine's smallest GPU, in bytes; None if it is unknown.

    It is unknown of a part of a GPU (MIG), too: nvidia-smi tells the whole one's.
    """
    if any(name.startswith("MIG") for name in visible()):
        return None
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=True,
        )
        found = [int(line) for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return min(found) * 2**20 if found else None


def chosen() -> tuple[str, ...] | None:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names; None if it is not set.

    As CUDA has it, the first that is no device ends the list, so "", "-1" and what schedulers
    write for a job without GPUs ("NoDevFiles") name none. Other text that begins with no device,
    say "all", hides nothing on purpose: it is given as it is, as the name of a GPU that is not
    there.
    """
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    end = next((i for i, name in enumerate(names) if not _CHOSEN.fullmatch(name)), len(names))
    if end == 0 and not _HIDES.fullmatch(names[0]):
        return (value.strip(),)
    return tuple(names[:end])


def may_name(chosen: str) -> bool:
    """Whether CUDA takes it for a GPU's name: a number, or the beginning of a UUID."""
    return _CHOSEN.fullmatch(chosen) is not None


def _nvidia_smi() -> tuple[tuple[Gpu, ...], str | None]:
    """Return the GPUs that nvidia-smi lists, and why if there are none."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        return (), NO_TOOL
    except subprocess.TimeoutExpired:
        return (), f"nvidia-smi has not answered within {_PATIENCE} s"
    except OSError as error:
        return (), f"nvidia-smi cannot be run: {error.strerror or error}"
    found = _listed(done.stdout)
    if done.returncode == 0 and found:
        return found, None
    said = next((line for line in (done.stdout + done.stderr).splitlines() if line.strip()), "")
    return (), f"nvidia-smi says: {printable(said.strip())}" if said else "nvidia-smi lists none"


def _listed(text: str) -> tuple[Gpu, ...]:
    """Return the GPUs in what `nvidia-smi -L` prints."""
    found: list[Gpu] = []
    name = "NVIDIA GPU"
    for line in text.splitlines():
        match = _LISTED.match(line)
        if match is None:
            continue
        uuid = match["uuid"]
        name = printable(match["name"]) if match["name"] else name
        if uuid.startswith("MIG") and found and found[-1].uuid.startswith("GPU"):
            found.pop()  # the whole of which these are the parts
        found.append(Gpu(name, uuid))
    return tuple(found)


def _device_files() -> tuple[str, ...]:
    """Return the files of GPUs, without those that a scheduler withholds from this process."""
    files = sorted(_DEVICE_FILES.glob("nvidia[0-9]*"))
    return tuple(str(file) for file in files if not _is_withheld(file))


def _is_withheld(file: Path) -> bool:
    """Whether a control group denies the file: a job's that asked for no GPU.

    Who only lacks the rights to it has a GPU and something to mend.
    """
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        return error.errno == errno.EPERM
    return False
