"""Networks by name: the names are those of run folders, and nothing else is taken for one."""

import pytest

from kreproduce import paper
from kreproduce.bench import case
from kreproduce.errors import SettingsError
from kreproduce.experiment.settings import of_row
from kreproduce.network import lowering


def of(name, **more):
    return case.of(name, **({"batch": 32, "input_size": 32, "precision": "auto"} | more))


def test_every_network_of_the_paper_is_found_by_its_name():
    for row in (row for table in paper.TRAINED for row in paper.rows(table)):
        experiment = of_row(row)
        found = of(experiment.model_name).experiment
        names = ("variant", "ch", "size", "layer_l", "activation")
        assert all(getattr(found, name) == getattr(experiment, name) for name in names), row


@pytest.mark.parametrize("name", ["b3-v2-16ch-nol-relu", "b7-baseline", "v1-4ch"])
def test_a_name_gives_the_network_of_that_name(name):
    assert of(name).experiment.model_name == name


def test_small_inputs_skip_strides_and_large_ones_do_not():
    assert of("baseline").experiment.skip_strides == 3
    assert of("v2-32ch", input_size=224).experiment.skip_strides == 0


def test_the_way_to_compute_groups_stands_behind_a_colon():
    assert of("v2-32ch:naive").lowering == "naive"
    assert of("v2-32ch").lowering == "auto"
    assert case.LOWERINGS == lowering.LOWERINGS


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v3-32ch", "'v3-32ch' is no network: say baseline"),
        ("", "'' is no network"),
        ("v2-32ch-", "is no network"),
        ("v2-32ch:fast", "'v2-32ch:fast': groups are computed auto, dense"),
        ("baseline-4ch", "ch has no meaning for the baseline"),
        ("v2", "v2 needs the channels per group"),
        ("v1-4ch-nol", "has no meaning for v1"),
        ("v2-0ch", "ch: 0 is refused"),
    ],
)
def test_other_names_are_refused(name, message):
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        of(name)


def test_the_table_has_every_ch_of_the_paper_once():
    names = list(case.of_the_paper())
    assert names[0] == "baseline"
    assert names[1:] == [f"v1-{ch}ch" for ch in (16, 32)] + [
        f"v2-{ch}ch" for ch in (2, 4, 8, 16, 32)
    ]
