"""A table as text, Markdown, CSV, LaTeX or JSON, through pandas."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kreproduce.errors import SettingsError
from kreproduce.tables.contents import Contents
from kreproduce.text import nearest, quoted

if TYPE_CHECKING:
    import pandas as pd

# By format: how its files end.
FORMATS = {"text": "txt", "markdown": "md", "csv": "csv", "latex": "tex", "json": "json"}

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': "''",
    "±": r"$\pm$",
    "×": r"$\times$",
    "—": "---",
}


def frame(contents: Contents) -> "pd.DataFrame":
    """Return the cells as data: counts are integers, percentages and accuracies floats."""
    import pandas as pd

    rows = _data(contents)
    columns = list(rows[0]) if rows else []
    types = {column: {type(row[column]) for row in rows} for column in columns}
    gapped = [column for column in columns if types[column] == {int, type(None)}]
    return pd.DataFrame(rows).astype(dict.fromkeys(gapped, "Int64"))  # pandas would take floats


def render(contents: Contents, form: str) -> str:
    """Return a table in one of `FORMATS`, ending in a newline; the same from run to run.

    Raises:
        SettingsError: there is no such format.
    """
    check_format(form)
    return _RENDER[form](contents)


def check_format(form: str) -> None:
    """Refuse a format that there is not.

    Raises:
        SettingsError: it is not one of `FORMATS`.
    """
    if form not in FORMATS:
        raise SettingsError(f"there is no format {quoted(form)}; {nearest(form, FORMATS)}")


def json_table(contents: Contents) -> dict[str, Any]:
    """Return a table as JSON's types: rows, and the footnotes of each row's cells by column."""
    rows = [row | {"footnotes": {}} for row in _data(contents)]
    for (place, column), numbers in contents.marks.items():
        rows[place]["footnotes"][column] = numbers
    return {
        "table": contents.name,
        "title": contents.title,
        "as_printed": contents.as_printed,
        "rows": rows,
        "footnotes": contents.footnotes,
        "legend": contents.legend,
    }


def _text(contents: Contents) -> str:
    notes = [f"[{number}] {text}" for number, text in enumerate(contents.footnotes, start=1)]
    table = _to_markdown(contents, _shown(contents, _bracketed), "simple")
    return _paragraphs(contents.title, table, *_below(contents, notes))


def _markdown(contents: Contents) -> str:
    def escaped(text: str) -> str:
        return "".join(f"\\{mark}" if mark in "\\|`*_<>[]#&~$" else mark for mark in text)

    def superscript(text: str, numbers: list[int]) -> str:
        mark = f"<sup>{', '.join(map(str, numbers))}</sup>" if numbers else ""
        return escaped(text) + mark

    notes = [f"{number}. {escaped(text)}" for number, text in enumerate(contents.footnotes, 1)]
    table = _to_markdown(contents, _shown(contents, superscript), "pipe")
    title = f"**{escaped(contents.title)}**"
    return _paragraphs(title, table, *_below(contents, notes))


def _csv(contents: Contents) -> str:
    return frame(contents).to_csv(index=False, lineterminator="\n")


def _latex(contents: Contents) -> str:
    def superscript(text: str, numbers: list[int]) -> str:
        mark = f"\\textsuperscript{{{', '.join(map(str, numbers))}}}" if numbers else ""
        return _escaped_latex(text) + mark

    cells = _shown(contents, superscript)
    caption = contents.title
    if isinstance(contents.name, int):
        caption = f"{caption.partition('. ')[2]} (the paper's Table {contents.name})"
    headings = [_escaped_latex(column.heading) for column in contents.columns]
    styler = cells.style.hide(axis="index").relabel_index(headings, axis=1)
    tabular = styler.to_latex(hrules=True, column_format=_alignment(contents))
    notes = [
        f"\\textsuperscript{{{number}}} {_escaped_latex(text)}"
        for number, text in enumerate(contents.footnotes, start=1)
    ]
    below = [_escaped_latex(contents.legend)] if contents.legend else []
    return "\n".join(
        [
            "% needs \\usepackage{booktabs,graphicx}",
            "\\begin{table}",
            f"\\caption{{{_escaped_latex(caption)}}}",
            f"\\label{{tab:kreproduce-{contents.name}}}",
            "\\centering\\resizebox{\\linewidth}{!}{%",
            f"{tabular.rstrip()}}}",
            *(f"\\par\\footnotesize {line}" for line in notes + below),
            "\\end{table}",
            "",
        ]
    )


def _json(contents: Contents) -> str:
    return json.dumps(json_table(contents), indent=2, ensure_ascii=False) + "\n"


_RENDER: dict[str, Callable[[Contents], str]] = {
    "text": _text,
    "markdown": _markdown,
    "csv": _csv,
    "latex": _latex,
    "json": _json,
}


def _shown(contents: Contents, marked: Callable[[str, list[int]], str]) -> "pd.DataFrame":
    """Return the cells as shown, with their marks; the columns keep the names of the data."""
    import pandas as pd

    return pd.DataFrame(
        {
            column.name: [
                marked(column.text(row), contents.marks.get((place, column.name), []))
                for place, row in enumerate(contents.rows)
            ]
            for column in contents.columns
        }
    )


def _bracketed(text: str, numbers: list[int]) -> str:
    return f"{text} [{', '.join(map(str, numbers))}]" if numbers else text


def _to_markdown(contents: Contents, cells: "pd.DataFrame", style: str) -> str:
    headings = [
        column.heading.replace("_", "\\_" if style == "pipe" else "_")
        for column in contents.columns
    ]
    return cells.to_markdown(
        index=False,
        tablefmt=style,
        headers=headings,
        disable_numparse=True,
        colalign=["left" if mark == "l" else "right" for mark in _alignment(contents)],
    )


def _alignment(contents: Contents) -> str:
    """Return one letter per column: names to the left, numbers to the right."""
    names = ("model", "size", "measured_on")
    return "".join("l" if column.name in names else "r" for column in contents.columns)


def _below(contents: Contents, notes: list[str]) -> list[str]:
    return [part for part in ("\n".join(notes), contents.legend) if part]


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _escaped_latex(text: str) -> str:
    """Text as LaTeX shows it; what a plain document's fonts may lack becomes a question mark."""
    return "".join(_LATEX.get(mark, mark if mark.isascii() else "?") for mark in text)


def _data(contents: Contents) -> list[dict[str, Any]]:
    """Return the rows as plain numbers and texts, with what their footnotes say."""
    rows = [_numbers(row) for row in contents.rows]
    if not contents.as_printed:  # which has no footnotes
        for place, row in enumerate(rows):
            row["notes"] = "; ".join(contents.notes(place))
    return rows


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }
