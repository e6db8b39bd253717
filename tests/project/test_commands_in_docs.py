"""Every command in the documentation is one: its name, its options and its make target exist.

Commands stand in blocks of code, in `code`, and in the comments of scripts and settings files. What
they are given (N, FOLDER, 5) is not looked at.
"""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kreproduce.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "docs/*.sh",
        "results/*.md",
        "configs/**/*.yaml",
        "Dockerfile",
    )
    for path in ROOT.glob(pattern)
)
GROUP = typer.main.get_command(app)
STARTS = re.compile(
    r"(?:[A-Z_]+=\S+ |nice -n \d+ |exec |srun |docker run .*?)*(?:\S*/)?(kreproduce|make)(?: (.*))?"
)
ENDS = {"|", "||", "&&", ";", ">", "2>", "\\", "…", "..."}
# Options of Slurm, taskset and pip.
OTHERS = {"--array", "--signal", "--cpu-list", "--constraint", "--editable"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_one(page):
    faults = {piece: fault_of(words) for piece, words in commands(page.read_text("utf-8"))}
    assert {piece: fault for piece, fault in faults.items() if fault} == {}


def test_every_page_of_commands_is_read():
    pages = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in PAGES}
    number = {page: len(list(commands(text))) for page, text in pages.items()}
    assert number["README.md"] > 20
    assert number["docs/training.md"] > 30
    assert number["docs/tables.md"] > 20
    assert number["docs/speed.md"] > 10
    assert number["docs/tutorial.md"] > 8
    assert number["docs/scaling.md"] > 25
    assert number["docs/slurm-array.sh"] == 3
    assert number["configs/cifar10-50epochs-baseline.yaml"] == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kreproduce swep 5", "swep"),
        ("kreproduce data fetch cifar10", "fetch"),
        ("kreproduce sweep 5 --job 2", "--job"),
        ("kreproduce sweep 5 --jobs", "--jobs"),
        ("nice -n 19 .venv/bin/kreproduce run cifar10 --chanels 4", "--chanels"),
        ("make sweep", "sweep"),
        ("make lint tests", "tests"),
        ("make sweep-5 SWEP=--jobs", "SWEP"),
        ("status --verfy", "--verfy"),
        ("--verfy", "--verfy"),
        ("make -C FOLDER tests", "tests"),
        ("make -C FOLDER tables", None),
        ("kreproduce plot frontier", None),
        ("make PYTHON=/usr/bin/python3.12 lint sweep-5 SWEEP='--jobs 2'", None),
        ("KERAS_BACKEND=jax kreproduce run …", None),
    ],
)
def test_what_is_no_command_is_found(text, fault):
    ((_, words),) = commands(f"Say `{text}`.\n")
    found = fault_of(words)
    assert found is None if fault is None else fault in found


def commands(text):
    """Each command in a text, as it stands there and as words."""
    text = text.replace("\\\n", " ")
    for piece in (*_lines(text), *_spans(text)):
        started = STARTS.fullmatch(piece)
        if started:
            yield piece, [started[1], *_words(started[2] or "")]
        elif piece.startswith("--") or (piece.split()[0] in GROUP.commands and " --" in piece):
            yield piece, ["kreproduce", *_words(piece)]


def _lines(text):
    """The lines of blocks that are indented or fenced, and what is indented in comments."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        match = re.match(r"(?: {4,}|#: |#   |(?=exec ))(\S.*)", line)
        if (match or fenced) and line.strip():
            piece = match[1] if match else line.strip()
            if STARTS.match(piece):
                yield re.sub(r" +# .*", "", piece)


def _spans(text):
    prose = re.sub(r"^(?:```.*?^```| {4,}\S.*?)$", "", text, flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", prose):
        yield " ".join(span.replace("\n#", "\n").split())


def _words(text):
    words = shlex.split(text.replace("[", "").replace("]", ""), comments=True)
    end = next((i for i, word in enumerate(words) if word in ENDS), len(words))
    return words[:end]


def fault_of(words):
    """What is wrong with a command, or None."""
    program, *arguments = words
    return _make(arguments) if program == "make" else _kreproduce(arguments)


def _make(arguments):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    variables = dict(re.findall(r"^(\w+) *[:?]?= *(.*)$", makefile, re.MULTILINE))
    used = {*variables, *re.findall(r"\$\((\w+)\)", makefile)}
    targets = [
        re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], target)
        for line in re.findall(r"^([^\s#=:][^=:\n]*):(?!=)", makefile, re.MULTILINE)
        for target in line.split()
    ]
    for word in arguments[2:] if arguments[:1] == ["-C"] else arguments:
        name, is_variable, _ = word.partition("=")
        if is_variable and name not in used:
            return f"no variable {name}"
        pattern = [re.escape(target).replace("%", ".+") for target in targets]
        if not is_variable and not any(re.fullmatch(one, word) for one in pattern):
            return f"no target {word}"
    return None


def _kreproduce(arguments):
    command = GROUP
    while arguments and not arguments[0].startswith("-") and hasattr(command, "commands"):
        name, *arguments = arguments
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    if arguments and command is GROUP:
        known = OTHERS | {opt for one in _all(GROUP) for opt in _options(one)} | {"--help"}
        given = [word.partition("=")[0] for word in arguments if word.startswith("-")]
        return next((f"no option {name}" for name in given if name not in known), None)
    try:
        command.make_parser(command.context_class(command)).parse_args(args=list(arguments))
    except typer.BadParameter.__mro__[1] as error:
        return error.format_message()
    return None


def _all(command):
    yield command
    for one in getattr(command, "commands", {}).values():
        yield from _all(one)


def _options(command):
    return [opt for one in command.params for opt in (*one.opts, *one.secondary_opts)]


def _trainings():
    """Each `kreproduce run` that needs no N, FOLDER or NAME, and no images or model of its own."""
    for page in PAGES:
        for _, words in commands(page.read_text("utf-8")):
            needs = [word for word in words if re.fullmatch(r"--data-dir|[A-Z]+|…|.*\.keras", word)]
            if words[:2] == ["kreproduce", "run"] and words[2:] and not needs:
                yield " ".join(words)


TRAININGS = sorted(set(_trainings()))


@pytest.mark.parametrize("command", TRAININGS)
def test_every_training_has_a_meaning(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, [*command.split()[1:], "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "# parameters: " in done.output


def test_trainings_are_found():
    assert "kreproduce run cifar10 --ch 32 --variant v1" in TRAININGS
    assert len(TRAININGS) > 10
