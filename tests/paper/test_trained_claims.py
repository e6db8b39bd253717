import pytest

from kreproduce import paper
from kreproduce.paper.files import load

CLAIMS = paper.trained_claims()
# The first claims that were decided; a change of any is a change after the runs were looked at.
KINDS = {
    "C01": "trend",
    "C02": "steps",
    "C03": "not_worse",
    "C04": "not_worse",
    "C05": "difference",
    "C06": "falls",
    "C07": "difference",
    "C08": "falls",
    "C09": "difference",
    "C10": "not_worse",
    "C11": "difference",
    "C12": "not_worse",
    "C13": "difference",
    "C14": "not_worse",
    "C15": "not_worse",
    "C16": "difference",
}


def test_codes_are_stable() -> None:
    assert {claim.code: claim.kind for claim in CLAIMS} == KINDS


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.code)
def test_every_network_of_a_claim_is_a_row_of_the_paper(claim: paper.TrainedClaim) -> None:
    rows = [row for table in paper.TRAINED for row in paper.rows(table)]
    labels = {
        row.label.removeprefix("kEffNet-B0 ").removeprefix("EfficientNet-B0 ")
        for row in rows
        if (row.dataset, row.epochs) == (claim.dataset, claim.epochs)
    }
    assert {*claim.rows, *claim.against} <= labels


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.code)
def test_a_claim_is_of_its_kind(claim: paper.TrainedClaim) -> None:
    assert (claim.margin > 0) == (claim.kind == "not_worse")
    assert bool(claim.against) == (claim.kind not in ("trend", "steps"))
    assert len(claim.rows) > (1 if claim.kind in ("trend", "steps", "falls") else 0)
    assert all(row != other for row, other in claim.pairs)


def test_an_unknown_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = dict.fromkeys(("code", "section", "claim", "dataset", "rows", "against"), "")
    monkeypatch.setattr(
        "kreproduce.paper.files.lines",
        lambda name: ({**line, "epochs": "1", "margin": "0", "kind": "order"},),
    )
    with pytest.raises(ValueError, match="'order' is none of"):
        load.__wrapped__(paper.TrainedClaim, "trained_claims.csv")
