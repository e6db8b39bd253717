"""`kreproduce doctor`: whether this machine, as it is set up, can do what runs ask of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from kreproduce.errors import ExitCode
from kreproduce.system.interruption import Interruptions

_WIDTH = 20  # characters of the longest name, "colorectal_histology"


def doctor(
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Only what concerns a GPU; minutes where there is one.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(readable=False, help="Same as for `run`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Annotated[Path, typer.Option(help="Where runs are to be recorded.")] = Path("results"),
) -> None:
    """Check software, memory, disk, images, devices and a training step; exit 9 on a fault.

    Where there is an NVIDIA GPU, short trainings on it follow: one is killed and goes on, two run
    at once, and float32 is compared with mixed precision. Nothing is left of them.
    """
    from kreproduce.doctor.examination import examine

    checks = []
    with Interruptions():
        for check in examine(results, data_dir, gpu_only=gpu):
            checks.append(check)
            if not as_json:  # each at once, for some take a minute
                print(check.line(_WIDTH), flush=True)
    faults = sum(check.state == "fault" for check in checks)
    if as_json:
        values = {"faults": faults, "checks": [check.as_json() for check in checks]}
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        warnings = sum(check.state == "warning" for check in checks)
        print(f"{_counted(faults, 'fault')}, {_counted(warnings, 'warning')}")
    if faults:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
