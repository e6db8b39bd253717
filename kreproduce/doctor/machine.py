"""The processor and the memory that a run would have."""

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kreproduce.doctor.check import Check, Value
from kreproduce.system import scheduling

# What the processes of runs took at most (results/bench, memory; docs/speed.md).
_SMALL, _LARGE = 3 * 10**9, 7.2 * 10**9
# Of control groups, version 2 and 1: folder, controller, and the files with the limit and the use.
_GROUPS = (
    ("", "", "memory.max", "memory.current"),
    ("memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def check_processor() -> Check:
    """Report the cores that this process may use, and their vector instructions."""
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
    for limit, used in _limits(root):
        if limit < whole:
            whole = limit
        free = min(free, max(0, limit - used))
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
    """Return the numbers in /proc/meminfo, in bytes."""
    try:
        text = path.read_text()
    except OSError:
        return {}
    return {name: int(kb) * 1024 for name, kb in re.findall(r"(?m)^(\w+):\s+(\d+) kB$", text)}


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield the memory that this process may have and has used, by each group that it is in."""
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    groups = [line.split(":", 2)[1:] for line in lines if line.count(":") >= 2]
    for folder, controller, most, used in _GROUPS:
        own = next((path for names, path in groups if controller in names.split(",")), "/")
        place = root / "sys" / "fs" / "cgroup" / folder
        inner = PurePosixPath(own.lstrip("/"))
        for group in (inner, *inner.parents):
            limit = _number(place / group / most)
            if limit is not None:
                yield limit, _number(place / group / used) or 0


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
