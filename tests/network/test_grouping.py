import random

import pytest

from kreproduce import paper
from kreproduce.network.grouping import Grouping, group, interleaved, replace_v1, replace_v2


@pytest.mark.parametrize("row", paper.grouping_rows(), ids=str)
def test_table_1(row):
    replacement = replace_v2(row.ic, row.f, row.ch)
    k, l = replacement.k, replacement.l  # noqa: E741
    assert (k.groups, k.filters_per_group, k.remainder) == (row.g_k1, row.fg_k1, row.g_k2)
    if l is None:
        assert (row.g_l1, row.fg_l1, row.g_l2) == (0, 0, 0)
    else:
        assert (l.groups, l.filters_per_group, l.remainder) == (row.g_l1, row.fg_l1, row.g_l2)
    assert k.weights + (l.weights if l else 0) == row.kl_parameters


def test_the_last_group_is_filled_with_the_first_channels():
    """Equation 10 with b = 2: X_4 = {x13, x14, x1, x2}, here counted from 0."""
    assert group(14, 10, 4).inputs()[-1] == [12, 13, 0, 1]
    # where b is not Ch - b: three channels are left, one is replicated
    assert group(11, 10, 4).inputs()[-1] == [8, 9, 10, 0]


def test_interleaving():
    """Equation 16 for an even and an odd number of channels, counted from 0."""
    assert interleaved(6, 2) == [0, 2, 4, 1, 3, 5]
    assert interleaved(7, 2) == [0, 2, 4, 6, 1, 3, 5]
    assert interleaved(7, 1) == list(range(7))
    assert interleaved(3, 5) == [0, 1, 2]


def test_any_grouping_is_complete():
    """Whatever the numbers: all channels are read, none twice by a filter, all filters made."""
    rng = random.Random(0)
    for _ in range(2000):
        channels, filters, ch = rng.randint(1, 300), rng.randint(1, 300), rng.randint(1, 70)
        grouping = group(channels, filters, ch, rng.randint(1, 20))
        inputs = grouping.inputs()
        assert sorted({c for some in inputs for c in some}) == list(range(channels))
        assert all(len(set(some)) == len(some) == grouping.group_channels for some in inputs)
        assert grouping.groups * grouping.filters_per_group + grouping.remainder == filters
        assert 0 <= grouping.remainder < grouping.groups
        assert grouping.groups * grouping.group_channels - channels < max(ch, grouping.groups)


@pytest.mark.parametrize(
    ("channels", "filters", "ch", "replaced"),
    [(32, 16, 16, False), (33, 16, 16, True), (16, 96, 16, False), (17, 18, 16, True)],
)
def test_the_rule_of_v2(channels, filters, ch, replaced):
    """C > 2 Ch, or F > C > Ch; not the paper's Ch <= Ic/2 and Ch <= F/2."""
    assert (replace_v2(channels, filters, ch) is not None) is replaced


def test_layer_l_follows_where_filters_do_not_outnumber_channels():
    assert replace_v2(96, 96, 16).l is not None
    assert replace_v2(96, 97, 16).l is None
    assert replace_v2(96, 24, 16, layer_l=False).l is None
    assert replace_v2(96, 1, 16).l is None  # a single group: nothing to mix


def test_v1_groups_divide_both():
    assert replace_v1(96, 24, 16).k == Grouping(96, 24, 6, 16)
    assert replace_v1(96, 24, 16).l == Grouping(24, 24, 6, 4, interleave=4)
    without_l = replace_v1(24, 144, 8)
    assert without_l.k == Grouping(24, 144, 3, 8)
    assert (without_l.l, without_l.output_interleave) == (None, 48)
    assert replace_v1(97, 24, 16) is None
