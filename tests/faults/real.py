"""Real runs, each in a process of its own, with a network of two blocks: see `driver`."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

_TESTS = Path(__file__).parent.parent
STEPS, EPOCHS = 10, 3
SETTINGS = ["--limit", "100", "--set", "batch_size=10", "--set", "skip_strides=1"]
SETTINGS += ["--set", "bn_momentum=0.5", "--epochs", str(EPOCHS)]


def environment() -> dict[str, str]:
    """That of this process, with the tests' own modules."""
    paths = [str(_TESTS), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


class Process:
    """A `kreproduce run digits` under way.

    Args:
        results: where it is to be recorded.
        arguments: more of the command line.
        plan: what befalls it, see `driver.Plan`.
    """

    def __init__(self, results: Path, *arguments: str, **plan):
        command = [sys.executable, str(_TESTS / "faults" / "driver.py"), "run", "digits"]
        command += [*SETTINGS, "--results", str(results), *map(str, arguments)]
        own = {"FAULT": json.dumps(plan)}
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment() | own,
        )
        self._lines: list[str] = []
        self._listener = threading.Thread(target=self._lines.extend, args=[self.process.stdout])
        self._listener.start()

    def wait_until_held(self, results: Path) -> None:
        """Wait until it is where its plan has it held."""
        while not (results / "held").exists():
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()

    def said(self) -> str:
        """What it has said so far."""
        return "".join(self._lines)

    def wait_for(self, text: str) -> None:
        """Wait until it has said so, or has ended."""
        while text not in self.said() and self.process.poll() is None:
            time.sleep(0.05)

    def ended(self) -> "End":
        """Wait until it has ended."""
        try:
            self.process.wait(timeout=600)
        finally:
            self.process.kill()
            self._listener.join()
            self.process.stdout.close()
        return End(self.process.returncode, self.said())


class End:
    """How a run ended.

    Attributes:
        code: its exit code; below 0 the number of a signal.
        said: everything that it printed.
        warnings: what it warned of.
        message: its last word, if it failed.
    """

    def __init__(self, code: int, said: str):
        self.code, self.said = code, said
        assert "Traceback" not in said, said
        own = [line for line in said.splitlines() if line.startswith("kreproduce: ")]
        self.warnings = [line for line in own if line.startswith("kreproduce: warning: ")]
        self.message = "\n".join(line for line in own if line not in self.warnings)
        assert self.message.count("\n") == 0, said

    def __repr__(self) -> str:
        return f"{self.code}: {self.said}"


def run(results: Path, *arguments: str, **plan) -> End:
    """Run from where it stands to its end, or to what befalls it."""
    return Process(results, *arguments, **plan).ended()
