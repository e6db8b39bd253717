import json
import subprocess
import sys

from support import tree


def test_the_audit_lists_every_check_and_passes(kreproduce):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("audit")
    assert (result.code, result.message, result.imported) == (0, "", [])
    *lines, summary, limits = result.output.splitlines()
    counts = {verdict: int(n) for n, verdict in (part.split() for part in summary.split(", "))}
    assert counts["different"] == 0
    assert sum(counts.values()) == len(lines)
    assert limits.startswith("not computed: 10 of 41 accuracy cells of the tables, for no raw run")
    assert "12 of 124 claims, held against accuracies as printed" in limits
    assert "4 of 22 known errata of the text (interleaving, w-l1, glorot, flip-when)" in limits
    assert sum("(from accuracies as printed)" in line for line in lines) == 12
    assert tree(kreproduce.folder.parent) == before


def test_the_audit_as_json(kreproduce):
    found = json.loads(kreproduce("audit", "--json").output)
    assert found["counts"]["different"] == 0
    assert sum(found["counts"].values()) == len(found["checks"])
    assert found["checks"][0] == {
        "where": "Table 1",
        "claim": "Ic 14, F 10, Ch 4: parameters",
        "printed": "140",
        "recomputed": "140",
        "verdict": "equal",
        "why": "",
        "as_printed": False,
    }
    assert sum(check["as_printed"] for check in found["checks"]) == 12
    counts = [(len(limit["names"]), limit["of"]) for limit in found["not_computed"]]
    assert counts == [(10, 41), (12, 124), (4, 22)]


def test_a_difference_is_exit_9():
    code = (
        "import kreproduce.paper as p, sys; p.erratum = lambda *cell: None;"
        "sys.argv = ['kreproduce', 'audit']; from kreproduce.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 9
    assert "different  Table 8" in done.stdout
    assert done.stdout.splitlines()[-2].endswith(" 14 different")
