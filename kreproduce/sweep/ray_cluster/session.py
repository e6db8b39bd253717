"""A connection to a Ray cluster, as far as a run there needs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Resources = Mapping[str, float]
"""What a machine has, by Ray's names."""


@dataclass(frozen=True)
class Share:
    """What of a machine one run gets."""

    gpus: float
    cpus: float

    def fits(self, machine: Resources) -> int:
        """How many runs have room on a machine at the same time."""
        by_cpu = int(machine.get("CPU", 0) / self.cpus)
        if not self.gpus:
            return by_cpu
        # Never parts of two GPUs.
        return min(by_cpu, int(machine.get("GPU", 0)) * int(1 / self.gpus + 1e-9))


class Session(Protocol):
    """A connection to a cluster.

    Attributes:
        ray: the module.
        share: what a run gets of a machine.
        carries: some machine does not see `results`: the runs' folders are carried there and back.
        results: where runs are recorded.
        logs: the folder of their logs.
        probe: a file in `results`, which a machine must see that records there.
        data_dir: same as for `kreproduce run`.
        devices: likewise.
        say: is told what happens, a line at a time.
    """

    ray: Any
    share: Share
    carries: bool
    results: Path
    logs: Path
    probe: Path
    data_dir: Path | None
    devices: str
    say: Callable[[str], None]

    def worker(self) -> Any:
        """Return a place for one run, on whatever machine has room first."""
