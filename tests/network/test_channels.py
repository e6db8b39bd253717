"""Ch as a number, a rule or patterns: what each means, and what is refused."""

import math

import pytest

from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import resolve
from kreproduce.network import operations as op
from kreproduce.network.architecture import Architecture
from kreproduce.network.channels import chosen, label, normalized, parse, replacement
from kreproduce.network.cost import count
from kreproduce.network.description import describe
from kreproduce.network.grouping import replace_v2


def by_number(channels, filters):
    return lambda number: replace_v2(channels, filters, number)


def groups(architecture):
    """Channels of a group of layer K, by layer."""
    return {
        node.layer: node.operation.grouping.group_channels
        for node in describe(architecture).nodes
        if isinstance(node.operation, op.GroupedPointwise) and "_k_" in node.name
    }


def test_the_square_root_of_the_channels():
    for channels in (16, 30, 480, 1152):
        expected = replace_v2(channels, 320, round(math.sqrt(channels)))
        assert replacement("sqrt", channels, 320, by_number(channels, 320)) == expected


@pytest.mark.parametrize("share", [0.05, 0.15, 0.5])
@pytest.mark.parametrize(("channels", "filters"), [(480, 112), (96, 24), (1152, 320), (40, 240)])
def test_the_largest_number_within_a_share(share, channels, filters):
    """By its definition, from all numbers that there are."""
    whole = channels * filters
    found = replacement(f"share:{share}", channels, filters, by_number(channels, filters))
    within = [
        number
        for number in range(1, channels + 1)
        if (one := replace_v2(channels, filters, number)) and one.weights <= share * whole
    ]
    assert found == (replace_v2(channels, filters, max(within)) if within else None)


def test_no_share_is_small_enough():
    assert replacement("share:0.001", 32, 32, by_number(32, 32)) is None


def test_the_first_pattern_that_matches_counts():
    patterns = normalized({"block[1-3]*": 8, "*_expand": None, "*": "sqrt"})
    assert chosen(patterns, "block2a_expand") == ("block[1-3]*", 8)
    assert chosen(patterns, "block4a_expand") == ("*_expand", None)
    assert chosen(patterns, "top") == ("*", "sqrt")
    assert chosen(normalized({"top": 3}), "atop") == (None, None)  # the whole name
    assert chosen(16, "top") == ("*", 16)


def test_a_network_of_patterns():
    by_layer = groups(Architecture(ch={"block[1-3]*": 8, "*_se_*": None, "*": 32}, input_size=32))
    assert by_layer["block2a_expand"] == 8
    assert by_layer["block3a_project"] == 8
    assert by_layer["block6a_expand"] == 32
    assert "block6a_se_reduce" not in by_layer
    one = Architecture(ch=16)
    assert count(Architecture(ch={"*": 16})) == count(one)


def test_networks_of_rules_differ_and_cost_less_than_the_plain_one():
    plain = count(Architecture(variant="baseline", ch=None)).parameters
    sizes = {ch: count(Architecture(ch=ch)).parameters for ch in ("sqrt", "share:0.1", "share:0.3")}
    assert sizes["share:0.1"] < sizes["share:0.3"] < plain
    assert len(set(sizes.values())) == 3


@pytest.mark.parametrize(
    ("ch", "said"),
    [
        (0, "ch: 0 is refused; a group has 1 to 100,000 channels"),
        (-4, "ch: -4 is refused"),
        (True, "ch: True is refused"),
        (2.5, "ch: 2.5 is refused"),
        ("cube", "ch: 'cube' is refused; give a number, 'sqrt', or 'share:0.15'"),
        ("share:2", "'share:2' is refused"),
        ("share:", "'share:' is refused"),
        ({}, "is refused; write a pattern"),
        ([["a", 3, 4]], "is refused; write a pattern"),
        ({3: 4}, "ch: 3 is no pattern"),
        ({"*": "cube"}, "ch: 'cube' is refused"),
        ({"*": {"a": 1}}, "is refused"),
    ],
)
def test_what_is_refused(ch, said):
    with pytest.raises(SettingsError) as refused:
        normalized(ch)
    assert said in str(refused.value)
    with pytest.raises(SettingsError):
        resolve({"dataset": "cifar10", "ch": ch})


@pytest.mark.parametrize(
    ("ch", "said"),
    [
        ({"blok2a_expand": 4, "*": 8}, "layer; did you mean 'block2a_expand'?"),
        ({"zzz": 4}, "matches no pointwise layer; there are block1a_se_reduce, "),
        ({"*": 8, "top": 16}, "'top' decides no layer, for the patterns before it (*) match"),
    ],
)
def test_patterns_that_decide_nothing_are_refused(ch, said):
    with pytest.raises(SettingsError) as refused:
        resolve({"dataset": "cifar10", "ch": ch})
    assert said in str(refused.value)
    with pytest.raises(SettingsError):
        describe(Architecture(ch=ch))


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("16", 16),
        ("sqrt", "sqrt"),
        ("share:0.15", "share:0.15"),
        ("a*=8, b=none,*=sqrt", (("a*", 8), ("b", None), ("*", "sqrt"))),
    ],
)
def test_on_a_command_line(text, channels):
    assert parse(text) == channels


@pytest.mark.parametrize("text", ["0", "none", "x", "", "a=", "=3", "a=3,b"])
def test_what_a_command_line_cannot_say(text):
    with pytest.raises(SettingsError):
        parse(text)


def test_identity_and_name():
    settings = {"dataset": "cifar10"}
    one = resolve(settings, {"ch": {"*_expand": 8, "*": 16}})
    same = resolve(settings, {"ch": [["*_expand", 8], ["*", 16]]})
    turned = resolve(settings, {"ch": {"block*": 16, "*": 8}})
    swapped = resolve(settings, {"ch": {"*_project": 16, "*": 8}})
    assert one.identity == same.identity
    assert len({one.identity, turned.identity, swapped.identity}) == 3
    assert one.model_name == f"v2-{label(one.ch)}"
    assert label(one.ch).startswith("mixed")
    assert resolve(settings, {"ch": "share:0.15"}).model_name == "v2-share0.15ch"
    assert resolve(settings, {"ch": "sqrt"}).run_name.startswith("cifar10-v2-sqrtch-50epochs-")
    # As it stands in a record, and back.
    again = type(one)(**one.model_dump(mode="json"))
    assert (again.ch, again.identity) == (one.ch, one.identity)
    assert one.published() is None
    # The order decides, so it is part of the identity.
    orders = [{"*_expand": 8, "block2*": 16}, {"block2*": 16, "*_expand": 8}]
    first, second = (resolve(settings, {"ch": ch | {"*": 4}}) for ch in orders)
    assert first.identity != second.identity
