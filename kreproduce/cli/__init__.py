"""The command line: each command parses, calls and prints."""

import contextlib
import logging
import os
from typing import Annotated

import typer

from kreproduce import __version__
from kreproduce.cli import (
    audit,
    bench,
    claims,
    compare,
    data,
    doctor,
    export,
    faults,
    network,
    plot,
    predict,
    report,
    run,
    show,
    status,
    streams,
    surroundings,
    sweep,
    table,
)
from kreproduce.cli.arguments import Command
from kreproduce.errors import ExitCode, SettingsError
from kreproduce.system.interruption import Interrupted

NAME = "kreproduce"

app = typer.Typer(
    name=NAME,
    help="Reproduce kEffNet-B0 V2 (Entropy 2022, 24, 1264).",
    epilog=f"Exit codes: {faults.EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:  # as where a shell asks how to complete the line
        print(f"kreproduce {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


app.command("run", cls=Command)(run.run)
app.command("network", cls=Command)(network.network)
app.command("table", cls=Command)(table.table)
app.command("audit", cls=Command)(audit.audit)
app.command("claims", cls=Command)(claims.claims)
app.command("report", cls=Command)(report.report)
app.command("compare", cls=Command)(compare.compare)
app.command("show", cls=Command)(show.show)
app.command("predict", cls=Command)(predict.predict)
app.command("export", cls=Command)(export.export)
app.command("sweep", cls=Command)(sweep.sweep)
app.add_typer(bench.app, name="bench")
app.command("doctor", cls=Command)(doctor.doctor)
app.command("status", cls=Command)(status.status)
app.add_typer(data.app, name="data")
app.add_typer(plot.app, name="plot")


def main() -> None:
    """Run the command line; faults that the user can mend become one sentence and an exit code.

    Raises:
        SystemExit: with the exit code.
    """
    # TensorFlow writes about missing GPUs and processor features to standard error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    streams.prepare()
    log = logging.getLogger("kreproduce")
    log.handlers, log.propagate = [faults.Warnings()], False  # not as TensorFlow would say it
    code = 0
    try:
        with faults.explained():
            surroundings.check()
            # What is raised is explained here; by itself Typer would end with 1 for some of it.
            # The name is given, for it is in messages and in the variable that completion goes by.
            code = app(prog_name=NAME, standalone_mode=False) or 0
            if code == ExitCode.BUG:  # Typer's own, to --install-completion and --show-completion
                raise SettingsError(
                    "there is no completion for this shell; start bash, zsh or fish, and give the "
                    "command there"
                )
            streams.flush()
    finally:
        with contextlib.suppress(OSError, Interrupted):  # something has been said already
            streams.flush()
    raise SystemExit(code)
