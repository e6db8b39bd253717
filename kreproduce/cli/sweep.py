"""`kreproduce sweep`: train what is missing of a table, of all, of settings files, or folders."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.cli import completion
from kreproduce.errors import ExitCode, SettingsError
from kreproduce.system.interruption import Interrupted, Interruptions
from kreproduce.text import quoted

if TYPE_CHECKING:
    from kreproduce.sweep.options import Placement
    from kreproduce.sweep.plan import Job
    from kreproduce.sweep.process import Failure


def sweep(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="N|all|FILE.yaml|FOLDER...",
            help="Tables 2 and 4 to 8, settings files, or a folder of them (one called 5: ./5).",
            autocompletion=completion.targets,
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW", help="Only rows with this label, or this part of it."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="1,2,3", help="Each with these, seed by seed; default: 1."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="How many runs at a time on this machine, each with a GPU, or else with its share "
            "of the cores; default: 1, which has them all."
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|HOST:PORT",
            help="Run them on this Ray cluster instead.",
            autocompletion=completion.among("auto"),
        ),
    ] = None,
    gpus_per_run: Annotated[
        float | None, typer.Option(help="With --ray: 0.5 has two runs share a GPU; default: 1.")
    ] = None,
    devices: Annotated[
        str,
        typer.Option(
            metavar="all|cpu",
            help="cpu: no run takes a GPU.",
            autocompletion=completion.among("all", "cpu"),
        ),
    ] = "all",
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Only every N-th run of the plan, from the I-th on."),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Start no more runs after one has failed.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(readable=False, help="Same as for `run`.")
    ] = None,
    data_name: Annotated[str | None, typer.Option(help="Same as for `run`.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Same as for `run`.",
            autocompletion=completion.settings,
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, and do nothing.")
    ] = False,
    gpus: Annotated[
        str | None,
        typer.Option(metavar="1,8,64", help="With --dry-run: how long it takes on so many GPUs."),
    ] = None,
) -> None:
    """Train what is missing of a table, of all tables, of settings files or folders of them."""
    from kreproduce.sweep import targets as asked
    from kreproduce.sweep import wanted
    from kreproduce.sweep.estimate import of_gpus, of_this_machine
    from kreproduce.sweep.options import Placement
    from kreproduce.sweep.plan import plan, shard_of
    from kreproduce.sweep.preview import plan_lines, side_by_side, simulation_lines
    from kreproduce.sweep.process import Failure

    placement = Placement(jobs, ray, gpus_per_run, devices)
    part, numbers = _part(shard), _numbers_of_gpus(gpus, dry_run)
    found = asked.find(targets, only or [])
    numbered = _seeds(seeds, overrides or [])
    jobs_wanted, locations = wanted.experiments(
        found, numbered, data_dir, data_name, overrides or []
    )
    planned = shard_of(plan(jobs_wanted, results), *part)
    wanted.check_images(planned, locations, tidy=not dry_run)
    estimates = of_this_machine(results)
    print("\n".join(plan_lines(planned, estimates)))
    opened = [job for job in planned if job.is_open]
    failures = [Failure(job, fault) for job in planned if (fault := job.fault)]
    asked_for = len(opened) + len(failures)
    if placement.several_here and opened:
        print(f"{placement.in_words()}{side_by_side(opened, estimates, placement.jobs or 1)}")
    if numbers:
        print("\n".join(["", *simulation_lines(planned, of_gpus(results), numbers)]))
    if dry_run or not asked_for:
        return
    if fail_fast and failures:
        opened = _not_started(opened)
    try:
        with Interruptions():
            if opened:
                placement.check()
            if placement.several_here:  # or else each run would download it at the same time
                needed = {job.experiment.dataset for job in opened} & wanted.unprepared(locations)
                wanted.prepare(sorted(needed))
            failures += _run(opened, placement, results, data_dir, fail_fast) if opened else []
    except Interrupted as stop:
        print("\ninterrupted; the same command goes on with what is missing")
        raise typer.Exit(stop.exit_code) from None
    if failures:
        _print_failures(failures, asked_for)
        raise typer.Exit(ExitCode.RUNS_FAILED)


def _part(shard: str | None) -> tuple[int, int]:
    """Which shard of how many."""
    if shard is None:
        return 1, 1
    found = re.fullmatch("([0-9]{1,6})/([0-9]{1,6})", shard, re.ASCII)
    part, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part <= of:
        raise SettingsError(
            f"--shard takes I/N with I from 1 to N, such as 2/8, not {quoted(shard)}"
        )
    return part, of


def _numbers_of_gpus(gpus: str | None, dry_run: bool) -> list[int]:
    """On how many GPUs to simulate."""
    if gpus is None:
        return []
    if not dry_run:
        raise SettingsError("--gpus only computes how long it would take; add --dry-run")
    numbers = _numbers("--gpus", "1,8,64", gpus)
    if not all(1 <= number <= 1_000_000 for number in numbers):
        raise SettingsError(f"--gpus takes numbers from 1 to 1000000, not {quoted(gpus)}")
    return numbers


def _seeds(seeds: str | None, overrides: list[str]) -> list[int] | None:
    """Return the seeds asked for; None leaves each experiment its own."""
    if seeds is None:
        return None
    numbers = _numbers("--seeds", "1,2,3", seeds)
    if any(pair.partition("=")[0].strip() == "seed" for pair in overrides):
        raise SettingsError("--seeds and --set seed say different things; leave one of them out")
    return numbers


def _numbers(option: str, example: str, text: str) -> list[int]:
    if not re.fullmatch(r"\s*[0-9]{1,10}\s*(,\s*[0-9]{1,10}\s*)*", text, re.ASCII):
        raise SettingsError(f"{option} takes numbers such as {example}, not {quoted(text)}")
    return list(map(int, text.split(",")))


def _run(
    jobs: "list[Job]", placement: "Placement", results: Path, data_dir: Path | None, fail_fast: bool
) -> "list[Failure]":
    from kreproduce.sweep.display import Display
    from kreproduce.sweep.estimate import of_this_machine
    from kreproduce.sweep.preview import longest_first
    from kreproduce.sweep.runner import Runner

    display = Display()
    with placement.open(results, data_dir, display.say) as executor:
        if executor.slots > 1:
            jobs = longest_first(jobs, of_this_machine(results))
        runner = Runner(jobs, executor, display, fail_fast)
        runner.run()
    _not_started(list(runner.waiting))
    return runner.failures


def _not_started(jobs: "list[Job]") -> "list[Job]":
    """Say what --fail-fast leaves out; nothing of it is left."""
    if jobs:
        print(f"{len(jobs)} not started, because of --fail-fast")
    return []


def _print_failures(failures: "list[Failure]", runs: int) -> None:
    from kreproduce.sweep.preview import n_runs

    lines = [
        f"{len(failures)} of {n_runs(runs)} failed; when that is mended, the same command goes on "
        "with them:"
    ]
    by_reason: dict[str, list[Failure]] = {}  # one for all of them where there is no network, say
    for failure in failures:
        by_reason.setdefault(failure.why, []).append(failure)
    for why, alike in by_reason.items():
        for number, failure in enumerate(alike):
            where = f" ({failure.log})" if failure.log else ""
            lines.append(f"  {failure.job.name}: {'the same' if number else why}{where}")
    print("\n".join(lines), file=sys.stderr)
