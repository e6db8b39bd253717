"""What the faults' tests share: a run that nothing befell, and the sum of all faults."""

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.outcome import outcome
from faults.real import run


@dataclass(frozen=True)
class Reference:
    """A real run that nothing befell.

    Attributes:
        results: where it lies.
        outcome: what it came to.
        operations: its operations on files, in order.
    """

    results: Path
    outcome: dict
    operations: list[str]


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    end = run(folder / "results", log=str(folder / "log"))
    assert end.code == 0, end
    operations = (folder / "log").read_text().splitlines()
    return Reference(folder / "results", outcome(folder / "results"), operations)


@pytest.fixture
def quick():
    """A folder for many small files, in memory where there is such a place; for everybody."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path):
    """Makes a disk of so many megabytes; only root can, and not everywhere."""
    mounted = []

    def make(megabytes):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        options = f"size={megabytes}m"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        while folder.is_mount():  # a fault may have mounted something over it
            subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def tally(record_property):
    """Counts what was injected, for the sum at the end: tally(kind, number)."""

    def count(kind, number=1):
        record_property("faults", (kind, number))

    return count


def pytest_terminal_summary(terminalreporter):
    counted = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "faults":
                counted[value[0]] += value[1]
    if counted:
        terminalreporter.section("faults injected and survived, with nothing lost")
        for kind, number in sorted(counted.items()):
            terminalreporter.line(f"{number:6}  {kind}")
        terminalreporter.line(f"{counted.total():6}  in all")
