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
            for view in figure.views
        ]

    return template.render(page=page, views=views, viewer=drawing.viewer()) + "\n"


def markdown(page: Page) -> str:
    """Return the report as Markdown, for a terminal or a forge; figures by their titles."""
    lines = [f"# {page.title}", page.verdict]
    for part in page.parts:
        lines += _part(part, 2)
    return "\n\n".join(lines) + "\n"


def _part(part: Part, level: int) -> Iterator[str]:
    yield f"{'#' * level} {part.heading}"
    yield from part.text
    if part.points:
        yield "\n".join(f"- {point}" for point in part.points)
    for figure in part.figures:
        said = " ".join(figure.about)
        yield f"*Figure in the HTML report: {figure.title}.*" + (f" {said}" if said else "")
    for table in part.tables:
        yield f"**{table.title}**"
        yield _rows(table)
        if table.notes:
            yield "\n".join(f"- {note}" for note in table.notes)
    for smaller in part.parts:
        yield from _part(smaller, level + 1)


def _rows(table: Table) -> str:
    rule = ["---:" if right else "---" for right in table.numbers]
    rows = [table.headings, tuple(rule), *table.rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
