"""Why cells are wrong, computed: from the counts, from their ratio, from the raw run."""

from dataclasses import replace

import pytest

from kreproduce import paper
from kreproduce.tables import causes, recomputed


def cause(table, label, column):
    found = paper.erratum(table, label, column)
    assert found is not None
    return causes.cause(found)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ((3, "B1", "v2_16ch"), "901,542 + 67,168 untrainable = 968,710"),
        (
            (3, "B1", "v2_16ch_percent"),
            "901,542 of 6,525,994 is 13.8146%; 14.84% is that of 968,710",
        ),
        ((8, "kEffNet-B0 V2 2ch", "parameters"), "309,432 + 45,632 untrainable = 355,064"),
        (
            (5, "kEffNet-B0 V2 16ch no L", "parameters_percent"),
            "584,934 of 4,020,358 is 14.549%, rounded twice, to 14.55% first",
        ),
        (
            (6, "kEffNet-B0 V2 32ch + H Flip", "computations_percent"),
            "246,418,220 of 389,969,098 is 63.189%",
        ),
        (
            (8, "EfficientNet-B0 baseline", "test_accuracy"),
            "the raw run scored 97.6190%, cut off and not rounded",
        ),
    ],
)
def test_causes(cell, text):
    assert cause(*cell) == text


def test_every_wrong_cell_has_its_cause():
    assert all(causes.cause(erratum) for erratum in paper.errata())


@pytest.mark.parametrize("erratum", paper.errata(), ids=lambda e: f"{e.table} {e.label} {e.column}")
def test_a_cause_that_does_not_give_the_print_is_none(erratum):
    """Ratios of right counts are computed, whatever is printed; all else must come out."""
    other = replace(erratum, printed=erratum.printed[:-1] + str(9 - int(erratum.printed[-1])))
    right_count = erratum.column.endswith("percent") and erratum.table not in (3, 8)
    assert bool(causes.cause(other)) == right_count


def test_causes_are_counted_and_not_typed(monkeypatch):
    counted = recomputed.counted
    monkeypatch.setattr(recomputed, "counted", lambda row: replace(counted(row), untrainable=1))
    assert cause(8, "kEffNet-B0 V2 4ch", "parameters") == ""
