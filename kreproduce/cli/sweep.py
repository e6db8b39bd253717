"""`kreproduce sweep`: train what is missing of a table, of all, or of files of settings."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kreproduce.cli.run import check_same_images, experiment_of
from kreproduce.errors import SettingsError

if TYPE_CHECKING:
    from kreproduce.data.sources import Location
    from kreproduce.experiment import Experiment
    from kreproduce.sweep.children import Failure
    from kreproduce.sweep.plan import Job
    from kreproduce.sweep.targets import Target

SOME_FAILED = 8
"""The exit code of a sweep that has failed runs."""


def sweep(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="N|all|FILE.yaml...", help="Tables 2 and 4 to 8, or settings."),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW", help="Only rows with this label, or this part of it."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="1,2,3", help="Each with these seeds; default: 1.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="How many runs at a time.")] = 1,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Start no more runs after one has failed.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(readable=False, help="As of `run`.")] = None,
    data_name: Annotated[str | None, typer.Option(help="As of `run`.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As of `run`.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, and do nothing.")
    ] = False,
) -> None:
    """Train what is missing of a table, of all tables, or of files of settings."""
    from kreproduce.sweep import targets as asked
    from kreproduce.sweep.plan import plan

    if jobs < 1:
        raise SettingsError(f"--jobs {jobs}: at least one run at a time")
    found = asked.find(targets, only or [])
    wanted, locations = _experiments(found, seeds, data_dir, data_name, overrides or [])
    planned = plan(wanted, results)
    _check_images(planned, locations)
    _print_plan(planned, results)
    opened = [job for job in planned if job.is_open]
    if dry_run or not opened:
        return
    needed = {job.experiment.dataset for job in opened} & _unprepared(locations)
    try:
        if jobs > 1:  # or else each child would download it at the same time
            _prepare(sorted(needed))
        failures = _run(opened, results, data_dir, jobs, fail_fast)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on with what is missing")
        raise typer.Exit(130) from None
    if failures:
        _print_failures(failures, len(opened))
        raise typer.Exit(SOME_FAILED)


def _experiments(
    targets: "list[Target]",
    seeds: str | None,
    data_dir: Path | None,
    data_name: str | None,
    overrides: list[str],
) -> "tuple[list[tuple[Target, Experiment]], dict[str, Location]]":
    """What each target means, all of a seed before the next; and where each dataset lies."""
    wanted, locations = [], {}
    for number in _numbers(seeds, overrides):
        for target in targets:
            flags = target.settings | ({} if number is None else {"seed": number})
            flags |= {"data_name": data_name} if data_name else {}
            experiment, location = experiment_of(target.source, flags, overrides, data_dir)
            wanted.append((target, experiment))
            locations[experiment.dataset] = location
    return wanted, locations


def _check_images(jobs: "list[Job]", locations: "dict[str, Location]") -> None:
    """A finished run on other images under the same name is not what is wanted."""
    for job in jobs:
        record = job.folder.record() if job.state == "done" else None
        if record is not None:
            check_same_images(record, job.experiment, locations[job.experiment.dataset])


def _unprepared(locations: "dict[str, Location]") -> set[str]:
    """The datasets that are still to be downloaded."""
    return {
        dataset
        for dataset, location in locations.items()
        if location.kind == "tfds" and location.path is None
    }


def _numbers(seeds: str | None, overrides: list[str]) -> list[int] | list[None]:
    """The seeds asked for; None leaves each experiment its own."""
    if seeds is None:
        return [None]
    if not re.fullmatch(r"\s*[0-9]{1,10}\s*(,\s*[0-9]{1,10}\s*)*", seeds, re.ASCII):
        raise SettingsError(f"--seeds takes numbers such as 1,2,3, not {seeds!r}")
    if any(pair.partition("=")[0].strip() == "seed" for pair in overrides):
        raise SettingsError("--seeds and --set seed say different things; leave one of them out")
    return list(map(int, seeds.split(",")))


def _print_plan(jobs: "list[Job]", results: Path) -> None:
    """Every job with its state and time, and the sums."""
    from collections import Counter

    from kreproduce.report import duration
    from kreproduce.sweep.estimate import Estimates, total

    estimates = Estimates(results)
    states = {job.name: job.state for job in jobs}
    expected = {job.name: estimates.of(job.experiment) for job in jobs if job.is_open}
    width = max(len(job.name) for job in jobs)
    for job in jobs:
        estimate, unknown = expected.get(job.name), "?" if job.name in expected else ""
        time = duration(estimate.seconds) if estimate else unknown
        seed = f"seed {job.experiment.seed}"
        print(f"{states[job.name]:11}  {job.name:{width}}  {seed}  {time:>12}  {_rows(job)}")
    counts = ", ".join(f"{number} {state}" for state, number in Counter(states.values()).items())
    print(f"{_runs(len(jobs))}: {counts}")
    if expected:
        print("to do, one after another:")
    for source, (runs, seconds) in total(expected.values()).items():
        print(f"  {_runs(runs)}: {f'{duration(seconds)}, by {source}' if source else 'unknown'}")


def _rows(job: "Job") -> str:
    """What a run is for; with settings that are not the paper's it is for no row."""
    tables: dict[str, list[str]] = {}
    for target in job.targets:
        tables.setdefault(target.label, []).extend([str(target.table)] if target.table else [])
    parts = [f"{_tables(numbers)}{label}" for label, numbers in tables.items()]
    if not any(tables.values()):
        return "; ".join(parts)
    if job.experiment.row() is None:
        parts[-1] += ", but with other settings"
    elif not job.experiment.may_enter_tables:
        parts[-1] += ", but not on all of its images"
    return "; ".join(parts)


def _tables(numbers: list[str]) -> str:
    return f"Table{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: " if numbers else ""


def _runs(number: int) -> str:
    return f"{number} run{'s' if number != 1 else ''}"


def _prepare(datasets: list[str]) -> None:
    """Download what is not there yet; a run without its images says so itself."""
    import subprocess

    for dataset in datasets:
        command = [sys.executable, "-m", "kreproduce", "data", "prepare", dataset]
        subprocess.run(command, check=False)


def _run(
    jobs: "list[Job]", results: Path, data_dir: Path | None, at_a_time: int, fail_fast: bool
) -> "list[Failure]":
    from kreproduce.sweep.children import run_command
    from kreproduce.sweep.runner import Runner
    from kreproduce.sweep.view import View

    command = run_command(results, data_dir)
    runner = Runner(jobs, command, results / "logs", View(), at_a_time, fail_fast)
    runner.run()
    if runner.waiting:
        print(f"{len(runner.waiting)} not started, because of --fail-fast")
    return runner.failures


def _print_failures(failures: "list[Failure]", runs: int) -> None:
    lines = [f"{len(failures)} of {_runs(runs)} failed; the same command runs them anew:"]
    lines += [f"  {failure.job.name}: {failure.why} ({failure.log})" for failure in failures]
    print("\n".join(lines), file=sys.stderr)
