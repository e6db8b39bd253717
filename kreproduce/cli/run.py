"""`kreproduce run`: train, test and record one experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreproduce.cli import completion
from kreproduce.cli.arguments import CH_HELP
from kreproduce.cli.download import Download
from kreproduce.experiment.recipes import RECIPES
from kreproduce.network import channels
from kreproduce.system import quiet
from kreproduce.text import alternatives

if TYPE_CHECKING:
    from kreproduce.experiment.settings import Experiment
    from kreproduce.training.record import Cost

Setting = dict[str, Any]


def run(
    target: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|FILE.yaml",
            help=f"{alternatives(RECIPES)}; with --data-dir any name; or a file of settings.",
            autocompletion=completion.datasets,
        ),
    ],
    variant: Annotated[
        str | None,
        typer.Option(help="baseline, v1 or v2 (default).", autocompletion=completion.variants),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="B0 (default) to B7.", autocompletion=completion.sizes)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Another network than the paper's: keras:NAME, of keras.applications, or "
            "FILE.keras; as it is without --ch.",
        ),
    ] = None,
    ch: Annotated[str | None, typer.Option(metavar="CH", help=CH_HELP)] = None,
    no_l: Annotated[bool, typer.Option("--no-l", help="Leave out layer L.")] = False,
    relu: Annotated[bool, typer.Option("--relu", help="ReLU instead of swish.")] = False,
    hflip: Annotated[
        bool, typer.Option("--hflip", help="Headline: each test image and its mirror image.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(help="Default: the paper's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: 1.")] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="auto (default), float32, mixed_float16, mixed_bfloat16.",
            autocompletion=completion.precisions,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Take only so many training images; never in a table.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            readable=False,  # `check_folder` says it in one sentence
            help="A folder of images (train, test and perhaps val/CLASS/*, or CLASS/*), or of a "
            "prepared file or of TFDS.",
        ),
    ] = None,
    data_name: Annotated[
        str | None, typer.Option(help="What to call images that are not the original ones.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other setting.",
            autocompletion=completion.settings,
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be run, and do nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start over, discarding any earlier progress.")
    ] = False,
    devices: Annotated[
        str,
        typer.Option(
            metavar="all|N|LIST|cpu",
            help="GPUs that share each batch, say 2 or 0,3; or the CPU.",
            autocompletion=completion.among("all", "cpu"),
        ),
    ] = "all",
    sync_bn: Annotated[
        bool,
        typer.Option("--sync-bn", help="Normalise over the whole batch, not each GPU's share."),
    ] = False,
    deterministic: Annotated[
        bool | None,
        typer.Option(
            "--deterministic/--fast",
            help="Equal weights in equal runs, or speed; default: equal on a CPU, fast on a GPU.",
        ),
    ] = None,
) -> None:
    """Train, test and record one experiment."""
    given: dict[str, Any] = {
        "variant": variant,
        "size": size,
        "model": model,
        "ch": None if ch is None else channels.parse(ch),
        "layer_l": False if no_l else None,
        "activation": "relu" if relu else None,
        "hflip": True if hflip else None,
        "epochs": epochs,
        "seed": seed,
        "precision": precision,
        "limit": limit,
        "data_name": data_name,
    }
    flags = {key: value for key, value in given.items() if value is not None}
    from kreproduce.training.request import resolve_request

    experiment, location, hflip = resolve_request(target, flags, overrides or [], data_dir)
    if dry_run:
        _print_plan(experiment, hflip, results)
        return
    from kreproduce.training.console import summary
    from kreproduce.training.run_experiment import run_experiment

    done = run_experiment(
        experiment,
        location,
        results,
        force=force,
        devices=devices,
        sync_batch_norm=sync_bn,
        deterministic=deterministic,
        download=_download,
    )
    print("\n".join(summary(done.record, hflip=hflip)))
    if done.by == "an earlier run":
        print("it was finished before; --force runs it again")
    elif done.by == "another process":
        print("another process has just finished it")
    else:
        print(f"  recorded in {results / 'runs' / experiment.run_name}")


def _download(dataset: str) -> None:
    """Get a dataset that is not there yet, and show how many bytes have come."""
    from kreproduce.data import prepare

    with Download(dataset) as download:
        prepare.prepare(dataset, watch=download)


def _cost(experiment: "Experiment") -> "Cost":
    """Return what an experiment's network costs; another than the paper's is built for it."""
    from kreproduce.training.record import cost_of

    if experiment.model is None:
        return cost_of(experiment)
    with quiet.silence_stderr():
        from kreproduce.training.other_model import OtherModel
    return OtherModel(experiment, "auto").cost


def _print_plan(experiment: "Experiment", hflip: bool, results: Path) -> None:
    """Print the resolved settings, what the network costs, and where the run would be recorded."""
    import yaml

    from kreproduce.runs.folder import RunFolder

    cost = _cost(experiment)
    print(yaml.safe_dump(experiment.model_dump() | {"hflip": hflip}, sort_keys=False).rstrip())
    print(f"# parameters: {cost.parameters:,}")
    passes, how = (2, " (two passes: H flip)") if hflip else (1, "")
    print(f"# computations, as the paper counts: {passes * cost.computations:,}{how}")
    if cost.computations_trained != cost.computations:
        trained = passes * cost.computations_trained
        print(f"# computations of the network as trained: {trained:,}{how}")
    print(f"# run folder: {RunFolder(results, experiment).path}")
