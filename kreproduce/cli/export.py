"""`kreproduce export`: a trained network as a file that other runtimes take."""

from pathlib import Path
from typing import Annotated

import typer

from kreproduce.cli import completion
from kreproduce.errors import SettingsError
from kreproduce.export.formats import FORMATS, absent, chosen
from kreproduce.system.interruption import Interruptions


def export(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A finished run's name or folder.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="Of the file.",
            autocompletion=completion.among(*FORMATS),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Default: exports/RUN/FORMAT/model with the format's suffix. MODEL_CARD.md is "
            "written beside it.",
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            metavar="int8|float16",
            help="Smaller weights, of litert.",
            autocompletion=completion.among("int8", "float16"),
        ),
    ] = None,
    check: Annotated[
        int | None,
        typer.Option(min=1, help="Run the file on so many test images; default: all."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(readable=False, help="Same as for `run`.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write over what is there; keep quantised weights that lose over two points.",
        ),
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Print the formats, and what each needs.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Where runs are recorded.")] = Path("results"),
) -> None:
    """Export a trained network, and run the file on test images by its own runtime.

    The preprocessing and the class names are inside: it takes images of 0 to 255.
    """
    if listed:
        _print_formats()
        return
    if run is None:
        raise SettingsError("name the run to export, as `kreproduce status` does; or say --list")
    wanted = chosen(format_, quantize)
    from kreproduce.data import sources
    from kreproduce.export import exporting
    from kreproduce.runs.find import find_run
    from kreproduce.runs.integrity import finished

    folder = find_run(run, results)
    record, _ = finished(folder)
    kind = f"{wanted.name}-{quantize}" if quantize else wanted.name
    default = Path("exports") / folder.name / kind / f"model{wanted.suffix}"
    request = exporting.Request(
        folder,
        wanted,
        quantize,  # type: ignore[arg-type]  # `chosen` refuses all others
        output or default,
        sources.locate(record.settings.dataset, data_dir),
        check,
        force,
    )
    with Interruptions():
        exported = exporting.export(request)
    checked = exported.checked
    print(f"wrote {request.output} ({exported.size / 1e6:,.2f} MB), and MODEL_CARD.md beside it")
    print(
        f"  {wanted.runtime}: accuracy {checked.accuracy:.2%} on {checked.images:,} test images, "
        f"where the run's network has {checked.expected:.2%}"
    )
    print(f"  recorded: {record.accuracy():.2%} on {record.data.test:,} test images")
    print(f"  largest difference of probabilities: {checked.difference:.1e}")


def _print_formats() -> None:
    for known in FORMATS.values():
        missing = absent(known)
        extra = f"pip install 'kreproduce[{known.extra}]'" if known.extra else "nothing more"
        here = f"missing here: {', '.join(missing)}" if missing else "installed"
        print(f"{known.name} ({known.suffix or 'a folder'}), run by {known.runtime}")
        print(f"  needs {extra} ({here})")
        if known.quantized:
            print(f"  --quantize {' or '.join(known.quantized)}")
        print(f"  {known.limits}")
