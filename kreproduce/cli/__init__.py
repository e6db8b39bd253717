"""The command line: each command parses, calls and prints."""

import io
import logging
import os
import sys

import typer

from kreproduce.cli import audit, bench, compare, data, faults, network, run, status, sweep, table

app = typer.Typer(
    name="kreproduce",
    help="Reproduce kEffNet-B0 V2 (Entropy 2022, 24, 1264).",
    epilog=f"Exit codes: {faults.EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("network")(network.network)
app.command("table")(table.table)
app.command("audit")(audit.audit)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.command("bench")(bench.bench)
app.command("status")(status.status)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; faults that the user can mend become one sentence and an exit code."""
    # TensorFlow writes about missing GPUs and processor features to standard error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know the "—" of a table
            stream.reconfigure(errors="replace")
    log = logging.getLogger("kreproduce")
    log.handlers, log.propagate = [faults.Warnings()], False  # not as TensorFlow would say it
    with faults.explained():
        app()
