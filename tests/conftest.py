"""The command line in a process of its own."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kreproduce.network import architecture, cost, description
from kreproduce.system import backend
from kreproduce.system.interruption import REQUESTS

# Before TensorFlow is imported: without this it writes about missing GPUs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What the tests hold is what a CPU computes.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
backend.tune()  # as the command line does

# Whoever imports one changes what all others compute, and looking for doctests is importing.
collect_ignore_glob = ["helpers/*/sitecustomize.py"]

_SCRIPT = """
import os, sys
from kreproduce.cli import main
if os.environ.get("AS_NOBODY"):  # root is refused nothing; what is needed is imported before
    import kreproduce.runs.status, kreproduce.training.run_experiment
    if os.getuid() == 0:
        os.setuid(65534)
try:
    main()
finally:
    heavy = ("tensorflow", "keras", "tensorflow_datasets", "pandas", "sklearn")
    print("\\nheavy:", *(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.fixture(autouse=True, scope="session")
def interruptible():
    """Whoever starts the tests with `nohup` or behind `&` has signals ignored, or blocks some.

    The tests and all processes that they start would inherit both, and what is ignored stays so in
    `Interruptions`. A handler that does nothing is not inherited; so the tests themselves still
    outlive a closed terminal.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, REQUESTS)
    for number in REQUESTS:
        if signal.getsignal(number) is signal.SIG_IGN:
            ctrl_c = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if ctrl_c else lambda *_: None)


LONGEST = (
    "test_whole_networks.py",
    "test_run_experiment.py",
    "test_tutorial.py",
    "test_example.py",
    "test_colab.py",
    "test_sweep.py",
    "test_writer_steps.py",
    "test_replicas.py",
)


def pytest_collection_modifyitems(items):
    """Have the files of minutes first: at the end of two processes one would wait for the other."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@dataclass
class Result:
    """What a command left: exit code, output, message and the heavy modules it imported."""

    code: int
    output: str
    message: str
    imported: list[str]


@pytest.fixture
def kreproduce(tmp_path):
    """Runs the command line in a process of its own, in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*arguments):
        own = {"HOME": str(tmp_path), "TFDS_DATA_DIR": str(tmp_path / "tfds")}
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=folder,
            env=os.environ | own,
            check=False,
        )
        message, _, heavy = done.stderr.rpartition("\nheavy:")
        return Result(done.returncode, done.stdout, message.strip(), heavy.split())

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def short_network():
    """Networks have three blocks instead of 16, for the time to trace them: here, and in processes
    that a test starts.
    """
    folder = str(Path(__file__).parent / "helpers" / "short_network")
    with pytest.MonkeyPatch.context() as patch:
        for module in (architecture, description):
            patch.setattr(module, "STAGES", architecture.STAGES[:2])
        patch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
        cost.count.cache_clear()
        yield
    cost.count.cache_clear()


@pytest.fixture
def nvidia_smi(tmp_path_factory, monkeypatch):
    """Puts a shell script of this name before everything else in PATH; `says` writes one."""
    folder = tmp_path_factory.mktemp("nvidia")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(body):
        script = folder / "nvidia-smi"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)

    return write


@pytest.fixture(scope="session")
def chromium():
    from helpers.browser import Browser  # only here: most tests need no Selenium

    started = Browser()
    yield started
    started.close()


@pytest.fixture
def browser(chromium):
    """A Chromium that remembers nothing of the test before; for tests marked `browser`."""
    chromium.reset()
    return chromium
