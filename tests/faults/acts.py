"""What befalls a run, for real: each is done by the process itself, in the middle of its work."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

NOBODY = 65534


def kill(results: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def term(results: Path) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def usr1(results: Path) -> None:
    """What Slurm sends some time before the end."""
    os.kill(os.getpid(), signal.SIGUSR1)


def ctrl_c(results: Path) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def ctrl_c_twice(results: Path) -> None:
    ctrl_c(results)
    ctrl_c(results)


def full(results: Path) -> None:
    """Fill the disk to its last byte; it is a small one of its own."""
    with (results / "filler").open("ab", buffering=0) as file:
        for size in (2**16, 2**10, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def limit(results: Path) -> None:
    """Refuse every byte more, as a full disk does: for who may not mount one."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def forbid(results: Path) -> None:
    """Take away the right to write, also below; root is refused nothing."""
    for folder in _folders(results):
        folder.chmod(0o500)


def remove(results: Path) -> None:
    for folder in (results / "runs").glob("*/"):
        shutil.rmtree(folder, ignore_errors=True)


def read_only(results: Path) -> None:
    """Let nobody write there, by a mount over the folder: the lock is open for writing below."""
    folder = str(results)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)


def little_memory(results: Path) -> None:
    """Refuse more than 4 GB beyond what the process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 4 * 2**30, most))


def hold(results: Path) -> None:
    """Wait to be killed; not for longer than there is a test to do so."""
    parent = os.getppid()
    (results / "held").touch()
    while os.getppid() == parent:
        time.sleep(0.05)
    kill(results)


ACTS = {
    act.__name__: act
    for act in (
        kill,
        term,
        usr1,
        ctrl_c,
        ctrl_c_twice,
        full,
        limit,
        forbid,
        remove,
        read_only,
        little_memory,
        hold,
    )
}


def mend(results: Path) -> None:
    """Take back what can be taken back; a mount only its test can."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with contextlib.suppress(OSError):
        (results / "filler").unlink(missing_ok=True)
        for folder in _folders(results):
            folder.chmod(0o755)


def _folders(results: Path) -> list[Path]:
    runs = results / "runs"
    return [folder for folder in (runs, *runs.glob("*/"), *runs.glob("*/*/")) if folder.is_dir()]
