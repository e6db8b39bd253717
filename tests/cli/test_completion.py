"""What a shell is told when somebody presses Tab, asked as the shells ask."""

import os
import shutil
import subprocess
import sys

import pytest

from kreproduce.cli import NAME, app
from kreproduce.errors import ExitCode
from kreproduce.experiment.recipes import RECIPES
from kreproduce.experiment.settings import setting_names
from kreproduce.tables import OWN

VARIABLE = "_KREPRODUCE_COMPLETE"
TABLES = [*"12345678", "all", *OWN]
FORMATS = ["text", "markdown", "csv", "latex", "json"]
CANDIDATES = {
    "r": ["run", "report"],
    "bench ": [
        *("steps", "table", "memory", "start-up", "parallel", "steps-per-execution"),
        *("peers", "growth"),
    ],
    "run ": [*RECIPES],
    "run cifar": ["cifar10", "cifar10-heldout"],
    "run configs/": [],  # which the shell completes as files
    "run digits --dry": ["--dry-run"],
    "run digits --variant ": ["baseline", "v1", "v2"],
    "run digits --size B": [f"B{number}" for number in range(8)],
    "run digits --precision m": ["mixed_float16", "mixed_bfloat16"],
    "run digits --devices ": ["all", "cpu"],
    "run digits --set ": [f"{name}=" for name in setting_names()],
    "run digits --set augmentation.z": ["augmentation.zoom="],
    "network --padding ": ["trained", "counted"],
    "table ": TABLES,
    "table 5 --format ": FORMATS,
    "table --format m": ["markdown"],
    "claims --format ": ["text", "markdown", "csv", "json", "report"],
    "sweep ": ["2", "4", "5", "6", "7", "8", "all"],
    "sweep 5 a": ["all"],
    "sweep 5 --ray ": ["auto"],
    "data check ": [*RECIPES],
    "data prepare m": ["malaria"],
    "bench steps b": ["baseline"],
    "bench steps baseline v1": ["v1-16ch", "v1-32ch"],
    "bench table --only ": ["training", "inference"],
    "--vers": ["--version"],
    # What the rest of the line would be refused for is no matter yet.
    "run '' --size B7": ["B7"],
    "--version doc": ["doctor"],
}


@pytest.mark.parametrize(("line", "candidates"), CANDIDATES.items(), ids=list(CANDIDATES))
def test_bash_is_told(monkeypatch, capsys, line, candidates):
    words = f"{NAME} {line}".split(" ")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert answer(monkeypatch, capsys, "bash").split() == candidates


def test_zsh_is_told(monkeypatch, capsys):
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"{NAME} table re")
    assert '"recorded"' in answer(monkeypatch, capsys, "zsh")


def answer(monkeypatch, capsys, shell):
    monkeypatch.setenv(VARIABLE, f"complete_{shell}")
    with pytest.raises(SystemExit) as end:
        app(prog_name=NAME, standalone_mode=False)
    assert end.value.code == 0
    written = capsys.readouterr()
    assert written.err == ""
    return written.out


def test_a_shell_does_not_wait_for_what_is_heavy(kreproduce, monkeypatch):
    monkeypatch.setenv("COMP_WORDS", f"{NAME}\nrun\ndigits\n--set\nepo")
    monkeypatch.setenv("COMP_CWORD", "4")
    monkeypatch.setenv(VARIABLE, "complete_bash")
    result = kreproduce()
    assert (result.code, result.output, result.message) == (0, "epochs=\n", "")
    assert result.imported == []


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_another_shell_is_refused(option):
    """Typer ends with 1 then, which here is a bug."""
    script = """
import shellingham
shellingham.detect_shell = lambda: ("tcsh", "/bin/tcsh")
from kreproduce.cli import main
main()
"""
    command = [sys.executable, "-c", script, option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.SETTINGS
    assert "kreproduce: there is no completion for this shell; start bash" in done.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_what_is_installed_for_bash_completes(tmp_path):
    """From the command by itself to what bash would show, in another home."""
    program = tmp_path / "bin" / NAME
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kreproduce "$@"\n')
    program.chmod(0o755)
    script = """
        kreproduce --install-completion >&2 || exit 1
        . ~/.bashrc
        complete -p kreproduce
        COMP_WORDS=(kreproduce run mal) COMP_CWORD=2
        $(complete -p kreproduce | sed 's/.*-F \\([^ ]*\\).*/\\1/') kreproduce
        echo "${COMPREPLY[@]}"
    """
    own = {"HOME": str(tmp_path), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | own,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    registered, completed = done.stdout.splitlines()
    assert "-o default" in registered  # files, where there is no candidate
    assert completed == "malaria"
