"""A process of its own for what needs the backend: it may hang, crash, or take a GPU's memory."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kreproduce.system.interpreter import python
from kreproduce.text import printable


@dataclass(frozen=True)
class Answer:
    """What a process said.

    Attributes:
        lines: of its standard output.
        why: how it failed, in a few words; empty if it did not.
    """

    lines: tuple[str, ...]
    why: str


def ask(
    arguments: Sequence[str], patience: float, environment: Mapping[str, str] | None = None
) -> Answer:
    """Run `kreproduce.doctor.worker` to its end; it does not outlive this call.

    Args:
        arguments: of the worker's command line.
        patience: seconds that it has.
        environment: in place of this process's.

    Raises:
        OSError: no process can be started.
    """
    process = subprocess.Popen(
        python("-m", "kreproduce.doctor.worker", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,  # so that what it starts ends with it
    )
    late = False
    try:
        output, errors = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    why = f"it did not end within {patience:.0f} s" if late else _why(process.returncode, errors)
    return Answer(tuple(output.splitlines()), why)


def _why(code: int, errors: str) -> str:
    if code == 0:
        return ""
    if code < 0:
        known = -code in {*signal.Signals}
        return f"killed by {signal.Signals(-code).name if known else f'signal {-code}'}"
    said = [line.strip() for line in errors.splitlines() if line.strip()]
    return printable(said[-1], 500) if said else f"exit code {code}"
