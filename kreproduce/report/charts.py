"""Each figure: its data, and the views that draw it.

A view is a Vega-Lite specification made with Altair. The report's page, the picture in the README
and the files that `kreproduce plot` writes are drawn from the same ones. Every axis has a name with
its unit, and legends stand below the data.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kreproduce import paper
from kreproduce.claims.matched import Matched
from kreproduce.claims.report import Report, Section, rows
from kreproduce.claims.statistics import Contrast
from kreproduce.compare.curves import METRICS, Curves
from kreproduce.errors import SettingsError
from kreproduce.paper import TRAINED, Row
from kreproduce.text import printable

if TYPE_CHECKING:
    from typing import TypeAlias

    import altair as alt
    import numpy as np
    from numpy.typing import NDArray

    View: TypeAlias = "alt.Chart | alt.LayerChart"

_BLUE, _GREY = "#1f5fa8", "#8c8c8c"
_HEIGHT = 300  # pixels
_FEW = 4  # epochs, of which a curve is drawn with dots
_MOST_NAMED = 30  # classes whose images are written into a confusion matrix
MOST_CLASSES = 100
"""Of a confusion matrix that can be looked at."""
_COUNTS = {
    "parameters": "trainable parameters (number)",
    "computations": "computations (multiply-adds)",
}
_TITLES = {
    "loss": "training loss (cross-entropy, nats)",
    "accuracy": "training accuracy (%)",
    "val_loss": "validation loss (cross-entropy, nats)",
    "val_accuracy": "validation accuracy (%)",
}
_VERDICTS = {"supported": "#1a7f37", "contradicted": "#b3261e", "undecided": _GREY}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: by which files and the page's elements are called.
        title: in a line.
        about: what is to be known beside it, a sentence each.
        draw: makes the Vega-Lite views, without a width, side by side; it takes the extra report.
    """

    name: str
    title: str
    about: tuple[str, ...] = ()
    draw: "Callable[[], list[View]]" = field(default=list, repr=False)


def frontier(runs: Matched | None) -> Figure:
    """Draw accuracy against parameters and against computations.

    The paper's networks stand in grey: their protocol is another, unless the runs are of it, so
    that only the order may be compared. Computations are those of the network trained, but of runs
    of the paper's protocol as the paper counts them.

    Args:
        runs: of one protocol; without, the paper's networks on CIFAR-10 stand alone.
    """
    is_papers = runs is None or runs.is_papers
    papers = f"the paper{'' if is_papers else ' (another protocol)'}, one run each"
    measured = f"measured, seeds: {_seeds(runs)}" if runs else ""
    values = [
        {
            "network": row.label,
            "of": papers,
            "accuracy": float(row.test_accuracy),
            **{count: getattr(row, count) for count in _COUNTS},
        }
        for row in _printed(runs)
    ]
    ours = sorted(_measured(runs), key=lambda row: row["parameters"]) if runs else []
    # Names of neighbours stand above and below in turn.
    values += [{"of": measured, "above": i % 2 == 0, **row} for i, row in enumerate(ours)]
    about = (
        (
            "Computations are as the paper counts them."
            if is_papers
            else "The computations measured are those of the network trained, at its own input "
            "size; the paper's are as it counts them, the plain network's at 224x224.",
            "Bars are 95% intervals of a network's accuracy over seeds and test images, by the "
            "scatter pooled over all networks; with one seed there are none.",
            "They do not tell two networks apart: differences at the same seeds and images, which "
            "are better known, decide the claims.",
        )
        if runs
        else ("No runs that may be compared are on record: the paper's networks stand alone.",)
    )
    title = f"Accuracy against size: {runs.protocol}" if runs else "Accuracy against size"
    kinds = [papers, measured][: 1 + bool(runs)]
    return Figure(
        "frontier", title, about, lambda: [_frontier(values, count, kinds) for count in _COUNTS]
    )


def _frontier(values: list[dict[str, Any]], count: str, kinds: list[str]) -> "alt.LayerChart":
    import altair as alt

    base = _chart(values)
    x = alt.X(
        f"{count}:Q",
        title=_COUNTS[count],
        scale=alt.Scale(type="log", nice=False, padding=30),
        axis=alt.Axis(format="~s", tickCount=5),
    )
    y = alt.Y("accuracy:Q", title="test accuracy (%)", scale=alt.Scale(zero=False, padding=12))
    colour = alt.Color(
        "of:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=[_GREY, _BLUE][: len(kinds)]),
        legend=_legend(),
    )
    shown = [
        alt.Tooltip("network:N"),
        alt.Tooltip("accuracy:Q", title="test accuracy (%)", format=".2f"),
        alt.Tooltip(f"{count}:Q", format=","),
    ]
    points = base.mark_circle(size=60, opacity=1).encode(x, y, colour, tooltip=shown)
    layers = [points]
    if len(kinds) > 1:
        ours = base.transform_filter(alt.datum.of == kinds[1])
        if any("low" in value for value in values):  # of nothing Vega warns
            bars = ours.transform_filter("isValid(datum.low)")
            rules = bars.mark_rule(color=_BLUE, strokeWidth=1.5)
            layers.append(rules.encode(x, alt.Y("low:Q"), alt.Y2("high:Q")))
        layers += [
            ours.transform_filter(alt.datum.above == above)
            .mark_text(dy=-11 if above else 14, fontSize=11, color="black")
            .encode(x, y, text="network:N")
            for above in {row["above"] for row in values if "above" in row}
        ]
    return alt.LayerChart(layer=layers).properties(height=_HEIGHT)


