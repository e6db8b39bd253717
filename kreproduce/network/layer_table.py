"""A network's description as a table, one row per layer of the architecture."""

from typing import Any

from kreproduce.network import operations as op
from kreproduce.network.cost import LayerCost, count, layer_costs
from kreproduce.network.description import Network
from kreproduce.network.grouping import Grouping

_GROUPS = ("g_k1", "fg_k1", "g_k2", "fg_k2", "g_l1", "fg_l1", "g_l2", "fg_l2")


def rows(network: Network) -> list[dict[str, Any]]:
    """Return one row per layer: inputs, outputs, the groups of K and L (Table 1), and the cost.

    "computations" is half the operations and may end in .5; the paper rounds only the total.
    """
    return [_row(layer) for layer in layer_costs(network)]


def json_table(network: Network) -> dict[str, Any]:
    """Return the rows, the totals and the input, for `--json`."""
    cost = count(network.architecture)
    return {
        "input": list(network.input_shape),
        "layers": rows(network),
        "parameters": cost.parameters,
        "untrainable_parameters": cost.untrainable,
        "computations": cost.computations,
    }


def print_table(network: Network) -> None:
    """Print the rows and the totals."""
    from rich.console import Console
    from rich.table import Table

    names = ["layer", "ic", "f", "ch", *_GROUPS, "parameters", "computations"]
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name == "layer" else "right", no_wrap=True)
    table_rows = rows(network)
    for row in table_rows:
        table.add_row(*(_text(row[name]) for name in names))
    console = Console()
    # A table is wider than most terminals; in a pipe it must not be cut.
    console.width = max(console.width, 140)
    console.print(table)
    cost = count(network.architecture)
    height, width, _ = network.input_shape
    console.print(
        f"{cost.parameters:,} parameters, {cost.computations:,} computations "
        f"on a {height}x{width} input"
    )


def _row(layer: LayerCost) -> dict[str, Any]:
    first, last = layer.nodes[0], layer.nodes[-1]
    row: dict[str, Any] = {
        "layer": layer.layer,
        "ic": first.input_shape[-1],
        "f": last.shape[-1],
        "ch": None,
        **dict.fromkeys(_GROUPS),
        "output": list(last.shape),
        "parameters": layer.cost.parameters,
        "computations": layer.cost.operations / 2,
    }
    grouped = [
        node.operation.grouping
        for node in layer.nodes
        if isinstance(node.operation, op.GroupedPointwise)
    ]
    for path, grouping in zip("kl", grouped, strict=False):
        row |= _groups(path, grouping)
    if grouped:
        row["ch"] = grouped[0].group_channels
    return row


def _groups(path: str, grouping: Grouping) -> dict[str, int]:
    return {
        f"g_{path}1": grouping.groups,
        f"fg_{path}1": grouping.filters_per_group,
        f"g_{path}2": grouping.remainder,
        f"fg_{path}2": 1 if grouping.remainder else 0,
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (
        f"{value:,g}"
        if isinstance(value, float) and value < 1e5
        else (value if isinstance(value, str) else f"{value:,.1f}".removesuffix(".0"))
    )
