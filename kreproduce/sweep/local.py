"""This machine as a place for runs: so many processes at a time, each with its GPU or its cores."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kreproduce.sweep.cores import Cores
from kreproduce.sweep.plan import Job
from kreproduce.sweep.process import SHARED_GPU, Command, RunProcess


@dataclass(frozen=True)
class Part:
    """What of this machine one of several runs gets.

    Attributes:
        gpu: what to write into CUDA_VISIBLE_DEVICES; None to leave it.
        cores: none to leave it those of this process.
    """

    gpu: str | None = None
    cores: Cores = ()


class ThisMachine:
    """Starts runs here.

    A run that has the machine for itself is left what it sees. Of several, each has a GPU, or
    where there are none a part of the cores: that which the fewest others have.

    Args:
        command: what starts a job.
        logs: the folder of the runs' output, made when the first is started.
        slots: how many run at a time.
        gpus: what to write into CUDA_VISIBLE_DEVICES for each GPU, if there are any.
        cores: parts of the cores, for when there are no GPUs.
    """

    def __init__(
        self,
        command: Command,
        logs: Path,
        slots: int = 1,
        gpus: Sequence[str] = (),
        cores: Sequence[Cores] = (),
    ):
        self.slots = slots
        self._command, self._logs = command, logs
        parts = [Part(gpu=gpu) for gpu in gpus] or [Part(cores=own) for own in cores]
        self._parts = parts if slots > 1 else []
        self._shared = slots > max(1, len(gpus))
        self._processes: list[tuple[RunProcess, Part]] = []

    def launch(self, job: Job) -> RunProcess:
        """Start a run.

        Raises:
            StorageError: its log cannot be written.
        """
        part = self._freest()
        environment = (SHARED_GPU if self._shared else {}) | os.environ
        environment |= {"CUDA_VISIBLE_DEVICES": part.gpu} if part.gpu else {}
        place = f"GPU {part.gpu}" if part.gpu else ""
        command = self._command(job)
        process = RunProcess(job, command, self._logs, environment, place, own=part.cores)
        self._processes.append((process, part))
        return process

    def _freest(self) -> Part:
        """Return the part with the fewest runs under way."""
        self._processes = [entry for entry in self._processes if not entry[0].has_ended()]
        taken = Counter(part for _, part in self._processes)
        return min(self._parts, key=lambda part: taken[part], default=Part())