def _measured(runs: Matched) -> Iterable[dict[str, Any]]:
    """Return the networks measured, accuracies in percent."""
    for network in runs.table.networks:
        contrast = Contrast(runs.table, {network: 1.0})
        record = runs.records[network, contrast.seeds[0]]
        # The paper's are as it counts them; in its own protocol so are ours.
        trained = record.computations if runs.is_papers else record.computations_trained
        row = {
            "network": network,
            "accuracy": 100 * contrast.value,
            "parameters": record.parameters,
            "computations": trained,
        }
        if contrast.is_decidable:
            interval = contrast.interval()
            row |= {"low": 100 * interval.low, "high": 100 * interval.high}
        yield row


def _seeds(runs: Matched) -> str:
    counts = sorted({len(runs.table.seeds(network)) for network in runs.table.networks})
    return " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))


def _printed(runs: Matched | None) -> list[Row]:
    """Return the paper's networks on the same images, tested plainly; CIFAR-10's without runs."""
    dataset = runs.dataset if runs else "cifar10"
    epochs = runs.epochs if runs and runs.published else None
    return [
        row
        for table in TRAINED
        for row in paper.rows(table)
        if row.dataset == dataset and not row.hflip and epochs in (None, row.epochs)
    ]


def curves(
    trainings: Sequence[Curves],
    title: str = "Learning curves",
    networks: Sequence[str] | None = None,
) -> Figure:
    """Draw trainings over each other, a view per metric that any of them has, all epochs.

    Args:
        trainings: of none there is no view.
        title: of the figure.
        networks: what each is of, by which they are coloured; by default each has its own colour.
    """
    names = _apart([printable(training.name) for training in trainings])
    colours = names if networks is None else list(networks)
    metrics = [metric for metric in METRICS if any(metric in t.values for t in trainings)]
    about = tuple(note for training in trainings for note in training.notes)
    return Figure(
        "curves",
        title,
        about,
        lambda: [_curve(trainings, names, colours, metric) for metric in metrics],
    )


def _curve(
    trainings: Sequence[Curves], names: list[str], colours: list[str], metric: str
) -> "alt.LayerChart":
    import altair as alt

    scale = 100 if "accuracy" in metric else 1
    values = [
        {
            "training": name,
            "network": colour,
            "epoch": epoch,
            "value": scale * value,
            "few": len(training.epochs) < _FEW,
        }
        for name, colour, training in zip(names, colours, trainings, strict=True)
        for epoch, value in zip(training.epochs, training.values.get(metric, ()), strict=False)
    ]
    # Losses of the first epochs are many times those of the last.
    is_log = scale == 1 and all(min(t.values.get(metric, (1,))) > 0 for t in trainings)
    shades = list(dict.fromkeys(colours))
    base = _chart(values).encode(
        alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d"), scale=_exact()),
        alt.Y(
            "value:Q",
            title=_TITLES[metric],
            scale=alt.Scale(type="log", nice=False) if is_log else alt.Scale(zero=False),
        ),
        alt.Color(
            "network:N",
            title=None,
            sort=shades,
            scale=alt.Scale(scheme="tableau10" if len(shades) <= 10 else "tableau20"),
            legend=_legend(),
        ),
        alt.Detail("training:N"),
        tooltip=["training:N", "epoch:Q", alt.Tooltip("value:Q", title=metric, format=".4f")],
    )
    layers = [base.mark_line(strokeWidth=1.5)]
    if any(row["few"] for row in values):  # hardly a line
        layers.append(base.transform_filter("datum.few").mark_circle(size=40, opacity=1))
    return alt.LayerChart(layer=layers).properties(height=_HEIGHT)


def _apart(names: list[str]) -> list[str]:
    """Return names of which no two are equal: what was there before is numbered."""
    found: list[str] = []
    for name in names:
        new, number = name, 1
        while new in found or (number > 1 and new in names):
            number += 1
            new = f"{name} ({number})"
        found.append(new)
    return found


