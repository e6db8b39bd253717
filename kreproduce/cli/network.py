"""`kreproduce network`: what a network is, layer by layer."""

import json
from typing import Annotated, Any

import typer

from kreproduce.cli import completion


def network(
    ch: Annotated[int | None, typer.Option(help="Channels per group, Ch.")] = None,
    variant: Annotated[
        str | None,
        typer.Option(help="baseline, v1 or v2 (default).", autocompletion=completion.variants),
    ] = None,
    size: Annotated[str, typer.Option(help="B0 to B7.", autocompletion=completion.sizes)] = "B0",
    no_l: Annotated[bool, typer.Option("--no-l", help="Leave out layer L.")] = False,
    relu: Annotated[bool, typer.Option("--relu", help="ReLU instead of swish.")] = False,
    classes: Annotated[int, typer.Option(help="Outputs of the classifier.")] = 10,
    input_size: Annotated[
        int | None, typer.Option(help="Pixels of a side; default: the size's own.")
    ] = None,
    skip_strides: Annotated[
        int, typer.Option(help="First strides to skip; 3 on CIFAR-10's 32x32.")
    ] = 0,
    padding: Annotated[
        str,
        typer.Option(
            help="Of odd sizes: as the paper counted, or trained.",
            autocompletion=completion.paddings,
        ),
    ] = "counted",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a network layer by layer: groups, filters, parameters and computations."""
    from kreproduce.experiment.settings import resolve
    from kreproduce.network.architecture import SCALINGS
    from kreproduce.network.description import describe
    from kreproduce.network.layer_table import json_table, print_table

    chosen: dict[str, Any] = {"ch": ch, "variant": variant}
    settings = {key: value for key, value in chosen.items() if value is not None}
    settings |= {"layer_l": False} if no_l else {}
    settings |= {"activation": "relu"} if relu else {}
    scaling = SCALINGS.get(size)  # type: ignore[call-overload]
    default = scaling.input_size if scaling else 224  # an unknown size is refused below
    experiment = resolve(
        {"dataset": "cifar10", "size": size, "padding": padding, "classes": classes},
        {
            "input_size": default if input_size is None else input_size,
            "skip_strides": skip_strides,
        },
        settings,
    )
    described = describe(experiment.architecture)
    if as_json:
        print(json.dumps(json_table(described), indent=2))
    else:
        print_table(described)
