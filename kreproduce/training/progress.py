"""How far a training is, and what of it a checkpoint holds beside the learner's arrays."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ValidationError

from kreproduce.errors import StateError
from kreproduce.runs.checkpoint import Arrays, Checkpoint
from kreproduce.runs.folder import Epoch
from kreproduce.runs.records import Rule, Session

_VERSION = 2
# What a checkpoint has beside its arrays.
_FACTS: dict[str, type | tuple[type, ...]] = {
    "witness": dict,  # what must match when it goes on
    "seconds": (int, float),
    "history": list,
    "best": dict,
    "sessions": list,
}
_BEST = "best/"


@dataclass
class Progress:
    """How far training is, and what came of it so far.

    Attributes:
        epoch: how many epochs are complete, their validation included.
        step: how many training steps of the next epoch are; all of them if only its validation
            is missing.
        seconds: spent on that next epoch.
        history: of the complete epochs.
        best: by rule, the best epoch so far, counted from 1.
        kept: by epoch, the network's weights of the best ones.
        sessions: when, from where and under which conditions training was taken up.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best: dict[Rule, int] = field(default_factory=dict)
    kept: dict[int, Arrays] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)

    def end_epoch(self, row: Epoch, weights: Callable[[], Arrays]) -> list[Rule]:
        """Take note of a complete epoch, and of its weights if it is the best so far.

        Returns:
            The rules by which it is the best; the first of equals stays it.
        """
        better: dict[Rule, bool] = {
            "best_val_loss": all(row.val_loss < other.val_loss for other in self.history),
            "best_val_accuracy": all(
                row.val_accuracy > other.val_accuracy for other in self.history
            ),
        }
        best = [which for which, is_better in better.items() if is_better]
        if best:
            self.best |= dict.fromkeys(best, row.epoch)
            self.kept[row.epoch] = weights()
            self.kept = {epoch: self.kept[epoch] for epoch in self.best.values()}
        self.history.append(row)
        self.epoch, self.step, self.seconds = row.epoch, 0, 0.0
        return best

    def place(self, epochs: int, steps: int) -> str:
        """Where this is in a training of `epochs` epochs of `steps` steps, in words."""
        if self.epoch == epochs:
            return f"after epoch {epochs}, before the test"
        return f"in epoch {self.epoch + 1} of {epochs}, after step {self.step} of {steps}"


def capture(progress: Progress, arrays: Arrays, must_match: dict[str, str]) -> Checkpoint:
    """Return all that training needs to go on from here.

    Args:
        progress: how far it is.
        arrays: the learner's, see `Learner.arrays`.
        must_match: what must be the same when it goes on; see `check`.
    """
    arrays = dict(arrays)
    for epoch, kept in progress.kept.items():
        arrays |= {f"{_BEST}{epoch}/{name}": value for name, value in kept.items()}
    facts = {
        "version": _VERSION,
        "witness": must_match,
        "seconds": progress.seconds,
        "history": [asdict(row) for row in progress.history],
        "best": progress.best,
        "sessions": [session.model_dump(mode="json") for session in progress.sessions],
    }
    return Checkpoint(progress.epoch, progress.step, facts, arrays)


def check(checkpoint: Checkpoint, must_match: dict[str, str]) -> None:
    """Refuse to go on from a checkpoint that is not of this run.

    Raises:
        StateError: it is of another version, other settings or other images.
    """
    facts = checkpoint.facts
    if not isinstance(facts, dict):
        raise StateError(
            "its checkpoint was not written by kreproduce; --force starts from scratch"
        )
    if facts.get("version") != _VERSION:
        raise StateError(
            "its checkpoint is of another version of kreproduce; --force starts from scratch"
        )
    if any(not isinstance(facts.get(name), kind) for name, kind in _FACTS.items()):
        raise StateError(
            "its checkpoint was not written by kreproduce; --force starts from scratch"
        )
    for what, value in must_match.items():
        if facts["witness"].get(what) != value:
            raise StateError(
                f"its checkpoint has another {what} ({facts['witness'].get(what)}, and now "
                f"{value}); restore it, or start from scratch with --force"
            )


def restore(checkpoint: Checkpoint) -> tuple[Progress, Arrays]:
    """Return how far a checkpoint is, and the learner's arrays.

    Raises:
        StateError: it is of another version.
    """
    facts, arrays = checkpoint.facts, checkpoint.arrays
    progress = Progress(
        epoch=checkpoint.epoch,
        step=checkpoint.step,
        seconds=facts["seconds"],
        history=[Epoch(**row) for row in facts["history"]],
        best=facts["best"],
        kept={epoch: part(arrays, f"{_BEST}{epoch}") for epoch in set(facts["best"].values())},
        sessions=_sessions(facts["sessions"]),
    )
    return progress, {n: array for n, array in arrays.items() if not n.startswith(_BEST)}


def part(arrays: Arrays, group: str) -> Arrays:
    """Return the arrays whose names begin with a group's, by the rest of their names."""
    start = f"{group}/"
    return {name.removeprefix(start): v for name, v in arrays.items() if name.startswith(start)}


def _sessions(written: list[Any]) -> list[Session]:
    try:
        return [Session.model_validate_json(json.dumps(session)) for session in written]
    except ValidationError as error:
        raise StateError(
            "its checkpoint is of another version of kreproduce; --force starts from scratch"
        ) from error
