"""`kreproduce network`: a network layer by layer, and what the method makes of any model."""

import json
from typing import Annotated, Any

import typer

from kreproduce.cli import completion
from kreproduce.cli.arguments import CH_HELP
from kreproduce.errors import SettingsError
from kreproduce.network import channels
from kreproduce.system import quiet


def network(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A model to group: keras:NAME, of keras.applications, or FILE.keras; default: the "
            "paper's network.",
        ),
    ] = None,
    ch: Annotated[str | None, typer.Option(metavar="CH", help=CH_HELP)] = None,
    variant: Annotated[
        str | None,
        typer.Option(help="baseline, v1 or v2 (default).", autocompletion=completion.variants),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Layers of MODEL to keep; may be given again."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="B0 (default) to B7.", autocompletion=completion.sizes)
    ] = None,
    no_l: Annotated[bool, typer.Option("--no-l", help="Leave out layer L.")] = False,
    relu: Annotated[bool, typer.Option("--relu", help="ReLU instead of swish.")] = False,
    classes: Annotated[
        int | None, typer.Option(help="Outputs of the classifier; default: 10.")
    ] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Pixels of a side; default: the network's own.")
    ] = None,
    skip_strides: Annotated[
        int | None, typer.Option(help="First strides to skip; 3 on CIFAR-10's 32x32.")
    ] = None,
    padding: Annotated[
        str | None,
        typer.Option(
            help="Of odd sizes: as the paper counted (default), or trained.",
            autocompletion=completion.paddings,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a network layer by layer: groups, filters, parameters and computations."""
    number = None if ch is None else channels.parse(ch)
    papers = {"size": size, "skip_strides": skip_strides, "padding": padding}
    if model is None:
        if keep:
            raise SettingsError("--keep is for a MODEL; name one, as in keras:MobileNetV2")
        given = {key: value for key, value in papers.items() if value is not None}
        _papers_network(
            {"padding": "counted", "classes": 10 if classes is None else classes} | given,
            {"ch": number, "variant": variant},
            {"layer_l": False} if no_l else {},
            {"activation": "relu"} if relu else {},
            input_size=input_size,
            as_json=as_json,
        )
        return
    wrong = [f"--{key.replace('_', '-')}" for key, value in papers.items() if value is not None]
    wrong += ["--relu"] if relu else []
    if wrong:
        raise SettingsError(f"{wrong[0]} is for the paper's network, not for a MODEL; leave it out")
    if number is None:
        raise SettingsError("say how many channels a group has, as in --ch 16")
    with quiet.silence_stderr():
        from kreproduce.network.any_model import sources
        from kreproduce.network.any_model.group import grouping_report

    report = grouping_report(
        sources.find(model, classes, input_size),
        ch=number,  # type: ignore[arg-type]
        keep=keep or (),
        layer_l=not no_l,
        variant=variant or "v2",  # type: ignore[arg-type]
    )
    print(json.dumps(report.as_json(), indent=2) if as_json else report)


def _papers_network(*layers: dict[str, Any], input_size: int | None, as_json: bool) -> None:
    from kreproduce.experiment.settings import resolve
    from kreproduce.network.architecture import SCALINGS
    from kreproduce.network.description import describe
    from kreproduce.network.layer_table import json_table, print_table

    given = {key: value for layer in layers for key, value in layer.items() if value is not None}
    scaling = SCALINGS.get(given.get("size", "B0"))
    default = scaling.input_size if scaling else 224  # an unknown size is refused below
    experiment = resolve(
        {"dataset": "cifar10", "skip_strides": 0},
        {"input_size": default if input_size is None else input_size},
        given,
    )
    described = describe(experiment.architecture)
    if as_json:
        print(json.dumps(json_table(described), indent=2))
    else:
        print_table(described)
