"""A comparison as a picture."""

import io
import os
from typing import TYPE_CHECKING

from kreproduce.compare.gaps import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def png(comparison: Comparison) -> bytes:
    """Draw the curves of both over each other, one panel per metric, all epochs, as a PNG file."""
    # matplotlib refuses to be imported under an unknown one; nothing here opens a window.
    os.environ["MPLBACKEND"] = "agg"
    import matplotlib.style
    from matplotlib.figure import Figure

    # Whatever this machine's matplotlib is configured to.
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(11, 7.5), layout="constrained")
        panels = list(figure.subplots(2, 2).flat)
        for panel, metric in zip(panels, comparison.metrics, strict=False):
            _draw(panel, comparison, metric)
        for panel in panels[len(comparison.metrics) :]:
            panel.remove()
        title = figure.suptitle(
            f"{_printable(comparison.run.name)}\nbeside {_printable(comparison.reference.name)}",
            fontsize=11,
        )
        title.set_parse_math(False)  # a name may have a $
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _draw(panel: "Axes", comparison: Comparison, metric: str) -> None:
    both = (("reference", comparison.reference, "tab:orange"), ("run", comparison.run, "tab:blue"))
    for label, curves, colour in both:
        # A curve of one epoch is a dot, and no line.
        marker = "." if len(curves.epochs) < 4 else ""
        values = curves.values[metric]
        panel.plot(curves.epochs, values, label=label, color=colour, marker=marker, linewidth=1.2)
    panel.set_title(metric)
    panel.set_xlabel("epoch")
    panel.grid(alpha=0.3)
    panel.legend()


def _printable(name: str) -> str:
    """As much of a name as the built-in font can draw and a title holds."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name)[:100]
