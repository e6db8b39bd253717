"""The processor and the memory that a run would have."""

import os
import platform
import re
from pathlib import Path

from kreproduce import scheduling
from kreproduce.doctor.check import Check, Value

# What the processes of runs took at most (results/bench, memory; docs/speed.md).
_SMALL, _LARGE = 3 * 10**9, 7.2 * 10**9
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of control groups, version 2 and 1


def check_processor() -> Check:
    """The cores that this process may use, and their vector instructions."""
    cores, every = scheduling.cores(), os.cpu_count() or 1
    vectors = scheduling.instructions()
    widest = next((name for name in ("avx512f", "avx2", "avx", "asimd") if name in vectors), "")
    of = f" of {every}" if every > cores else ""
    found = f"{_processor()}, {cores} core{'s' if cores > 1 or of else ''}{of}"
    found += f", {widest}" if widest else ""
    values: dict[str, Value] = {"cores": cores, "cores_of_the_machine": every}
    values |= {"load": round(os.getloadavg()[0], 2), "instructions": " ".join(vectors)}
    return Check("processor", "ok", found, values=values)


def check_memory(root: Path = Path("/")) -> Check:
    """How much memory there is, and how much of it is free.

    Args:
        root: of the file system with /proc and /sys.
    """
    told = _told(root / "proc" / "meminfo")
    whole, free = told.get("MemTotal"), told.get("MemAvailable")
    if whole is None or free is None:
        return Check("memory", "not applicable", "this system does not tell it in /proc/meminfo")
    limit = _limit(root)
    if limit is not None and limit < whole:
        whole, free = limit, min(free, limit)
    values: dict[str, Value] = {"memory": whole, "available": free}
    found = f"{whole / 1e9:,.1f} GB, of which {free / 1e9:,.1f} GB are available"
    if free < _SMALL:
        found += "; a run on CIFAR-10 takes up to 3 GB on a CPU, one on malaria 7 GB"
        return Check("memory", "warning", found, "end other processes, or use more memory", values)
    if free < _LARGE:
        found += ", enough for CIFAR-10; a run on malaria takes 7 GB"
    return Check("memory", "ok", found, values=values)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _told(path: Path) -> dict[str, int]:
    """The numbers in /proc/meminfo, in bytes."""
    try:
        text = path.read_text()
    except OSError:
        return {}
    return {name: int(kb) * 1024 for name, kb in re.findall(r"(?m)^(\w+):\s+(\d+) kB$", text)}


def _limit(root: Path) -> int | None:
    """The memory that a container has; None where it is not limited, or nobody says."""
    for name in _LIMITS:
        try:
            text = (root / "sys" / "fs" / "cgroup" / name).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None
