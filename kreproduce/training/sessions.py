"""Sessions of a run, in words: what decides how fast it is, and what has changed since."""

from collections.abc import Iterator
from typing import Any

from kreproduce.runs.records import Conditions, Session


def sentence(conditions: Conditions) -> str:
    """Return the conditions that decide how fast a run is, in one line."""
    device, cores = conditions.devices[0], conditions.cores
    steps = conditions.steps_per_execution
    return ", ".join(
        [
            device if conditions.replicas == 1 else f"{conditions.replicas} of {device}",
            *([] if conditions.gpu else [f"{cores} core{'s' if cores > 1 else ''}"]),
            conditions.backend,
            conditions.precision,
            "with XLA" if conditions.jit_compile else "without XLA",
            "deterministic" if conditions.deterministic else "not deterministic",
            *([f"{steps} steps per execution"] if steps > 1 else []),
        ]
    )


def changes(before: Session, now: Session) -> list[str]:
    """Say what of a session's code and conditions is not as before, field by field."""
    then, since = (dict(_flat(session)) for session in (before, now))
    return [
        f"{name} was {then.get(name)} and is {since.get(name)}"
        for name in sorted(then.keys() | since.keys())
        if then.get(name) != since.get(name)
    ]


def _flat(session: Session) -> Iterator[tuple[str, Any]]:
    """Yield each condition by a name fit for a sentence; those that are groups, by member."""
    yield "the commit", session.code.commit
    yield "changes since the commit", session.code.dirty
    for name, value in session.conditions.model_dump().items():
        if not isinstance(value, dict):
            yield name, value
        elif name == "versions":
            yield from ((f"the version of {package}", found) for package, found in value.items())
        elif name == "environment":
            yield from value.items()
        else:
            yield from ((f"{name} ({part})", found) for part, found in value.items())
