"""SIGKILL, a full disk, a lost permission or a removed folder at every step of what is written."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from faults.real import environment

MOMENTS = Path(__file__).with_name("moments.py")


def every_moment(fault, folder, twice=0):
    """The operations on files, and how a process ended that met the fault before one of them."""
    command = [sys.executable, MOMENTS, fault, folder, str(twice)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["operations"]) > 150
    return found


@pytest.mark.slow
def test_killed_before_every_operation_on_a_file(quick, tally):
    found = every_moment("kill", quick)
    assert found["ends"] == {"-9": len(found["operations"])}
    tally("SIGKILL at a step of the writer", len(found["operations"]))


@pytest.mark.faults
def test_killed_twice(quick, tally):
    found = every_moment("kill", quick, 500)
    tally("SIGKILL at a step of the writer, often while it goes on", found["ends"]["-9"])


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["limit", "forbid", "remove"])
def test_what_the_disk_may_refuse_at_every_operation(quick, tally, fault):
    found = every_moment(fault, quick)
    operations, refused = found["operations"], found["ends"].pop("5")
    assert refused + sum(found["ends"].values()) == len(operations)
    if (
        fault == "remove"
    ):  # only before there is a folder, and after there is a record, is it no matter
        first = _index(operations, r"mkdir [^/]*")
        last = _index(operations, r"replace .*/new-record\.json")
        assert found["accepted"] == operations[: first + 1] + operations[last + 1 :]
    else:
        assert refused > 0.9 * len(operations)  # removing, for one, needs no room
    tally(f"{fault} at a step of the writer", len(operations))


@pytest.mark.slow
def test_a_full_disk_at_every_operation(small_disk, tally):
    found = every_moment("full", small_disk(8))
    assert found["ends"]["5"] > 0.8 * len(found["operations"])
    tally("disk full at a step of the writer", len(found["operations"]))


def _index(operations, pattern):
    (index,) = (i for i, what in enumerate(operations) if re.fullmatch(pattern, what))
    return index


SCRIPT = """
import json, sys
from pathlib import Path
from faults.operations import Operations
from faults import toy
results, validations = Path(sys.argv[1]), json.loads(sys.argv[2])
Operations(results / "runs", lambda number, what: print(what)).install()
toy.train(results, toy.Toy(pauses=(), validations=validations))
"""


@pytest.mark.slow
def test_a_real_run_writes_in_the_same_order(reference, tmp_path):
    """So that what the above says of a training without a network it says of a real one."""
    (history,) = reference.results.glob("runs/*/history.csv")
    with history.open() as file:
        rows = list(csv.DictReader(file))
    validations = [(float(row["val_loss"]), float(row["val_accuracy"])) for row in rows]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path, json.dumps(validations)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert general(done.stdout.splitlines()) == general(reference.operations)


def general(operations):
    """The names of runs and the sums of checkpoints differ, and the order of those removed."""
    varying = r"digits-[a-z0-9-]*|[0-9a-f]{64}|(?<=checkpoints/)epoch-.*"
    return [re.sub(varying, "*", line) for line in operations]
