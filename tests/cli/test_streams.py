"""Standard streams that are closed, full, or that nobody reads."""

import os
import subprocess
import sys

import pytest

COMMANDS = [
    ["--help"],
    ["run", "--help"],
    ["data", "--help"],
    ["run", "digits", "--dry-run"],
    ["network", "--ch", "4"],
    ["network", "--ch", "4", "--json"],
    ["table", "1"],
    ["table", "all", "--format", "json"],
    ["audit"],
    ["audit", "--json"],
    ["status"],
    ["status", "--json"],
    ["claims"],
    ["claims", "--format", "json"],
    ["claims", "--format", "report"],
    ["plot", "--help"],
    ["plot", "frontier"],
    ["doctor", "--gpu"],
    ["sweep", "5", "--dry-run"],
    ["data", "check", "digits"],
]


def run(folder, *arguments, closed=(), unbuffered=False, **streams):
    """A command with standard streams as given, or without them: its exit code and its message."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"HOME": str(folder)} | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {})

    def close():
        for number in closed:
            os.close(number)

    done = subprocess.run(
        [sys.executable, "-m", "kreproduce", *arguments],
        cwd=folder,
        env=environment,
        check=False,
        preexec_fn=close if closed else None,
        **{"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL} | streams,
    )
    return done.returncode, (done.stderr or b"").decode()


@pytest.fixture
def unread():
    """The end of a pipe that nobody reads, as after `| head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_is_gone(tmp_path, unread, arguments):
    assert run(tmp_path, *arguments, stdout=unread) == (141, "")


def test_a_reader_that_is_gone_from_what_is_not_buffered(tmp_path, unread):
    assert run(tmp_path, "network", "--ch", "4", stdout=unread, unbuffered=True) == (141, "")


@pytest.mark.parametrize("unbuffered", [True, False])
def test_a_warning_is_not_kept_until_the_end(tmp_path, unbuffered):
    """What is killed has said what it said."""
    script = (
        "import os, sys; from kreproduce.cli import streams; streams.prepare()\n"
        "print('a warning', file=sys.stderr); os._exit(9)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-c", script],
            env=environment | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {}),
            stderr=log,
            check=False,
        )
    assert (tmp_path / "log").read_text() == "a warning\n"


def test_a_refusal_that_nobody_reads(tmp_path, unread):
    assert run(tmp_path, "run", "cifar11", stderr=unread)[0] == 2


@pytest.mark.parametrize("unbuffered", [True, False])
@pytest.mark.parametrize(
    "arguments", [["--help"], ["status"], ["network", "--ch", "4"], ["claims"]]
)
def test_a_full_disk_behind_the_output(tmp_path, arguments, unbuffered):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        code, message = run(tmp_path, *arguments, stdout=full, unbuffered=unbuffered)
    assert (code, message) == (5, "kreproduce: standard output: No space left on device\n")


def test_a_closed_output_is_said_and_gets_no_file(tmp_path):
    code, message = run(tmp_path, "status", closed=[1], stdout=None)
    assert code == 0
    assert message.startswith("kreproduce: warning: standard output is closed")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("closed", [[0], [2], [0, 2], [0, 1, 2]], ids=str)
def test_other_closed_streams_change_nothing(tmp_path, closed):
    streams = {"stdin": None, "stderr": None} | ({"stdout": None} if 1 in closed else {})
    assert run(tmp_path, "table", "1", closed=closed, **streams)[0] == 0
    assert run(tmp_path, "claims", closed=closed, **streams)[0] == 0
    assert run(tmp_path, "run", "cifar11", closed=closed, **streams)[0] == 2


def test_the_next_file_is_no_standard_stream(tmp_path):
    script = (
        "import os; [os.close(number) for number in range(3)]\n"
        "from kreproduce.cli import streams; streams.prepare()\n"
        "print('lost'); raise SystemExit(os.open(os.devnull, os.O_RDONLY))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    assert done.returncode == 3
