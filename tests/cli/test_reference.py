"""docs/cli.md says what `--help` says."""

import re
from pathlib import Path

import typer

from kreproduce.cli import NAME, app, reference
from kreproduce.errors import ExitCode

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")


def helps(command, path=NAME, parent=None):
    """The arguments and options that `--help` prints, by command."""
    ctx = typer.Context(command, info_name=path.split()[-1], parent=parent, terminal_width=1000)
    text = command.get_help(ctx).partition("\nCommands:")[0]
    found = re.findall(r"^  (\S.*?)(?:  +|\n {4,})(\S.*)$", text, re.MULTILINE)
    yield path, {(called, " ".join(meaning.split())) for called, meaning in found}
    for name, inner in getattr(command, "commands", {}).items():
        yield from helps(inner, f"{path} {name}", ctx)


def test_the_page_is_that_of_these_commands():
    same = reference.markdown() == PAGE
    assert same, "docs/cli.md is not what the commands are: `make reference` writes it again"


def test_every_command_has_on_it_what_its_help_prints():
    sections = re.findall(r"^###? (kreproduce.*)\n([^#]+)", PAGE.replace("\\*", "*"), re.MULTILINE)
    help_itself = ("--help", "Show this message and exit.")
    listed = {
        path: {help_itself, *re.findall(r"^- `(.*?)`: (.*)$", text, re.MULTILINE)}
        for path, text in sections
    }
    assert listed == dict(helps(typer.main.get_command(app)))
    assert sum(map(len, listed.values())) > 150


def test_a_command_that_changes_changes_the_page(monkeypatch):
    (run,) = [one for one in app.registered_commands if one.name == "run"]
    monkeypatch.setattr(run, "help", "Do something else.")
    assert reference.markdown() != PAGE
    assert "Do something else." in reference.markdown()


def test_every_exit_code_is_on_it():
    codes = re.findall(r"^- ([\d, and]+): ", PAGE, re.MULTILINE)
    numbers = [int(number) for code in codes for number in re.findall(r"\d+", code)]
    assert numbers == [*ExitCode, 130, 143, 138, 141]
