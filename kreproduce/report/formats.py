"""The report as one HTML file that asks for nothing from anywhere, and as Markdown."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2

from kreproduce.report import drawing
from kreproduce.report.charts import Figure
from kreproduce.report.page import Page, Part, Table

SUFFIXES = (".html", ".md")
_TEMPLATE = Path(__file__).with_name("report.html.jinja")


@dataclass(frozen=True)
class _View:
    """A view of a figure, for the viewer, and for paper and whoever runs no scripts."""

    specification: str
    svg: str


def html(page: Page) -> str:
    """Return the report as HTML: figures by Vega's viewer, and without scripts as SVG."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    numbers = itertools.count(1)

    def views(figure: Figure) -> list[_View]:
        return [
            _View(drawing.specification(view), drawing.svg(view, f"view{next(numbers)}"))
            for view in figure.draw()
        ]

    return template.render(page=page, views=views, viewer=drawing.viewer()) + "\n"


def markdown(page: Page) -> str:
    """Return the report as Markdown, for a terminal or a forge; figures by their titles."""
    lines = [f"# {_text(page.title)}", _text(page.verdict)]
    for part in page.parts:
        lines += _part(part, 2)
    return "\n\n".join(lines) + "\n"


def _part(part: Part, level: int) -> Iterator[str]:
    yield f"{'#' * level} {_text(part.heading)}"
    yield from map(_text, part.text)
    if part.points:
        yield "\n".join(f"- {_text(point)}" for point in part.points)
    for figure in part.figures:
        yield f"Figure in the HTML report: {_text(' '.join([figure.title + '.', *figure.about]))}"
    for table in part.tables:
        yield f"**{_text(table.title)}**"
        yield _rows(table)
        if table.notes:
            yield "\n".join(f"- {_text(note)}" for note in table.notes)
    for smaller in part.parts:
        yield from _part(smaller, level + 1)


def _rows(table: Table) -> str:
    rule = ["---:" if right else "---" for right in table.numbers]
    rows = [list(map(_text, row)) for row in (table.headings, *table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def _text(text: str) -> str:
    """Return text of any origin as Markdown that shows it as it is."""
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>|&#~$" else mark for mark in text)
