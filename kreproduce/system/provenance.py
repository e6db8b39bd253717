"""When something was done, and by which code: as it is written down everywhere."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class CodeVersion(NamedTuple):
    """A git commit, and whether files of this package differ from it; both None where unknown."""

    commit: str | None
    dirty: bool | None


def code_version() -> CodeVersion:
    """Return the git commit of this package's source, and whether files of it differ from that.

    Both None where the package is not run from a checkout.
    """
    package = Path(__file__).parent.parent
    commit = _git(package, "rev-parse", "HEAD")
    tracked = commit is not None and _git(package, "ls-files", "--", "errors.py")
    if not tracked:
        return CodeVersion(None, None)
    dirty = bool(_git(package, "status", "--porcelain", "--", "."))
    return CodeVersion(commit, dirty)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
