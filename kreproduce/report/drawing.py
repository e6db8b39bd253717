"""Figures as files: SVG, PNG or PDF, without a browser."""

import importlib.util
import json
import re
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kreproduce.errors import SettingsError
from kreproduce.report.charts import Figure

if TYPE_CHECKING:
    import altair as alt

SUFFIXES = (".svg", ".png", ".pdf")
_WIDTH, _PRINTED_WIDTH = 420, 560  # pixels of a view
_CONFIG = {
    "background": "white",
    "font": "Liberation Sans, Arial, sans-serif",  # the first one comes with vl-convert
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "title": {"fontSize": 13, "anchor": "start", "fontWeight": "normal", "subtitleFontSize": 11},
    "view": {"stroke": "#cccccc"},
}


def check_extra() -> None:
    """Refuse to draw where what draws is not installed.

    Raises:
        SettingsError: it is not.
    """
    if any(importlib.util.find_spec(name) is None for name in ("altair", "vl_convert")):
        raise SettingsError(
            "figures are drawn by Altair and vl-convert, which are not installed: "
            "pip install 'kreproduce[report]'"
        )


def file(figure: Figure, suffix: str) -> bytes:
    """Return a figure as the content of a file whose name ends so; equal data give equal SVGs.

    Args:
        figure: to draw.
        suffix: of `SUFFIXES`.

    Raises:
        SettingsError: there is nothing in it.
    """
    import altair as alt

    views = [view.properties(width=_WIDTH) for view in figure.draw()]
    if not views:
        raise SettingsError(
            "there is no training to draw; name a run, as kreproduce status lists them"
        )
    chart = alt.concat(*views, columns=2) if len(views) > 1 else views[0]
    width = 60 * min(len(views), 2)  # characters
    title = alt.TitleParams(
        textwrap.wrap(figure.title, width),
        subtitle=textwrap.wrap(" ".join(figure.about), width + 15),
    )
    return _converted(suffix)(_specification(chart.properties(title=title)))


def svg(view: "alt.Chart | alt.LayerChart", name: str) -> str:
    """Return one view as SVG in the width of a printed page.

    Args:
        view: to draw.
        name: with which the identifiers in it begin, for there may be more on a page.
    """
    return _to_svg(_specification(view.properties(width=_PRINTED_WIDTH)), name)


def specification(view: "alt.Chart | alt.LayerChart") -> str:
    """Return one view as JSON for Vega's own viewer: as wide as there is room."""
    # "<" could end the element of the page that it stands in, or begin another.
    return json.dumps(_specification(view.properties(width="container"))).replace("<", "\\u003c")


def viewer() -> str:
    """Return the JavaScript of Vega's viewer, whole, as `vegaEmbed` of the window."""
    import vl_convert

    text: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return text.replace("</script", "<\\/script")


def _specification(chart: Any) -> dict[str, Any]:
    found: dict[str, Any] = chart.to_dict()
    return found | {"config": _CONFIG}


def _converted(suffix: str) -> Callable[[dict[str, Any]], bytes]:
    import vl_convert

    def to_svg(specification: dict[str, Any]) -> bytes:
        return f"{_to_svg(specification, 'part')}\n".encode()

    def to_png(specification: dict[str, Any]) -> bytes:
        content: bytes = vl_convert.vegalite_to_png(specification, scale=2)
        return content

    def to_pdf(specification: dict[str, Any]) -> bytes:
        content: bytes = vl_convert.vegalite_to_pdf(specification)
        return content

    return {".svg": to_svg, ".png": to_png, ".pdf": to_pdf}[suffix]


def _to_svg(specification: dict[str, Any], name: str) -> str:
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(specification)
    # Vega counts the parts that others refer to from the start of the process.
    parts = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', text)))
    for number, part in enumerate(parts):
        new = f"{name}-{number}"
        text = text.replace(f'id="{part}"', f'id="{new}"').replace(f"#{part})", f"#{new})")
    return text
