"""Every printed cell of Tables 1 to 8 is recomputed, or is a listed erratum."""

from decimal import Decimal

import pytest

from kreproduce import paper
from kreproduce.tables import NUMBERS, recomputed
from kreproduce.tables.contents import label, printed_rows

CELLS = {1: 108, 2: 30, 3: 48, 4: 42, 5: 78, 6: 18, 7: 42, 8: 36}  # labels included


def cells(number):
    for printed, row in zip(printed_rows(number), recomputed.rows(number), strict=True):
        name = label(number, printed)
        for column in printed:
            yield name, column, printed[column], row.get(column)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_cell_is_as_printed_or_a_known_erratum(number):
    wrong = set()
    walked = 0
    for name, column, printed, computed in cells(number):
        walked += 1
        if column == "test_accuracy":  # printed and measured, never counted
            assert computed is None
        elif computed != printed:
            erratum = paper.erratum(number, name, column)
            assert erratum is not None, (name, column, printed, computed)
            assert (erratum.printed, erratum.right) == (str(printed), str(computed))
            wrong.add((number, name, column))
    assert walked == CELLS[number]
    assert wrong == {
        (erratum.table, erratum.label, erratum.column)
        for erratum in paper.errata()
        if erratum.table == number and erratum.column != "test_accuracy"
    }


@pytest.mark.parametrize("number", NUMBERS)
def test_percentages_have_the_printed_decimals(number):
    for *_, printed, computed in cells(number):
        if isinstance(printed, Decimal) and computed is not None:
            assert computed.as_tuple().exponent == printed.as_tuple().exponent


def test_halves_are_rounded_up():
    assert recomputed.percent(125, 1000, 0) == 13
    assert str(recomputed.percent(1, 1)) == "100.0"
