"""Whether two commits train to the same bits, in one go and taken up again, on this machine.

    python tests/same_bits.py COMMIT [OTHER]

OTHER is HEAD. Each trains the built-in digits for two epochs, twice: in one go, and stopped by
SIGTERM after the first epoch. All that was measured is compared, and the weights by their SHA-256;
ends with 1 where anything differs. For whoever moves code that must compute what it did: no hashes
are kept in git, for another processor gives other bits. Minutes.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from faults.outcome import folder_of, outcome

# Twice the same bits are promised of a CPU alone.
SETTINGS = (
    *("digits", "--limit", "200", "--epochs", "2", "--set", "bn_momentum=0.5"),
    *("--devices", "cpu"),
)


def start(tree, results):
    """Start the run, by the package in `tree`."""
    command = [sys.executable, "-m", "kreproduce", "run", *SETTINGS, "--results", str(results)]
    return subprocess.Popen(
        command,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        text=True,
    )


def in_one_go(tree, results):
    run = start(tree, results)
    said, _ = run.communicate()
    assert run.returncode == 0, said
    record = json.loads((folder_of(results) / "record.json").read_bytes())
    head = subprocess.check_output(["git", "-C", tree, "rev-parse", "HEAD"], text=True).strip()
    assert record["sessions"][-1]["code"] == {"commit": head, "dirty": False}


def taken_up(tree, results):
    run = start(tree, results)
    for line in run.stdout:
        if "epoch 1/" in line:
            run.send_signal(signal.SIGTERM)
    assert run.wait() == 128 + signal.SIGTERM, "it was not stopped after its first epoch"
    in_one_go(tree, results)


def outcomes(commit, folder):
    """What both ways of training come to."""
    tree = folder / "tree"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
    try:
        found = {}
        for way in (in_one_go, taken_up):
            way(tree, folder / way.__name__)
            found[commit, way.__name__] = outcome(folder / way.__name__)
        return found
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)


def main(commits):
    found = {}
    for commit in commits:
        with tempfile.TemporaryDirectory() as folder:
            found |= outcomes(commit, Path(folder))
    (first, expected), *others = found.items()
    for name, values in others:
        differ = [key for key in expected if values[key] != expected[key]]
        print(*name, "differs in " + ", ".join(differ) if differ else "equals", *first)  # noqa: T201
    sys.exit(any(values != expected for values in found.values()))


if __name__ == "__main__":
    main([sys.argv[1], *(sys.argv[2:] or ["HEAD"])])
