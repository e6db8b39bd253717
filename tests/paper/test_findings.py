import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from kreproduce import paper
from kreproduce.paper import files

DOCS = Path(__file__).parents[2] / "docs"


def test_every_finding_has_a_code_of_its_own_in_order():
    codes = [finding.code for finding in paper.findings()]
    assert codes == [f"A{number:02d}" for number in range(1, len(codes) + 1)]
    assert len({finding.name for finding in paper.findings()}) == len(codes)
    assert paper.finding("A01") == paper.findings()[0]
    with pytest.raises(KeyError):
        paper.finding("A00")


# Codes are stable: what one names stays what it names. Add the new ones at the end.
NAMES = """
untrainable-b1 untrainable-colorectal flip-cost percent-16ch-no-l percent-16ch-relu
percent-32ch-relu colorectal-baseline savings less-than-v1 pointwise group-cap path-k2 last-group
interleaving w-l1 equation-28 constraints hundreds table-1-layers reference-31 strides kept-epoch
glorot address at-least ch2-accuracy saving-remains flip-when swish-falls swish-gain trained-counted
third up-to
"""


def test_codes_are_stable():
    assert [finding.name for finding in paper.findings()] == NAMES.split()


def test_findings_are_complete():
    for finding in paper.findings():
        assert all((finding.where, finding.printed, finding.right, finding.why)), finding
        assert finding.printed != finding.right
    kinds = Counter(finding.kind for finding in paper.findings())
    assert set(kinds) == set(get_args(paper.FindingKind))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("untrainable-b1", "wrong statement"),
        ("saving-remains", "wrong statement"),
        ("at-least", "wrong statement"),
        ("reference-31", "misprint"),
        ("address", "misprint"),
        ("ch2-accuracy", "misprint"),
        ("savings", "needs a qualification"),
        ("pointwise", "needs a qualification"),
        ("less-than-v1", "needs a qualification"),
        ("strides", "needs a qualification"),
        ("trained-counted", "needs a qualification"),
    ],
)
def test_kinds(name, kind):
    assert {finding.name: finding.kind for finding in paper.findings()}[name] == kind


def test_an_unknown_kind_is_refused(monkeypatch):
    line = {"code": "A01", "name": "a", "kind": "error"} | dict.fromkeys(
        ("where", "printed", "right", "why"), "b"
    )
    monkeypatch.setattr(files, "lines", lambda name: (line,))
    files.load.cache_clear()
    with pytest.raises(ValueError, match="'error' is none of"):
        files.load(paper.Finding, "findings.csv")


def row(finding):
    cells = (finding.code, finding.kind, finding.where, finding.printed, finding.right, finding.why)
    return f"| {' | '.join(cell.replace('*', chr(92) + '*') for cell in cells)} |"


def test_the_page_lists_the_findings_of_the_data():
    lines = (DOCS / "audit.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("| A")] == [row(f) for f in paper.findings()]


def test_codes_in_the_docs_are_those_of_findings():
    codes = {finding.code for finding in paper.findings()}
    for page in (*DOCS.glob("*.md"), DOCS.parent / "README.md"):
        assert set(re.findall(r"\bA\d\d\b", page.read_text())) <= codes, page
