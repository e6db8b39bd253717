"""Every count that the paper prints, recomputed to the last digit (or a listed erratum)."""

import pytest

from kreproduce import paper
from kreproduce.network.architecture import Architecture
from kreproduce.network.cost import Cost, count, layer_costs, total_cost
from kreproduce.network.description import describe

CLASSES = {"cifar10": 10, "malaria": 2, "colorectal_histology": 8}
ROWS = [row for table in (2, 4, 5, 6, 7, 8) for row in paper.rows(table)]


def architecture_of(row, padding="counted"):
    """The network of a row, as the authors counted it."""
    small = row.dataset == "cifar10" and row.variant != "baseline"
    return Architecture(
        variant=row.variant,
        ch=row.ch,
        classes=CLASSES[row.dataset],
        input_size=32 if small else 224,
        skip_strides=3 if small else 0,
        layer_l=row.layer_l,
        activation=row.activation,
        padding=padding,
    )


def row_id(row):
    return f"table {row.table}: {row.label}"


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_parameters_and_computations(row):
    cost = count(architecture_of(row))
    parameters = paper.right(row.table, row.label, "parameters") or row.parameters
    passes = 2 if row.hflip else 1
    assert cost.parameters == int(parameters)
    assert cost.computations * passes == row.computations


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_percentages(row):
    cost = count(architecture_of(row))
    whole = count(architecture_of(paper.rows(row.table)[0]))
    passes = 2 if row.hflip else 1
    for column, share in {
        "parameters_percent": cost.parameters / whole.parameters,
        "computations_percent": passes * cost.computations / whole.computations,
    }.items():
        printed = paper.right(row.table, row.label, column) or getattr(row, column)
        assert f"{100 * share:.1f}" == printed


@pytest.mark.parametrize("row", paper.size_rows(), ids=lambda row: row.size)
def test_table_3(row):
    def parameters(variant, ch):
        return count(Architecture(variant, ch, row.size)).parameters

    assert parameters("baseline", None) == row.baseline
    assert parameters("v2", 16) == int(paper.right(3, row.size, "v2_16ch") or row.v2_16ch)
    assert parameters("v2", 32) == row.v2_32ch


def test_b1_16ch_is_an_erratum():
    assert count(Architecture("v2", 16, "B1")).parameters == 901_542


@pytest.mark.parametrize("row", paper.rows(8)[1:4], ids=row_id)
def test_table_8_printed_the_untrainable_parameters_too(row):
    cost = count(architecture_of(row))
    assert cost.parameters + cost.untrainable == row.parameters


@pytest.mark.parametrize(("ch", "computations"), [(32, 110_958_190), (16, 74_774_382)])
def test_the_trained_networks_differ_at_32x32(ch, computations):
    trained = Architecture(ch=ch, input_size=32, skip_strides=3, padding="trained")
    assert count(trained).computations == computations


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_padding_changes_no_parameters_and_nothing_at_224(row):
    trained = count(architecture_of(row, "trained"))
    counted = count(architecture_of(row))
    assert trained.parameters == counted.parameters
    if architecture_of(row).input_size == 224:
        assert trained == counted


@pytest.mark.parametrize("ch", [1, 7, 32])
def test_layers_sum_to_the_whole(ch):
    network = describe(Architecture(ch=ch, input_size=57, skip_strides=1))
    assert sum((layer.cost for layer in layer_costs(network)), Cost()) == total_cost(network)


def test_the_sizes_after_the_strides():
    """31, 16 and 8 pixels as counted, 31, 15 and 7 as trained."""
    sizes = {
        padding: list(
            dict.fromkeys(
                node.shape[0]
                for node in describe(
                    Architecture(input_size=32, skip_strides=3, padding=padding)
                ).nodes
                if node.name.endswith("depthwise_bn") or node.name == "stem_bn"
            )
        )
        for padding in ("counted", "trained")
    }
    assert sizes == {"counted": [31, 16, 8], "trained": [31, 15, 7]}
