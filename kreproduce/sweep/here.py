"""This machine as a place for runs: so many processes at a time, each with a GPU of its own."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kreproduce.sweep.children import SHARED_GPU, Child, Command
from kreproduce.sweep.plan import Job


class ThisMachine:
    """Starts runs here.

    A run that has the machine for itself is left what it sees. Of several, each sees one GPU,
    the one that the fewest others have.

    Args:
        command: what starts a job.
        logs: the folder of the children's output, made when the first is started.
        places: how many run at a time.
        gpus: what to write into CUDA_VISIBLE_DEVICES for each GPU, if there are any.
    """

    def __init__(self, command: Command, logs: Path, places: int = 1, gpus: Sequence[str] = ()):
        self.places = places
        self._command, self._logs = command, logs
        self._gpus = gpus if places > 1 else ()
        self._shared = places > max(1, len(self._gpus))
        self._children: list[tuple[Child, str | None]] = []

    def launch(self, job: Job) -> Child:
        """Start a run.

        Raises:
            StorageError: its log cannot be written.
        """
        gpu = self._freest()
        environment = (SHARED_GPU if self._shared else {}) | os.environ
        environment |= {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
        place = f"GPU {gpu}" if gpu else ""
        child = Child(job, self._command(job), self._logs, environment, place)
        self._children.append((child, gpu))
        return child

    def _freest(self) -> str | None:
        """The GPU with the fewest runs under way."""
        self._children = [entry for entry in self._children if not entry[0].has_ended()]
        taken = Counter(gpu for _, gpu in self._children)
        return min(self._gpus, key=lambda gpu: taken[gpu], default=None)
