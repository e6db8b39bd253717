"""The blocks of code that a page of Markdown prints, and what it shows of their output."""

import re

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page):
    """Each fenced block of a page, in order: its language and its text."""
    return _FENCED.findall(page.read_text("utf-8"))


def unseen(shown, output):
    """The lines of `shown` that `output` does not have, in that order.

    Numbers, identities and runs of spaces may be others, and `…` is anything: they depend on
    settings or on the machine.
    """
    printed = iter(output.splitlines())
    missing = []
    for line in filter(str.strip, shown.splitlines()):
        pattern = _pattern(line.strip())
        if not any(pattern.fullmatch(candidate.strip()) for candidate in printed):
            missing.append(line)
            printed = iter(output.splitlines())
    return missing


_VARIES = {"…": ".*", r"\b[0-9a-f]{8}\b": "[0-9a-f]{8}", r"\d[\d,.]*": r"\d[\d,.]*", r"\s+": r"\s+"}


def _pattern(line):
    pieces = re.split(f"({'|'.join(_VARIES)})", line)
    return re.compile("".join(map(_piece, pieces)))


def _piece(piece):
    forms = (form for varies, form in _VARIES.items() if re.fullmatch(varies, piece))
    return next(forms, re.escape(piece))
