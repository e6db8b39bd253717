"""The NVIDIA GPUs of the machine and their driver, whatever the backend sees."""

import re
import subprocess
from collections import Counter

from kreproduce.doctor.check import Check, Value
from kreproduce.system.gpus import NO_TOOL, Machine
from kreproduce.text import printable

NONE = "no NVIDIA GPU here"
_PATIENCE = 20  # seconds
_OLDEST = (525, 60)
_MENDED = "install or reload NVIDIA's driver until `nvidia-smi` lists the GPU"


def check_driver(machine: Machine) -> Check:
    """Report what GPUs there are, by which driver, and with how much memory."""
    name, hidden = "driver", machine.has_gpu and not machine.expects_gpu
    values: dict[str, Value] = {"gpus": expected(machine), "hidden": hidden}
    if not machine.has_gpu:
        if machine.fault in (None, NO_TOOL):
            return Check(name, "not applicable", NONE, values=values)
        found = f"{NONE} that can be used: {machine.fault}"
        return Check(name, "warning", found, f"if there is one, {_MENDED}", values)
    if hidden:
        found = "CUDA_VISIBLE_DEVICES hides this machine's NVIDIA GPUs, and runs use the CPU"
        return Check(name, "warning", found, "unset it to use them", values)
    if machine.fault == NO_TOOL:
        files = ", ".join(machine.device_files)
        found = f"{files} say that there is a GPU, and there is no nvidia-smi to ask its driver"
        return Check(name, "warning", found, "install NVIDIA's driver and its tools", values)
    if machine.fault:
        return Check(name, "fault", f"the driver does not answer: {machine.fault}", _MENDED, values)
    counted = Counter(gpu.name for gpu in machine.gpus)
    names = ", ".join(f"{number} × {gpu}" if number > 1 else gpu for gpu, number in counted.items())
    version, memory = _asked()
    values |= {"driver": version, "memory_mib": memory}
    more = [f"driver {version}" if version else "", f"{memory:,} MiB" if memory else ""]
    found = ", ".join(filter(None, [names, *more]))
    if _is_old(version):
        needed = ".".join(map(str, _OLDEST))
        return Check(name, "fault", f"{found}, which is too old", f"update it to {needed}", values)
    return Check(name, "ok", found, values=values)


def expected(machine: Machine) -> int:
    """How many GPUs a backend should see."""
    if not machine.expects_gpu:
        return 0
    if machine.chosen is not None:
        return len(machine.chosen)
    return len(machine.gpus) or len(machine.device_files)


def _is_old(version: str | None) -> bool:
    """Whether a driver knows no CUDA 12, with which the backends are built."""
    numbers = re.match(r"(\d{1,9})\.(\d{1,9})", version or "")
    return numbers is not None and tuple(map(int, numbers.groups())) < _OLDEST


def _asked() -> tuple[str | None, int | None]:
    """Return the driver's version, and the MiB of the smallest GPU's memory; None if unknown."""
    try:
        said = subprocess.run(
            [
                "nvidia-smi",
                "--query-gpu=driver_version,memory.total",
                "--format=csv,noheader,nounits",
            ],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None, None
    rows = [line.split(",") for line in said.splitlines() if line.count(",") == 1]
    sizes = [int(row[1]) for row in rows if row[1].strip().isdigit()]
    return (printable(rows[0][0].strip()) if rows else None), min(sizes, default=None)
