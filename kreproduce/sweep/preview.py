"""What a sweep says before it does anything: every run with its state and time, and the sums."""

from collections import Counter
from collections.abc import Mapping, Sequence

from kreproduce.runs.status import UNFINISHED
from kreproduce.sweep.estimate import Estimate, Estimates, total
from kreproduce.sweep.plan import Job
from kreproduce.sweep.simulate import simulate
from kreproduce.text import duration


def plan_lines(jobs: Sequence[Job], estimates: Estimates) -> list[str]:
    """Every job, and how long what is open of them takes one after another."""
    expected = expectations(jobs, estimates)
    states = {job.name: job.state for job in jobs}
    width = max((len(job.name) for job in jobs), default=0)
    lines = []
    for job in jobs:
        estimate, unknown = expected.get(job.name), "?" if job.name in expected else ""
        time = duration(estimate.seconds) if estimate else unknown
        seed, state = f"seed {job.experiment.seed}", states[job.name]
        lines.append(f"{state:11}  {job.name:{width}}  {seed}  {time:>12}  {_what_for(job)}")
    counts = ", ".join(f"{number} {state}" for state, number in Counter(states.values()).items())
    lines.append(f"{n_runs(len(jobs))}: {counts}" if jobs else "no run")
    lines += ["to do, one after another:"] if expected else []
    return lines + _sources(expected)


def simulation_lines(jobs: Sequence[Job], estimates: Estimates, gpus: Sequence[int]) -> list[str]:
    """How long what is open of the jobs takes on each number of GPUs."""
    expected = expectations(jobs, estimates)
    known = _known(jobs, estimates)
    if not known:
        return ["no run is open whose time is known: there is nothing to simulate"]
    order = "one seed after the other, " if len({job.experiment.seed for job in jobs}) > 1 else ""
    lines = [f"{n_runs(len(known))}, one GPU per run, {order}the longest first:"]
    lines.append(f"{'GPUs':>7}  {'makespan':>12}  {'GPU hours':>9}  utilisation")
    for schedule in (simulate(known.values(), number) for number in gpus):
        lines.append(
            f"{schedule.gpus:7}  {duration(schedule.makespan):>12}  {schedule.busy / 3600:9.1f}"
            f"  {schedule.utilisation:11.0%}"
        )
    longest = max(known, key=lambda name: known[name])
    lines.append(f"the longest run, which bounds it: {longest}, {duration(known[longest])}")
    return [*lines, "the times:", *_sources(expected)]


def side_by_side(jobs: Sequence[Job], estimates: Estimates, number: int) -> str:
    """How long what is open of the jobs takes, so many at a time; nothing if no time is known."""
    known = _known(jobs, estimates)
    if not known:
        return ""
    least = " at least" if len(known) < len(expectations(jobs, estimates)) else ""
    makespan = simulate(known.values(), number).makespan
    return f":{least} {duration(makespan)}, if none slows another"


def _known(jobs: Sequence[Job], estimates: Estimates) -> dict[str, float]:
    """Seconds of each open job whose time is known, in the order in which they are started."""
    ordered = longest_first([job for job in jobs if job.is_open], estimates)
    expected = expectations(ordered, estimates)
    return {name: estimate.seconds for name, estimate in expected.items() if estimate}


def expectations(jobs: Sequence[Job], estimates: Estimates) -> dict[str, Estimate | None]:
    """How long each open job takes from where it stands; None if that is not known."""
    opened = [job for job in jobs if job.is_open]
    return {job.name: estimates.of(job.experiment, job.epochs_done) for job in opened}


def longest_first(jobs: Sequence[Job], estimates: Estimates) -> list[Job]:
    """Order runs for several at a time: those of an unknown time are the last of their seed.

    All of a seed are started before the first of the next, so that a sweep that is stopped has
    as few seeds as possible half done.
    """
    expected = {job.name: estimates.of(job.experiment, job.epochs_done) for job in jobs}
    times = {name: estimate.seconds if estimate else 0.0 for name, estimate in expected.items()}
    seeds = list(dict.fromkeys(job.experiment.seed for job in jobs))
    return sorted(jobs, key=lambda job: (seeds.index(job.experiment.seed), -times[job.name]))


def n_runs(number: int) -> str:
    """So many runs, in words."""
    return f"{number} run{'s' if number != 1 else ''}"


def _sources(expected: Mapping[str, Estimate | None]) -> list[str]:
    return [
        f"  {n_runs(number)}: {f'{duration(seconds)}, by {source}' if source else 'unknown'}"
        for source, (number, seconds) in total(expected.values()).items()
    ]


def _what_for(job: Job) -> str:
    """Return what a run is for, and from where it goes on.

    With settings that are not the paper's it is for no row.
    """
    tables: dict[str, list[str]] = {}
    for target in job.targets:
        tables.setdefault(target.label, []).extend([str(target.table)] if target.table else [])
    parts = [f"{_tables(numbers)}{label}" for label, numbers in tables.items()]
    if any(tables.values()):
        if job.experiment.published() is None:
            parts[-1] += ", but with other settings"
        elif not job.experiment.may_enter_tables:
            parts[-1] += ", but not on all of its images"
    if job.state in UNFINISHED and job.epochs_done:
        parts.append(f"goes on after epoch {job.epochs_done} of {job.experiment.epochs}")
    return "; ".join(parts)


def _tables(numbers: list[str]) -> str:
    return f"Table{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}: " if numbers else ""
