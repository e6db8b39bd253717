"""Accuracy against size: what the runs on record measured, beside what the paper prints."""

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kreproduce import paper
from kreproduce.claims.matched import Matched
from kreproduce.claims.statistics import Contrast
from kreproduce.paper import TRAINED, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COUNTS = ("parameters", "computations")
_NOTE = (
    "Bars: 95% intervals of a network's accuracy over seeds and test images, by the scatter pooled "
    "over all networks; none with one seed.\n"
    "They do not tell two networks apart: differences at the same seeds and images, "
    "which are better known, stand in claims.md."
)


def svg(protocols: Sequence[Matched]) -> bytes:
    """Draw a row of two panels for each protocol: parameters and computations.

    Equal runs give equal bytes. The paper's networks stand in grey in every panel: their protocol
    is another, unless the runs are of it, so that only the order may be compared. Computations
    are those of the network trained, but of runs of the paper's protocol as the paper counts them.
    """
    # matplotlib refuses to be imported under an unknown one; nothing here opens a window.
    os.environ["MPLBACKEND"] = "agg"
    import matplotlib.style
    from matplotlib.figure import Figure

    rows: Sequence[Matched | None] = protocols or [None]
    # Names of parts that are the same each time, and letters as letters.
    fixed = {"svg.hashsalt": "kreproduce", "svg.fonttype": "none"}
    with matplotlib.style.context(["default", fixed]):
        figure = Figure(figsize=(11, 4.6 * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), len(_COUNTS), squeeze=False)
        for runs, row in zip(rows, panels, strict=True):
            for count, panel in zip(_COUNTS, row, strict=True):
                _draw(panel, runs, count)
        if protocols:
            figure.supxlabel(_NOTE, fontsize=8)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _draw(panel: "Axes", runs: Matched | None, count: str) -> None:
    rows = _printed(runs)
    panel.plot(
        [getattr(row, count) for row in rows],
        [float(row.test_accuracy) for row in rows],
        "o",
        color="0.7",
        label=f"the paper{'' if runs and runs.is_papers else ' (another protocol)'}, one run each",
    )
    title = "no runs that may be compared are on record"
    if runs is not None:
        _draw_measured(panel, runs, count)
        title = runs.protocol.replace("; ", "\n")
    panel.set_xscale("log")
    panel.set_xlabel(count)
    panel.set_ylabel("test accuracy (%)")
    panel.set_title(title, fontsize=8)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)


def _draw_measured(panel: "Axes", runs: Matched, count: str) -> None:
    label = f"measured, seeds: {_seeds(runs)}"
    for network in runs.table.networks:
        contrast = Contrast(runs.table, {network: 1.0})
        record = runs.records[network, contrast.seeds[0]]
        # The paper's are as it counts them; in its own protocol so are ours.
        trained = record.computations if runs.is_papers else record.computations_trained
        size = record.parameters if count == "parameters" else trained
        value = 100 * contrast.value
        error = None
        if contrast.is_decidable:
            interval = contrast.interval()
            error = [[value - 100 * interval.low], [100 * interval.high - value]]
        panel.errorbar(size, value, error, fmt="o", color="tab:blue", capsize=3, label=label)
        panel.annotate(network, (size, value), (4, 4), textcoords="offset points", fontsize=7)
        label = "_nolegend_"


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
