"""Two finished runs beside each other: settings, conditions and metrics that differ, and a test.

The test is McNemar's, of these two networks on the images that they share; what it says of a
method takes several seeds, see `claims`.
"""

from dataclasses import asdict, dataclass
from typing import Any

from kreproduce.claims.statistics import Pairs, compared
from kreproduce.runs.predictions import Predictions, Shown
from kreproduce.runs.records import HEADLINE, Record
from kreproduce.text import printable

Value = Any


@dataclass(frozen=True)
class Difference:
    """What two runs have otherwise."""

    name: str
    first: Value
    second: Value


@dataclass(frozen=True)
class Metric:
    """A number of two runs, and the second less the first."""

    name: str
    first: float
    second: float

    @property
    def change(self) -> float:
        """The second's less the first's."""
        return self.second - self.first


@dataclass(frozen=True)
class Beside:
    """Two runs.

    Attributes:
        first: the name of one.
        second: of the other.
        settings: that differ.
        images: what differs of them.
        conditions: that differ, and the code.
        metrics: all there are.
        pairs: which of the test images each got right; None where they were tested on others.
    """

    first: str
    second: str
    settings: tuple[Difference, ...]
    images: tuple[Difference, ...]
    conditions: tuple[Difference, ...]
    metrics: tuple[Metric, ...]
    pairs: Pairs | None

    def values(self) -> dict[str, Any]:
        """Return it as plain values."""
        values = asdict(self)
        values["metrics"] = [asdict(metric) | {"change": metric.change} for metric in self.metrics]
        if self.pairs is not None:
            difference = asdict(self.pairs.difference)
            values["pairs"] |= {"p": self.pairs.p, "difference": difference}
        return values

    def lines(self) -> list[str]:
        """Return it as text."""
        return [
            f"A: {self.first}",
            f"B: {self.second}",
            "",
            *_table("settings", self.settings),
            *_table("images", self.images),
            *_table("conditions", self.conditions),
            f"{'':24} {'A':>16} {'B':>16} {'B - A':>16}",
            *(_row(metric) for metric in self.metrics),
            "",
            *self._verdict(),
        ]

    def _verdict(self) -> list[str]:
        pairs = self.pairs
        if pairs is None:
            return ["they were tested on different images: no test compares them"]
        difference = pairs.difference
        return [
            f"of {pairs.images:,} test images B alone got {pairs.won:,} right, and A alone "
            f"{pairs.lost:,}",
            f"B - A is {100 * difference.value:+.2f} points, 95% interval "
            f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}; McNemar's exact test: "
            f"p = {pairs.p:.3g}",
            "this is about these two networks on these images; of a method several seeds tell, "
            "see `kreproduce claims`",
        ]


def compare_runs(
    first: tuple[Record, Predictions], second: tuple[Record, Predictions], shown: Shown = "plain"
) -> Beside:
    """Lay two finished runs beside each other.

    Args:
        first: record and predictions of one.
        second: of the other.
        shown: whether the test is of the outputs with the mirror image.
    """
    (a, a_found), (b, b_found) = first, second
    same = a.data.fingerprint == b.data.fingerprint and a.data.test == b.data.test
    pairs = compared(_correct(b_found, shown), _correct(a_found, shown)) if same else None
    names = ("name", "original", "train", "validation", "test", "image_shape", "fingerprint")
    return Beside(
        a.run,
        b.run,
        _different(
            *(
                _flat(one.settings.model_dump(mode="json", exclude=one.settings.elsewhere))
                for one in (a, b)
            )
        ),
        _different(*({name: getattr(one.data, name) for name in names} for one in (a, b))),
        _different(_conditions(a), _conditions(b)),
        tuple(_metrics(a, b)),
        pairs,
    )


def _correct(found: Predictions, shown: Shown) -> Any:
    return found.predicted(shown) == found.true


def _conditions(record: Record) -> dict[str, Value]:
    values = _flat(record.conditions.model_dump(mode="json"))
    return values | {"commit": record.code.commit, "changed files": record.code.dirty}


def _flat(values: dict[str, Value], above: str = "") -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in values.items():
        here = f"{above}{name}"
        flat |= _flat(value, f"{here}.") if isinstance(value, dict) else {here: value}
    return flat


def _different(first: dict[str, Value], second: dict[str, Value]) -> tuple[Difference, ...]:
    names = list(first) + [name for name in second if name not in first]
    return tuple(
        Difference(name, first.get(name), second.get(name))
        for name in names
        if first.get(name) != second.get(name)
    )


def _metrics(first: Record, second: Record) -> list[Metric]:
    outcomes = [record.test[HEADLINE] for record in (first, second)]
    rows: list[tuple[str, list[float]]] = [
        ("test accuracy", [one.accuracy.plain for one in outcomes]),
        ("with H flip", [one.accuracy.hflip for one in outcomes]),
        ("test loss", [one.loss for one in outcomes]),
        ("best epoch", [one.best_epoch[HEADLINE] for one in (first, second)]),
        ("parameters", [one.parameters for one in (first, second)]),
        ("computations", [one.computations for one in (first, second)]),
        ("seconds of training", [one.seconds.training for one in (first, second)]),
    ]
    return [Metric(name, *values) for name, values in rows]


def _table(title: str, differences: tuple[Difference, ...]) -> list[str]:
    if not differences:
        return [f"{title}: all equal", ""]
    rows = [(one.name, _said(one.first), _said(one.second)) for one in differences]
    width = max(len(name) for name, _, _ in rows)
    wide = max(len(value) for _, value, _ in rows)
    lines = [f"  {name:{width}}  {a:{wide}}  {b}".rstrip() for name, a, b in rows]
    return [f"{title} that differ (A, B):", *lines, ""]


def _said(value: Value) -> str:
    return printable("none" if value is None else value, 60)


def _row(metric: Metric) -> str:
    if "accuracy" in metric.name or "flip" in metric.name:
        cells = f"{metric.first:>16.2%} {metric.second:>16.2%} {100 * metric.change:>+16.2f}"
    elif metric.name == "test loss":
        cells = f"{metric.first:>16.4f} {metric.second:>16.4f} {metric.change:>+16.4f}"
    else:
        cells = f"{metric.first:>16,.0f} {metric.second:>16,.0f} {metric.change:>+16,.0f}"
    return f"{metric.name:24} {cells}"
