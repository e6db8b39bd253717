"""What happens on a machine of a Ray cluster: one run, as a process of its own.

Nothing here imports Ray, which only calls it.
"""

import asyncio
import os
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from kreproduce.errors import KreproduceError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs.folder import RunFolder
from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import SHARED_GPU, RunProcess, run_command
from kreproduce.sweep.ray_cluster import packing
from kreproduce.system.interpreter import python

_LOOK = 0.2  # seconds between two looks at the process
# A file server frees the lock of a machine that has died when its lease ends; NFS: after 90 s.
_LEASE = 180.0  # seconds


@dataclass(frozen=True)
class Order:
    """What a machine is asked to do.

    Attributes:
        experiment: what to run.
        results: where to record it; None in a folder of its own, which then comes back.
        probe: a file in `results`, which the machine must see.
        data_dir: same as for `kreproduce run`.
        devices: likewise.
        packed: what there is of the run already, where `results` is None.
        shared: other runs use the same GPU.
        again: another machine was lost with this run.
    """

    experiment: Experiment
    results: Path | None
    probe: Path
    data_dir: Path | None
    devices: str
    packed: bytes | None
    shared: bool
    again: bool


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        state: what the run's folder says; see `status.State`.
        why: what was wrong, if no record came of it.
        packed: the run's folder and `log` its output, where they must come back.
    """

    state: str
    why: str | None = None
    packed: bytes | None = None
    log: str | None = None


class Worker:
    """A place for one run; Ray makes it where there is room, and calls it from a distance.

    The methods are coroutines so that Ray lets the others in while `run` waits.
    """

    def __init__(self) -> None:
        self._process: RunProcess | None = None
        self._told = False

    async def look(self) -> tuple[str, int]:
        """Return the machine's name, and how many epochs are done."""
        return socket.gethostname(), self._process.epoch if self._process else 0

    async def stop(self) -> None:
        """Ask the run to stop; `run` returns when it has."""
        self._told = True
        if self._process and not self._process.has_ended():
            self._process.interrupt()

    async def run(self, order: Order) -> Outcome:
        """Run it to its end."""
        results = order.results or Path(tempfile.mkdtemp(prefix="kreproduce-"))
        job = Job(order.experiment, RunFolder(results, order.experiment), ())
        try:
            return await self._run(order, job, results)
        except KreproduceError as error:
            return Outcome("failed", f"on {socket.gethostname()}: {error}")
        finally:
            if order.results is None:
                shutil.rmtree(results, ignore_errors=True)

    async def _run(self, order: Order, job: Job, results: Path) -> Outcome:
        if order.results and not order.probe.exists():
            return Outcome("missing", f"{socket.gethostname()} does not see {results}")
        if order.packed is not None:
            packing.unpack(order.packed, job.folder.path)
        if order.again:
            await self._until_free(job)
        if self._told:
            return Outcome(job.state, "stopped before it began")
        run = run_command(results, order.data_dir, order.devices)
        command = [*_DIE_WITH_PARENT, str(os.getpid()), *run(job)]
        environment = (SHARED_GPU if order.shared else {}) | os.environ
        process = RunProcess(job, command, results / "logs", environment, again=order.again)
        self._process = process
        while not process.has_ended():
            await asyncio.sleep(_LOOK)
        failure = process.failure()
        outcome = Outcome(job.state, failure.why if failure else None)
        return outcome if order.results else _carried(outcome, job, process.log)

    async def _until_free(self, job: Job) -> None:
        """Wait for a lock that a machine has taken with it."""
        deadline = time.monotonic() + _LEASE
        while job.state == "running" and not self._told and time.monotonic() < deadline:
            await asyncio.sleep(1)


_DIE_WITH_PARENT = python("-m", "kreproduce.sweep.ray_cluster.die_with_parent")


def _carried(outcome: Outcome, job: Job, log: Path) -> Outcome:
    """Return the outcome with all that comes back."""
    text = log.read_text("utf-8", errors="replace")
    return Outcome(outcome.state, outcome.why, packing.pack(job.folder.path), text)
