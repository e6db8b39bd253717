"""A run on a Ray cluster, as the sweep's own machine sees it: sent, tried again, brought home."""

import contextlib
import time
from typing import Any

from kreproduce.errors import LockedError, StorageError
from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import Failure
from kreproduce.sweep.ray_cluster import packing
from kreproduce.sweep.ray_cluster.session import Session
from kreproduce.sweep.ray_cluster.worker import Order, Outcome
from kreproduce.system import files

TRIES = 4  # a run that takes its machine down does not take the whole cluster down
_SOON = 60.0  # seconds in which a run begins where there is room
_LOOK = 2.0  # seconds between two questions how far it is


class Remote:
    """A run on a cluster, or waiting for room there.

    Args:
        job: the run.
        cluster: where.

    Raises:
        StorageError: the results folder, which only this machine sees, cannot be written.
    """

    start = "sent to the cluster"

    def __init__(self, job: Job, cluster: Session):
        self.job = job
        self.log = cluster.logs / f"{job.name}.log"
        self.state: str = job.state
        self.epoch = 0
        self._cluster, self._ray = cluster, cluster.ray
        self._failure: Failure | None = None
        self._over, self._told, self._waits, self._tries = False, False, False, 0
        self._started = time.monotonic()
        if cluster.carries:
            try:
                job.folder.claim()
            except LockedError:  # by another sweep, since it was looked at
                self.state, self._over = "running", True
                return
        self._send()

    @property
    def seconds(self) -> float:
        """How long it has been running, or waiting for room."""
        return time.monotonic() - self._started

    def has_ended(self) -> bool:
        """Whether it is over; takes note of what the cluster says."""
        if not self._over:
            self._look()
            if self._is_ready(self._outcome):
                self._take_note()
        return self._over

    def interrupt(self) -> None:
        """Ask it to stop, or take it back if it has not begun."""
        self._told = True
        if self._host is None:
            self.kill()
        elif not self._over:
            self._worker.stop.remote()

    def kill(self) -> None:
        """Take its process away, whose children the system then kills."""
        if not self._over:
            self._end("stopped")

    def failure(self) -> Failure | None:
        """Why the run, which has ended, left no record."""
        return self._failure

    def _send(self) -> None:
        self._tries += 1
        self._host: str | None = None
        self._worker = self._cluster.worker()
        self._outcome = self._worker.run.remote(self._order())
        self._ask()

    def _order(self) -> Order:
        cluster = self._cluster
        return Order(
            experiment=self.job.experiment,
            results=None if cluster.carries else cluster.results,
            probe=cluster.probe,
            data_dir=cluster.data_dir,
            devices=cluster.devices,
            packed=packing.pack(self.job.folder.path) if cluster.carries else None,
            shared=0 < cluster.share.gpus < 1,
            again=self._tries > 1,
        )

    def _ask(self) -> None:
        self._answer, self._asked = self._worker.look.remote(), time.monotonic()

    def _look(self) -> None:
        """How far it is, by the last answer; no answer means that the outcome will tell."""
        if not self._is_ready(self._answer):
            if self._host is None and not self._waits and self.seconds > _SOON:
                self._waits = True
                self._cluster.say(f"{self.job.name}: waits for room; `ray status` has who is there")
            return
        with contextlib.suppress(self._ray.exceptions.RayError):
            host, self.epoch = self._ray.get(self._answer)
            if self._host is None:
                self._host, self._started = host, time.monotonic()
                self._cluster.say(f"{self.job.name}: started on {host}")
        if time.monotonic() - self._asked > _LOOK:
            self._ask()

    def _is_ready(self, reference: Any) -> bool:
        return bool(self._ray.wait([reference], timeout=0)[0])

    def _take_note(self) -> None:
        errors = self._ray.exceptions
        try:
            outcome = self._ray.get(self._outcome)
        except errors.RayTaskError as error:  # a bug in worker.py
            self._end(f"on {self._host}: {str(error).strip().splitlines()[-1]}")
        except errors.RayError as error:
            self._lost(type(error).__name__)
        else:
            self._bring_home(outcome)

    def _lost(self, error: str) -> None:
        """Its machine has died, or its process there; what it had saved is what it goes on from."""
        where = f"on {self._host}" if self._host else "before it began"
        if self._told or self._tries == TRIES:
            self._end(f"lost {where} ({error}), {self._tries} tries")
            return
        self._release()
        self._cluster.say(f"{self.job.name}: lost {where} ({error}); sent again")
        try:
            self._send()
        except StorageError as refused:
            self._end(str(refused))

    def _bring_home(self, outcome: Outcome) -> None:
        why = outcome.why
        try:
            if outcome.packed is not None:
                packing.unpack(outcome.packed, self.job.folder.path)
            if outcome.log is not None:
                self._write_log(outcome.log)
        except StorageError as error:
            why = str(error)
        self._end(why, outcome.state)

    def _write_log(self, text: str) -> None:
        try:
            with files.log(self.log, truncate=self._tries <= 1) as log:
                log.write(text)
        except OSError as error:
            raise StorageError(
                f"{self.log} cannot be written: {error.strerror}; choose another place with "
                "--results"
            ) from error

    def _end(self, why: str | None, state: str | None = None) -> None:
        self._over = True
        self._release()
        if self._cluster.carries:
            self.job.folder.close()
        self.state = state or self.job.state
        self._failure = Failure(self.job, why, self.log) if why else None

    def _release(self) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._worker)
