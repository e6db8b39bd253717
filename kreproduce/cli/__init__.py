"""The command line: each command parses, calls and prints."""

import io
import os
import sys

import typer

from kreproduce.cli import audit, data, network, run, sweep, table
from kreproduce.errors import KreproduceError

app = typer.Typer(
    name="kreproduce",
    help="Reproduce kEffNet-B0 V2 (Entropy 2022, 24, 1264).",
    epilog="Exit codes: 0 done, 1 a bug, 2 usage or settings, 3 data missing or damaged, "
    "4 diverged, 5 the disk cannot be written, 6 locked by another process, 7 a damaged or "
    "foreign run folder, 8 some runs failed, 9 the paper differs, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("network")(network.network)
app.command("table")(table.table)
app.command("audit")(audit.audit)
app.command("sweep")(sweep.sweep)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line; faults that the user can mend become one sentence and an exit code."""
    # TensorFlow writes about missing GPUs and processor features to standard error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know the "—" of a table
            stream.reconfigure(errors="replace")
    try:
        app()
    except KreproduceError as error:
        print(f"kreproduce: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