def confusion(
    title: str, matrix: "NDArray[np.int64]", classes: Sequence[str], seeds: int = 1
) -> Figure:
    """Draw a confusion matrix (classes, classes), rows true classes, in images.

    Args:
        title: what it is of.
        matrix: sums over as many seeds.
        classes: their names.
        seeds: how many runs are in it.

    Raises:
        SettingsError: there are too many classes.
    """
    if len(classes) > MOST_CLASSES:
        raise SettingsError(
            f"a matrix of {len(classes):,} classes is too large to look at ({MOST_CLASSES} at "
            "most); kreproduce show has the most frequent confusions"
        )
    names = _apart([printable(name, 40) for name in classes])
    totals = matrix.sum(axis=1)
    values = [
        {
            "true": names[i],
            "predicted": names[j],
            "images": int(matrix[i, j]),
            "share": 100 * int(matrix[i, j]) / max(1, int(totals[i])),
        }
        for i in range(len(names))
        for j in range(len(names))
    ]
    about = (
        f"Test images, summed over {seeds} runs of different seeds."
        if seeds > 1
        else "Test images."
    )
    return Figure("confusion", title, (about,), lambda: [_matrix(values, names)])


def _matrix(values: list[dict[str, Any]], names: list[str]) -> "alt.LayerChart":
    import altair as alt

    base = _chart(values).encode(
        alt.X(
            "predicted:N",
            title="predicted class",
            sort=names,
            axis=alt.Axis(labelAngle=-45, labelOverlap=True),
        ),
        alt.Y("true:N", title="true class", sort=names, axis=alt.Axis(labelOverlap=True)),
    )
    share = alt.Color(
        "share:Q",
        title="share of the true class (%)",
        scale=alt.Scale(scheme="blues", domain=[0, 100]),
        legend=alt.Legend(orient="bottom", gradientLength=160, titleLimit=0),
    )
    tooltip = ["true:N", "predicted:N", "images:Q", alt.Tooltip("share:Q", format=".2f")]
    layers: list[Any] = [base.mark_rect().encode(share, tooltip=tooltip)]
    if len(names) <= _MOST_NAMED:
        # White from where it is the better to read.
        dark = alt.condition(alt.datum.share > 73, alt.value("white"), alt.value("black"))
        layers.append(base.mark_text(fontSize=10).encode(text="images:Q", color=dark))
    height = max(_HEIGHT, 26 * min(len(names), _MOST_NAMED))
    return alt.LayerChart(layer=layers).properties(height=height)


def summed(matrices: "Iterable[NDArray[np.int64]]") -> "NDArray[np.int64]":
    """Return the sum of confusion matrices, of which there is at least one."""
    first, *others = matrices
    total = first.copy()
    for other in others:
        total += other
    return total


def ablation(section: Section) -> Figure | None:
    """Draw what the claims' comparisons came to, in points of accuracy; None without any."""
    margins = {decision.claim.code: decision.claim.margin for decision in section.decisions}
    every = list(rows(Report((section,), (), (), ())))
    values = [
        {
            **row,
            "name": "|".join(textwrap.wrap(f"{row['code']}: {row['comparison']}", 24)),
            "least": -margins[row["code"]],
        }
        for row in every
        if row["difference"] is not None
    ]
    if not values:
        return None
    left_out = [row["code"] for row in every if row["difference"] is None]
    about = [
        "Black ticks: what the difference has to exceed, 0 or, where an accuracy is said to be "
        "kept, -1 point.",
        "Bars are 95% intervals, not adjusted for the number of claims; a comparison with one seed "
        "a side has none, and is undecided.",
    ]
    if left_out:
        about.append(f"Without a difference: {', '.join(left_out)}.")
    title = f"The claims' comparisons: {section.runs.protocol}"
    return Figure("ablation", title, tuple(about), lambda: [_differences(values)])


def _differences(values: list[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt

    names = [value["name"] for value in values]
    axis = alt.Axis(labelLimit=0, labelExpr="split(datum.label, '|')")
    base = _chart(values).encode(
        alt.Y("name:N", title="claim and comparison", sort=names, axis=axis)
    )
    x = alt.X("difference:Q", title="difference (points)", axis=alt.Axis(tickCount=6))
    colour = alt.Color(
        "verdict:N",
        title=None,
        scale=alt.Scale(domain=list(_VERDICTS), range=list(_VERDICTS.values())),
        legend=_legend(),
    )
    shown = [
        "code:N",
        "claim:N",
        "verdict:N",
        alt.Tooltip("difference:Q", format="+.2f"),
        "seeds:Q",
    ]
    layers = [
        base.mark_tick(color="black", thickness=2, size=20).encode(alt.X("least:Q")),
        base.mark_circle(size=70, opacity=1).encode(x, colour, tooltip=shown),
    ]
    if any(value["low"] is not None for value in values):  # of nothing Vega warns
        bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
        layers.append(bars.encode(alt.X("low:Q"), alt.X2("high:Q"), colour))
    lines = max(name.count("|") + 1 for name in names)
    height = max(80, (14 * lines + 16) * len(values))
    return alt.LayerChart(layer=layers).properties(height=height)


def _chart(values: Sequence[Mapping[str, Any]]) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.Data(values=list(values)))  # type: ignore[no-untyped-call]


def _legend() -> "alt.Legend":
    import altair as alt

    return alt.Legend(orient="bottom", columns=1, labelLimit=0, symbolLimit=0)


def _exact() -> "alt.Scale":
    """Return a scale that ends where the data does."""
    import altair as alt

    return alt.Scale(nice=False, zero=False)
