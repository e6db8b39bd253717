"""How far two trainings are apart, epoch by epoch and all in all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from kreproduce.compare.curves import METRICS, Curves
from kreproduce.errors import DataError

_LAST = 5  # epochs


@dataclass(frozen=True)
class Gap:
    """One metric of both; `gap` is the run's less the reference's."""

    run: float
    reference: float
    gap: float


@dataclass(frozen=True)
class Line:
    """What the metrics are at an epoch, or over several; `label` says where."""

    label: str
    gaps: dict[str, Gap]


@dataclass(frozen=True)
class Comparison:
    """A run and a reference, over the epochs and metrics that both have.

    Attributes:
        run: all of the run's curves.
        reference: all of the reference's.
        epochs: that both have, ascending.
        metrics: that both have, in the order of `METRICS`.
    """

    run: Curves
    reference: Curves
    epochs: tuple[int, ...]
    metrics: tuple[str, ...]

    def by_epoch(self) -> list[Line]:
        """Return one line per epoch."""
        values = {metric: self._shared(metric) for metric in self.metrics}
        return [
            Line(str(epoch), {metric: _gap(*values[metric][i]) for metric in self.metrics})
            for i, epoch in enumerate(self.epochs)
        ]

    def summary(self) -> list[Line]:
        """Return the means over all epochs and over the last, and each training's best epoch."""
        last = min(_LAST, len(self.epochs))
        lines = [
            self._mean("mean", 0),
            self._mean(f"mean of the last {last}", -last),
            self._best("val_loss", min),
            self._best("val_accuracy", max),
        ]
        return [line for line in lines if line is not None]

    def distances(self) -> dict[str, float]:
        """By metric, the mean of the gaps without their signs."""
        return {
            metric: fmean(abs(run - reference) for run, reference in self._shared(metric))
            for metric in self.metrics
        }

    def _shared(self, metric: str) -> list[tuple[float, float]]:
        """(run, reference) of each shared epoch."""
        run, reference = (
            dict(zip(curves.epochs, curves.values[metric], strict=True))
            for curves in (self.run, self.reference)
        )
        return [(run[epoch], reference[epoch]) for epoch in self.epochs]

    def _mean(self, label: str, first: int) -> Line:
        gaps = {}
        for metric in self.metrics:
            runs, references = zip(*self._shared(metric)[first:], strict=True)
            gaps[metric] = _gap(fmean(runs), fmean(references))
        return Line(label, gaps)

    def _best(self, by: str, best: Callable[[tuple[float, ...]], float]) -> Line | None:
        """Each at its own best epoch of those shared, the first of equals."""
        if by not in self.metrics:
            return None
        places = [side.index(best(side)) for side in zip(*self._shared(by), strict=True)]
        gaps = {}
        for metric in self.metrics:
            values = self._shared(metric)
            gaps[metric] = _gap(values[places[0]][0], values[places[1]][1])
        run, reference = (self.epochs[place] for place in places)
        return Line(f"best {by}: epoch {run}, reference {reference}", gaps)


def compare(run: Curves, reference: Curves) -> Comparison:
    """Lay two trainings beside each other.

    Raises:
        DataError: they share no metric or no epoch.
    """
    metrics = tuple(name for name in METRICS if name in run.values and name in reference.values)
    if not metrics:
        raise DataError(
            f"{run.name} has {', '.join(run.values)} and {reference.name} has "
            f"{', '.join(reference.values)}; give two with a metric in common"
        )
    epochs = tuple(sorted(set(run.epochs) & set(reference.epochs)))
    if not epochs:
        raise DataError(
            f"{run.name} has {span(run.epochs)} and {reference.name} {span(reference.epochs)}; "
            "give two with an epoch in common"
        )
    return Comparison(run, reference, epochs, metrics)


def span(epochs: Sequence[int]) -> str:
    """Epochs in words: "epoch 3", "epochs 1 to 50", "5 epochs from 1 to 9"."""
    first, last = epochs[0], epochs[-1]
    if first == last:
        return f"epoch {first}"
    if len(epochs) == last - first + 1:
        return f"epochs {first} to {last}"
    return f"{len(epochs)} epochs from {first} to {last}"


def _gap(run: float, reference: float) -> Gap:
    return Gap(run, reference, run - reference)
