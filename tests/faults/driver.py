"""The command line with a network of two blocks, and one act at one moment.

    python driver.py ARGUMENTS

What is done, and when, is JSON in the environment variable FAULT, see `Plan`. All else is as it
is: the command line, Keras, the files.
"""

import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from faults.acts import ACTS, NOBODY, mend
from faults.operations import Operations


@dataclass(frozen=True)
class Plan:
    """What befalls this process.

    Attributes:
        do: one of `ACTS`.
        operation: before this one of the operations on files below results/runs, from 1.
        call: or when this is called, say "keras:Model.evaluate".
        nth: the how many-th call.
        log: a file for the operations.
        save_seconds: between two checkpoints of an epoch.
        infinite: the epoch, from 0, whose learning rate is infinite.
        nobody: as an ordinary user, if root runs the test.
    """

    do: str = "kill"
    operation: int = 0
    call: str = ""
    nth: int = 1
    log: str = os.devnull
    save_seconds: float = 300.0
    infinite: int = -1
    nobody: bool = False


def main() -> None:
    plan = Plan(**json.loads(os.environ.get("FAULT", "{}")))
    results = Path(sys.argv[sys.argv.index("--results") + 1]).absolute()
    _shrink()
    from kreproduce import cli
    from kreproduce.data import dataset  # noqa: F401 (nobody may not import it later)
    from kreproduce.training import lifecycle

    lifecycle.SAVE_SECONDS = plan.save_seconds
    rate = lifecycle.learning_rate
    lifecycle.learning_rate = lambda epoch, cycle: (
        float("inf") if epoch == plan.infinite else rate(epoch, cycle)
    )
    if plan.nobody and os.getuid() == 0:
        "".encode("cp437")  # zip files' names are; nobody may not read root's Python later
        os.setuid(NOBODY)
    _count_operations(plan, results)
    if plan.call:
        _count_calls(plan, results)
    try:
        cli.main()
    finally:
        mend(results)


def _shrink() -> None:
    """Two blocks of EfficientNet's instead of 16, for the time that they take to be traced."""
    from kreproduce.network import architecture, description

    architecture.STAGES = description.STAGES = (architecture.Stage(3, 2, 24, 6, 2),)


def _count_operations(plan: Plan, results: Path) -> None:
    log = Path(plan.log).open("a", buffering=1)  # noqa: SIM115 (open to the end)

    def act(number: int, what: str) -> None:
        print(what, file=log)
        if number == plan.operation:
            ACTS[plan.do](results)

    operations = Operations(results / "runs", act)
    _halve_weights(operations)
    operations.install()


def _halve_weights(operations: Operations) -> None:
    """HDF5 writes in C: the file is made whole, then shown as it is begun, half and whole."""
    import keras

    save = keras.Model.save_weights

    def saved(model, path, *others, **options):
        operations.before("create", str(path))
        save(model, path, *others, **options)
        whole = path.read_bytes()
        for length in (len(whole) // 2, len(whole)):
            operations.before("write", str(path))
            os.truncate(path, 0)
            descriptor = os.open(path, os.O_WRONLY)
            os.write(descriptor, whole[:length])
            os.close(descriptor)

    keras.Model.save_weights = saved


def _count_calls(plan: Plan, results: Path) -> None:
    module, _, path = plan.call.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for attribute in owners:
        owner = getattr(owner, attribute)
    real, calls = getattr(owner, name), []

    def called(*arguments, **options):
        calls.append(None)
        if len(calls) == plan.nth:
            ACTS[plan.do](results)
        return real(*arguments, **options)

    setattr(owner, name, called)


if __name__ == "__main__":
    main()
