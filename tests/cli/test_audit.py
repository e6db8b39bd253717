import json
import subprocess
import sys
from dataclasses import asdict
from typing import get_args

from helpers.support import tree

from kreproduce import paper


def test_the_audit_lists_what_is_not_equal_and_counts_the_rest(kreproduce):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("audit")
    assert (result.code, result.message, result.imported) == (0, "", [])
    *found, kinds, summary, limits = result.output.splitlines()
    assert [line[:3] for line in found if line[0] != " "] == [f.code for f in paper.findings()]
    assert any("901,542 + 67,168 untrainable = 968,710" in line for line in found)
    assert kinds.startswith(f"{len(paper.findings())} findings: ")
    assert "0 different" in summary
    assert summary.endswith("(--all lists them)")
    assert limits.startswith("not computed: 9 of 41 accuracy cells of the tables, for no raw run")
    assert f"10 of {len(paper.claims())} claims, held against accuracies as printed" in limits
    assert f"6 of {len(paper.findings())} findings (A14, A15, A20, A23, A24, A28)" in limits
    assert tree(kreproduce.folder.parent) == before


def test_all_lists_every_check(kreproduce):
    result = kreproduce("audit", "--all")
    assert (result.code, result.message) == (0, "")
    *found, _, summary, _ = result.output.splitlines()
    checks = [line for line in found if line[0] != "A"]
    assert summary.startswith(f"{len(checks)} checks: 0 different, ")
    assert summary.endswith(f"{sum(line.startswith('equal') for line in checks)} equal")
    assert sum("(from accuracies as printed)" in line for line in checks) == 10


def test_the_audit_as_json(kreproduce):
    found = json.loads(kreproduce("audit", "--json").output)
    assert found["counts"]["different"] == 0
    assert sum(found["counts"].values()) == len(found["checks"])
    assert found["findings"] == [asdict(finding) for finding in paper.findings()]
    assert sum(found["findings_by_kind"].values()) == len(found["findings"])
    assert list(found["findings_by_kind"]) == list(get_args(paper.FindingKind))
    kinds = {finding["code"]: finding["kind"] for finding in found["findings"]}
    for check in found["checks"]:
        assert check["verdict"] == kinds.get(check["code"], "equal")
    assert found["checks"][0] == {
        "where": "Table 1",
        "claim": "Ic 14, F 10, Ch 4: parameters",
        "printed": "140",
        "recomputed": "140",
        "verdict": "equal",
        "code": "",
        "why": "",
        "as_printed": False,
    }
    assert sum(check["as_printed"] for check in found["checks"]) == 10
    counts = [(len(limit["names"]), limit["of"]) for limit in found["not_computed"]]
    assert counts == [(9, 41), (10, len(paper.claims())), (6, len(paper.findings()))]


def test_a_difference_is_exit_9():
    code = (
        "import kreproduce.paper as p, sys; p.erratum = lambda *cell: None;"
        "sys.argv = ['kreproduce', 'audit']; from kreproduce.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 9
    lines = done.stdout.splitlines()
    assert all(line.startswith("different  Table") for line in lines[:14])
    assert not lines[14].startswith("different")
    assert ": 14 different, " in lines[-2]
