"""One fault before every file operation of a small training, each in a process of its own.

    python moments.py FAULT FOLDER [TWICE]

Run as a program, because it forks: what must stay clear of threads. Prints as JSON the operations,
how the processes ended, and the operations before which the fault did not matter; ends with 1 at
the first thing that was lost.
TWICE is a number of random pairs of moments: the process that goes on meets the fault, too.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path

from faults import toy
from faults.acts import ACTS, NOBODY, forbid, kill, mend
from faults.operations import Operations
from faults.outcome import outcome

from kreproduce.errors import KreproduceError
from kreproduce.runs import records, status
from kreproduce.system import disk

# After a warning, where it was model.keras that was refused first.
_REFUSAL = r"(warning: model\.keras is not written .*\n)?.*(cannot be written: | are free; ).*\n"


def train(results, fault=None, at=0, force=False):
    """Train in a process of its own; returns how it ended, its message and its operations."""
    said = results / "said"
    process = os.fork()
    if process:
        _, ended = os.waitpid(process, 0)
        text = said.read_text() if said.exists() else ""
        said.unlink(missing_ok=True)
        return os.waitstatus_to_exitcode(ended), text
    try:
        with said.open("w") as file:
            os._exit(_train(results, file, fault, at, force))
    finally:
        traceback.print_exc()
        os._exit(1)


def _train(results, said, fault, at, force):
    if os.getuid() == 0 and fault is forbid:  # root is refused nothing
        os.setuid(NOBODY)

    def act(number, what):
        if number == at:
            fault(results)
        elif fault is None:
            print(what, file=said)

    disk.PATIENCE = 0.05  # nobody is reading here what is to be written over
    operations = Operations(results / "runs", act)
    operations.install()
    try:
        toy.train(results, force=force, warn=lambda text: print("warning:", text, file=said))
    except KreproduceError as error:
        mend(results)  # to have room for the message
        print(error, file=said, flush=True)
        return error.exit_code
    said.flush()
    return 0


def new(folder, name):
    """A folder for results that everybody may write."""
    results = folder / name
    results.mkdir()
    results.chmod(0o777)
    return results


def check_readers(results):
    """What others make of it as it lies: no crash, and no record but a whole one."""
    states = [entry.state for entry in status.read(results)]
    assert len(states) < 2, states
    assert len(records.read(results).records) == states.count("done"), states


def survives(results, expected, fault, *moments, force=False):
    """Whether a run ends as it should after the fault at each of the moments in turn."""
    ends = []
    for at in moments:
        end, said = train(results, fault, at, force)
        met = end == -signal.SIGKILL if fault is kill else end in (5, 0)
        assert met or (end == 0 and ends), (moments, end, said)  # the second may come too late
        assert end != 5 or re.fullmatch(_REFUSAL, said), said
        mend(results)
        check_readers(results)
        ends.append(end)
    end, said = train(results)
    assert end == 0, (moments, end, said)
    check_readers(results)
    found = outcome(results)
    lost = {name: (found[name], expected[name]) for name in found if found[name] != expected[name]}
    assert not lost, (moments, lost)
    shutil.rmtree(results)
    return ends


def main(fault, folder, twice=0):
    fault, rng, ends = ACTS[fault], random.Random(6), Counter()
    whole = new(folder, "whole")
    end, said = train(whole)
    assert end == 0, said
    expected, operations = outcome(whole), said.splitlines()
    number = len(operations)
    moments = [(at,) for at in range(1, number + 1)]
    moments += [(rng.randint(1, number), rng.randint(1, number // 2)) for _ in range(twice)]
    accepted = []
    for many, at in enumerate(moments):
        ended = survives(new(folder, str(many)), expected, fault, *at)
        ends.update(ended)
        if ended == [0]:
            accepted.append(operations[at[0] - 1])
    sys.stdout.write(json.dumps({"operations": operations, "ends": ends, "accepted": accepted}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
