"""What the command line says of where runs are started, and the place that it means."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from kreproduce.errors import SettingsError
from kreproduce.sweep import gpus
from kreproduce.sweep.children import run_command
from kreproduce.sweep.computer import Computer
from kreproduce.sweep.here import ThisMachine

_SMALLEST = 0.01


@dataclass(frozen=True)
class Places:
    """Where runs are started.

    Attributes:
        jobs: so many at a time on this machine; None for one.
        ray: the address of a Ray cluster; None for this machine.
        gpus_per_run: on a cluster; None for what it has.

    Raises:
        SettingsError: they do not go together.
    """

    jobs: int | None = None
    ray: str | None = None
    gpus_per_run: float | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 1:
            raise SettingsError(f"--jobs {self.jobs}: at least one run at a time")
        if self.jobs is not None and self.ray is not None:
            raise SettingsError("--jobs is for this machine, --ray for a cluster; leave one out")
        if self.ray is not None and not re.fullmatch(r"auto|[^/\s]+:[0-9]{1,5}", self.ray):
            raise SettingsError(
                f"--ray takes 'auto' or HOST:PORT of a cluster's head, not {self.ray!r}; "
                "start the sweep on a machine of the cluster"
            )
        if self.gpus_per_run is None:
            return
        if self.ray is None:
            raise SettingsError("--gpus-per-run says something only with --ray; leave it out")
        if not _SMALLEST <= self.gpus_per_run <= 1:
            raise SettingsError(
                f"--gpus-per-run {self.gpus_per_run}: a run takes from {_SMALLEST} GPUs to 1"
            )

    @property
    def several_here(self) -> bool:
        """Whether more than one run at a time is started on this machine."""
        return self.jobs is not None and self.jobs > 1

    def open(
        self, results: Path, data_dir: Path | None, say: Callable[[str], None]
    ) -> AbstractContextManager[Computer]:
        """The place, to be entered.

        Args:
            results: where runs are recorded.
            data_dir: as of `kreproduce run`.
            say: is told what happens, a line at a time.
        """
        if self.ray is not None:
            from kreproduce.sweep.cluster import Cluster

            return Cluster(self.ray, self.gpus_per_run, results, data_dir, say)
        command, logs = run_command(results, data_dir), results / "logs"
        visible = gpus.visible() if self.several_here else []
        return nullcontext(ThisMachine(command, logs, self.jobs or 1, visible))
