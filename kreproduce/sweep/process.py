"""One run in a process of its own: its command, its log, how far it is, and why it ended."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kreproduce.errors import LockedError, StorageError
from kreproduce.experiment.settings import Experiment, parse_overrides, resolve
from kreproduce.runs.status import read_status
from kreproduce.sweep.cores import Cores, named, only
from kreproduce.sweep.plan import Job
from kreproduce.system import disk, files
from kreproduce.system.interpreter import python
from kreproduce.system.interruption import REQUESTS

Command = Callable[[Job], Sequence[str]]

# By default the first process takes nearly all of a GPU's memory.
SHARED_GPU = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
_STOPPED = {128 + number for number in REQUESTS}
_LONGEST = 300  # characters of a reason


@dataclass(frozen=True)
class Failure:
    """A run without a record: `why` in a few words, and where its output is, if it was started."""

    job: Job
    why: str
    log: Path | None = None


def run_command(results: Path, data_dir: Path | None, devices: str = "all") -> Command:
    """Return the `kreproduce run` of a job.

    The process is told every setting, so that no file that changes meanwhile, and nothing that
    a folder of images implies, can make it another run than the one planned.
    """

    def command(job: Job) -> list[str]:
        pairs = _pairs(job.experiment)
        told = resolve({"dataset": job.experiment.dataset}, parse_overrides(pairs))
        if told != job.experiment:
            raise AssertionError(f"{pairs} is another experiment than {job.name}")
        return [
            *python("-m", "kreproduce", "run", job.experiment.dataset),
            *(part for pair in pairs for part in ("--set", pair)),
            *("--results", str(results)),
            *(("--data-dir", str(data_dir)) if data_dir else ()),
            *(("--devices", devices) if devices != "all" else ()),
        ]

    return command


def _pairs(experiment: Experiment) -> list[str]:
    # JSON is YAML, of these values also by this package's stricter rules.
    values = experiment.model_dump().items()
    return [f"{name}={json.dumps(value)}" for name, value in values if name != "dataset"]


class RunProcess:
    """A run under way.

    Args:
        job: the run.
        command: what runs it.
        logs: the folder of its log.
        environment: the process's whole environment.
        place: on what else than cores it runs, for whoever watches.
        again: it is another try, whose log is added to the earlier one's.
        own: the cores that it may use; all that this process may if none are given.

    Raises:
        StorageError: its log cannot be written.
    """

    def __init__(
        self,
        job: Job,
        command: Sequence[str],
        logs: Path,
        environment: Mapping[str, str],
        place: str = "",
        again: bool = False,
        own: Cores = (),
    ):
        self.job = job
        self.log = logs / f"{job.name}.log"
        self._started = time.monotonic()
        try:
            logs.mkdir(parents=True, exist_ok=True)
            with files.log(self.log, truncate=not again) as log, only(own) as granted:
                log.write(f"$ {shlex.join(command)}\n")
                log.flush()
                self._output = log.tell()
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**environment, "PYTHONUNBUFFERED": "1"},
                    # A Ctrl-C reaches the sweep alone, which then interrupts each run once.
                    start_new_session=True,
                )
            where = named(granted) if granted else place
            self.start = f"started on {where}" if where else "started"
        except OSError as error:
            what = f"{error.filename or self.log}"
            raise StorageError(disk.refusal(what, error, "place with --results")) from error

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._started

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        status = read_status(self.job.folder.path)
        # Until it has started, the status is that of an earlier try.
        return status.epoch if status is not None and status.pid == self.process.pid else 0

    @property
    def state(self) -> str:
        """What the run's folder says."""
        return self.job.state

    def has_ended(self) -> bool:
        """Whether its process is no more."""
        return self.process.poll() is not None

    def interrupt(self) -> None:
        """Ask it to stop; it saves what it has done."""
        # Not by SIGINT, of which a second one does not wait for the batch: whoever stops this
        # sweep may have told all processes to stop.
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Make it stop, with all processes that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def failure(self) -> Failure | None:
        """Why the process, which has ended, left no record.

        None if it left one, or left the run to another process that is using it.
        """
        code, state = self.process.returncode, self.job.state
        if state == "done" and code in (0, LockedError.exit_code):
            return None
        if state == "running" and code == LockedError.exit_code:
            return None
        return Failure(self.job, self._why(code), self.log)

    def _why(self, code: int) -> str:
        if code == 0:
            return "ended without a record"
        if code == -signal.SIGKILL:
            return "killed by SIGKILL, as by a machine that is out of memory"
        if code < 0:
            known = -code in {*signal.Signals}
            return f"killed by {signal.Signals(-code).name if known else f'signal {-code}'}"
        if code in _STOPPED:
            return f"told to stop by {signal.Signals(code - 128).name}, not by this sweep"
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._output)
            last = next((line for line in reversed(log.readlines()) if line.strip()), "")
        last = last.strip().removeprefix("kreproduce: ")[:_LONGEST]
        return f"exit code {code}" + (f": {last}" if last else "")
