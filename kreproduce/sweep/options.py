"""What the command line says of where runs are started, and the place that it means."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kreproduce.errors import SettingsError
from kreproduce.sweep import cores
from kreproduce.sweep.cores import Cores
from kreproduce.sweep.executor import Executor
from kreproduce.sweep.local import ThisMachine
from kreproduce.sweep.preview import n_runs
from kreproduce.sweep.process import run_command
from kreproduce.system import gpus, unseen_gpus
from kreproduce.system.gpus import CPU
from kreproduce.text import quoted

_SMALLEST = 0.01
_MOST = 1024  # processes at a time


@dataclass(frozen=True)
class Placement:
    """Where runs are started.

    Attributes:
        jobs: so many at a time on this machine; None for one.
        ray: the address of a Ray cluster; None for this machine.
        gpus_per_run: on a cluster; None for what it has.
        devices: "all", or "cpu" for runs that take no GPU.

    Raises:
        SettingsError: they do not go together.
    """

    jobs: int | None = None
    ray: str | None = None
    gpus_per_run: float | None = None
    devices: str = "all"

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 1:
            raise SettingsError(f"--jobs {self.jobs}: at least one run at a time")
        if self.jobs is not None and self.jobs > _MOST:
            raise SettingsError(f"--jobs {self.jobs}: at most {_MOST} runs at a time")
        if self.jobs is not None and self.ray is not None:
            raise SettingsError("--jobs is for this machine, --ray for a cluster; leave one out")
        if self.ray is not None and not re.fullmatch(r"auto|[^/\s]+:[0-9]{1,5}", self.ray):
            raise SettingsError(
                f"--ray takes 'auto' or HOST:PORT of a cluster's head, not {quoted(self.ray)}; "
                "start the sweep on a machine of the cluster"
            )
        if self.devices not in ("all", CPU):
            raise SettingsError(
                f"--devices takes all or cpu for a sweep, not {quoted(self.devices)}; "
                "CUDA_VISIBLE_DEVICES limits the GPUs that are used"
            )
        if self.gpus_per_run is None:
            return
        if self.devices == CPU:
            raise SettingsError("--gpus-per-run is for GPUs, --devices cpu for none; leave one out")
        if self.ray is None:
            raise SettingsError("--gpus-per-run has no meaning without --ray; leave it out")
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
    ) -> AbstractContextManager[Executor]:
        """Return the place, to be entered.

        Args:
            results: where runs are recorded.
            data_dir: same as for `kreproduce run`.
            say: is told what happens, a line at a time.
        """
        if self.ray is not None:
            from kreproduce.sweep.ray_cluster.executor import Cluster

            return Cluster(self.ray, self.gpus_per_run, results, data_dir, say, self.devices)
        command, logs = run_command(results, data_dir, self.devices), results / "logs"
        return nullcontext(ThisMachine(command, logs, self.jobs or 1, self._gpus, self._cores))

    def check(self) -> None:
        """Refuse this machine's CPU where it has a GPU that the backend does not see.

        Nor may several runs share all GPUs because nothing lists them.

        Raises:
            SettingsError: as `unseen_gpus.check` says; or there are GPUs to be dealt out to several
                runs, and nvidia-smi lists none.
        """
        if self.ray is not None or self.devices == CPU:
            return
        unseen_gpus.check_soon()  # or each run would do so by itself
        if not self.several_here or self._gpus:
            return
        machine = gpus.detect()
        if machine.expects_gpu:
            raise SettingsError(
                f"--jobs {self.jobs}: the GPUs to deal out to the runs are not known "
                f"({machine.fault or 'nvidia-smi lists none'}); name them, say with "
                "CUDA_VISIBLE_DEVICES=0,1, or leave --jobs out"
            )

    def in_words(self) -> str:
        """Return what each of several runs at a time has of this machine."""
        if self._gpus:
            return _shared(self.jobs or 1, len(self._gpus), "GPU")
        return divided(self._cores, self.jobs or 1)

    @cached_property
    def _gpus(self) -> list[str]:
        """Those that several runs are dealt out to."""
        return gpus.visible() if self.several_here and self.devices != CPU else []

    @cached_property
    def _cores(self) -> list[Cores]:
        """The parts of the cores that several runs are dealt out to, where there are no GPUs."""
        if not self.several_here or self._gpus:
            return []
        return cores.divide(cores.usable(), self.jobs or 1)


def divided(parts: Sequence[Cores], jobs: int) -> str:
    """In words, what each of so many runs at a time has of the parts that cores were divided into.

    >>> divided([(0,), (1,)], 2)
    '2 runs at a time, each on 1 core of its own'
    >>> divided([(0, 1), (2, 3, 4)], 2)
    '2 runs at a time, each on 2 or 3 cores of its own'
    >>> divided([(0,), (1,)], 5)
    '5 runs at a time on 2 cores, up to 3 on the same'
    >>> divided([], 2)
    '2 runs at a time'
    """
    if jobs > len(parts):
        return _shared(jobs, len(parts), "core")
    sizes = sorted({len(part) for part in parts})
    plural = "core" if sizes == [1] else "cores"
    return f"{n_runs(jobs)} at a time, each on {' or '.join(map(str, sizes))} {plural} of its own"


def _shared(jobs: int, number: int, what: str) -> str:
    """So many runs on so many pieces of hardware that are not divided further."""
    if not number:
        return f"{n_runs(jobs)} at a time"
    if jobs <= number:
        return f"{n_runs(jobs)} at a time, each on 1 {what} of its own"
    plural = f"{what}s" if number > 1 else what
    return f"{n_runs(jobs)} at a time on {number} {plural}, up to {-(-jobs // number)} on the same"
