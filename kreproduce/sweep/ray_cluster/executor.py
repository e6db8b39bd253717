"""An existing Ray cluster as a place for runs.

with Cluster("10.0.0.1:6379", None, results, None, print) as cluster:
    Runner(jobs, cluster, Display()).run()
"""

import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from kreproduce import __version__
from kreproduce.errors import SettingsError, StorageError
from kreproduce.sweep.plan import Job
from kreproduce.sweep.ray_cluster.connect import connect
from kreproduce.sweep.ray_cluster.remote_run import Remote
from kreproduce.sweep.ray_cluster.session import Resources, Share
from kreproduce.sweep.ray_cluster.worker import Worker
from kreproduce.system import files
from kreproduce.system.gpus import CPU

_PATIENCE = 60.0  # seconds until every machine must have answered


def share(machines: Iterable[Resources], gpus_per_run: float | None, devices: str = "all") -> Share:
    """Return what one run gets: what was asked for, or a GPU.

    Without GPUs that is the CPUs of the smallest machine; so it is with the devices "cpu".

    Raises:
        SettingsError: a GPU was asked for where there is none, or there is nothing at all.
    """
    with_cpus = [machine for machine in machines if machine.get("CPU", 0) >= 1]
    has_gpus = any(machine.get("GPU", 0) >= 1 for machine in with_cpus)
    if gpus_per_run is not None and not has_gpus:
        raise SettingsError("--gpus-per-run: the cluster has no GPU; leave it out to use its CPUs")
    if not with_cpus:
        raise SettingsError("--ray: no machine of the cluster has a CPU to offer; add one that has")
    if has_gpus and devices != CPU:
        return Share(gpus_per_run or 1.0, 1.0)
    return Share(0.0, min(machine["CPU"] for machine in with_cpus))


class Cluster:
    """A connection to a cluster.

    Args:
        address: "auto", or host:port of its head.
        gpus_per_run: above 0, at most 1; None for 1, or for none where there are none.
        results: where runs are recorded.
        data_dir: same as for `kreproduce run`.
        say: is told what happens, a line at a time.
        devices: "all", or "cpu" for runs that take no GPU.

    Attributes:
        share: what a run gets of a machine.
        carries: some machine does not see `results`: the runs' folders are carried there and back.

    Raises:
        SettingsError: on entering: Ray is missing, nobody answers at the address, or a machine
            of the cluster cannot take runs.
    """

    def __init__(
        self,
        address: str,
        gpus_per_run: float | None,
        results: Path,
        data_dir: Path | None,
        say: Callable[[str], None],
        devices: str = "all",
    ):
        self.results, self.data_dir = results.absolute(), data_dir and data_dir.absolute()
        self.logs = results / "logs"
        self.probe = self.results / "logs" / f".sweep-{uuid.uuid4().hex}"
        self.say, self.devices = say, devices
        self._address, self._gpus_per_run = address, gpus_per_run

    @property
    def slots(self) -> int:
        """How many runs have room on the cluster as it is now; at least one, which waits."""
        return max(1, sum(self.share.fits(machine) for machine in self._machines().values()))

    def launch(self, job: Job) -> Remote:
        """Send a run to the cluster."""
        return Remote(job, self)

    def worker(self) -> Any:
        """Return a place for one run, on whatever machine has room first."""
        remote = self.ray.remote(num_gpus=self.share.gpus, num_cpus=self.share.cpus, max_restarts=0)
        return remote(Worker).remote()

    def __enter__(self) -> "Cluster":
        with ExitStack() as stack:
            self.ray = connect(self._address)
            stack.callback(self.ray.shutdown)
            stack.enter_context(redirect_stdout(self._make_logs()))
            stack.callback(self.probe.unlink, missing_ok=True)
            self.carries = not all(self._inspect())
            self._leave = stack.pop_all()
        if self.carries:
            self.say(
                f"not all machines see {self.results}: the runs are carried there and back, and "
                "what a machine that dies has done is lost"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave.close()

    def _machines(self) -> dict[str, Resources]:
        """Return the resources of the machines that are there now, by Ray's name of each."""
        return {node["NodeID"]: node["Resources"] for node in self.ray.nodes() if node["Alive"]}

    def _make_logs(self) -> TextIO:
        """Make the folder of logs with the probe in it, and open a file for Ray's own words.

        Ray prints forty lines when a machine dies.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.probe.touch()
            return files.log(self.logs / "ray.log", truncate=True)
        except OSError as error:
            raise StorageError(
                f"{error.filename} cannot be written: {error.strerror}; "
                "choose another place with --results"
            ) from error

    def _inspect(self) -> list[bool]:
        """Find what a run gets, and whether each machine that can take one sees the results.

        Raises:
            SettingsError: none can; or one does not answer, or does not have this package.
        """
        answers = self._answers()
        for host, found, _ in answers:
            if found != __version__:
                raise SettingsError(
                    f"--ray {self._address}: {host} has {found}, and this is kreproduce "
                    f"{__version__}; install the same on every machine of the cluster"
                )
        return [sees for _, _, sees in answers]

    def _answers(self) -> list[tuple[str, str, bool]]:
        """Return what each machine that can take a run says of itself.

        Raises:
            SettingsError: one stays silent, and Ray takes it for alive all the same.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        inspect = self.ray.remote(num_cpus=0, max_retries=0)(_inspection(str(self.probe)))
        deadline = time.monotonic() + _PATIENCE
        while True:
            machines = self._machines()
            self.share = share(machines.values(), self._gpus_per_run, self.devices)
            able = [name for name, machine in machines.items() if self.share.fits(machine)]
            there = [NodeAffinitySchedulingStrategy(name, soft=False) for name in able]
            asked = [inspect.options(scheduling_strategy=place).remote() for place in there]
            try:
                return list(self.ray.get(asked, timeout=max(1, deadline - time.monotonic())))
            except self.ray.exceptions.RayError as error:
                # Ray learns only after a while that a machine has died.
                if time.monotonic() > deadline:
                    raise SettingsError(
                        f"--ray {self._address}: not every machine of the cluster answers "
                        f"({type(error).__name__}); look at `ray status`"
                    ) from error
                time.sleep(1)


def _inspection(probe: str) -> Callable[[], tuple[str, str, bool]]:
    """Return what tells a machine's name, its version of this package, and if it sees a file.

    A function within a function travels as a whole, where one of this package would have to be
    there already.
    """

    def inspect() -> tuple[str, str, bool]:
        import pathlib
        import socket

        try:
            import kreproduce.sweep.ray_cluster.worker

            found = kreproduce.__version__
        except Exception as error:
            found = f"none ({type(error).__name__}: {error})"
        return socket.gethostname(), found, pathlib.Path(probe).exists()

    return inspect
