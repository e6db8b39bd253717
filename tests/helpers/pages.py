"""The blocks of code that a page of Markdown prints, and what it shows of their output."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAMS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
_ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page):
    """Each fenced block of a page, in order: its language and its text."""
    return _FENCED.findall(page.read_text("utf-8"))


def follow(page, folder):
    """Give a page's commands, one block after the other, in a folder; hold what it shows of them.

    What the command prints to the terminal beside its output is not held.
    """
    environment = os.environ | {
        "HOME": str(folder.parent / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{_ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    printed = ""
    for language, text in blocks(page):
        if language == "text":
            assert unseen(text, printed) == []
            continue
        done = subprocess.run(
            [*PROGRAMS[language], text],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        printed = done.stdout


def unseen(shown, output):
    """The lines of `shown` that `output` does not have, in that order.

    Numbers, identities and runs of spaces may be others, and `…` is anything: they depend on
    settings or on the machine.
    """
    printed = iter(output.splitlines())
    missing = []
    for line in filter(str.strip, shown.splitlines()):
        pattern = _pattern(line.strip())
        if not any(pattern.fullmatch(candidate.strip()) for candidate in printed):
            missing.append(line)
            printed = iter(output.splitlines())
    return missing


_VARIES = {"…": ".*", r"\b[0-9a-f]{8}\b": "[0-9a-f]{8}", r"\d[\d,.]*": r"\d[\d,.]*", r"\s+": r"\s+"}


def _pattern(line):
    pieces = re.split(f"({'|'.join(_VARIES)})", line)
    return re.compile("".join(map(_piece, pieces)))


def _piece(piece):
    forms = (form for varies, form in _VARIES.items() if re.fullmatch(varies, piece))
    return next(forms, re.escape(piece))
