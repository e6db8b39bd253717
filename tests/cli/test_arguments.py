"""Empty values, files for folders and numbers without a meaning, whatever the option is."""

import pytest
import typer

from kreproduce.cli import app
from kreproduce.errors import SettingsError


def commands(command, path=()):
    """Every command of the command line, as (words, Click's command)."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(path, command)]
    return [found for name, one in inner.items() for found in commands(one, (*path, name))]


def lines():
    """Each command with each of its parameters that takes a value, the value left open."""
    for words, command in commands(typer.main.get_command(app)):
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                yield [*words]
            elif not parameter.is_flag:
                yield [*words, parameter.opts[0]]


LINES = [*lines()]


def refused(*line):
    with pytest.raises(SettingsError) as refusal:
        app([*line], standalone_mode=False)
    return str(refusal.value)


def test_there_are_such_lines():
    assert len(LINES) > 50
    assert ["run", "--results"] in LINES
    assert ["data", "show", "--output"] in LINES
    assert ["sweep"] in LINES


@pytest.mark.parametrize("empty", ["", " ", "\t"])
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_an_empty_value(line, empty):
    message = refused(*line, empty)
    assert message.startswith(line[-1] if line[-1].startswith("--") else "")
    assert " is empty; give it a value" in message


def test_the_second_of_several_values():
    assert "--set '' is empty" in refused("run", "digits", "--set", "ch=4", "--set", "")
    assert "is empty" in refused("sweep", "5", "", "--dry-run")


@pytest.mark.parametrize(
    "line", [line for line in LINES if line[-1] == "--results"], ids=lambda line: line[0]
)
def test_a_file_where_results_are_wanted(line, tmp_path):
    (tmp_path / "file").write_text("no folder")
    message = refused(*line, str(tmp_path / "file"))
    assert message.startswith("--results '")
    assert "is not a folder" in message


WITHOUT_A_MEANING = {
    "pixels of the bench": (["bench", "memory", "--input-size", "0"], "input_size: 0 is refused"),
    "images of the bench": (["bench", "table", "--batch", "-1"], "batch_size: -1 is refused"),
    "runs at a time": (["sweep", "5", "--jobs", "99999999999"], "--jobs 99999999999: at most"),
    "a share of no number": (
        ["sweep", "5", "--ray", "auto", "--gpus-per-run", "nan"],
        "--gpus-per-run nan: a run takes",
    ),
    "a share without an end": (
        ["sweep", "5", "--ray", "auto", "--gpus-per-run", "inf"],
        "--gpus-per-run inf: a run takes",
    ),
    "epochs": (["run", "digits", "--epochs", "9" * 30], "epochs: 9"),
    "no number": (["run", "digits", "--set", "bn_momentum=nan"], "bn_momentum: 'nan' is refused"),
    "no end": (["run", "digits", "--set", "cycle=1e400"], "cycle: inf is refused"),
}


@pytest.mark.parametrize(
    ("line", "message"), WITHOUT_A_MEANING.values(), ids=list(WITHOUT_A_MEANING)
)
def test_a_number_without_a_meaning(line, message):
    assert message in refused(*line)


LONG = "many words of a user's " * 200
QUOTING = {
    "a dataset": ["run", LONG],
    "a setting": ["run", "digits", "--set", f"{LONG}=1"],
    "no setting": ["run", "digits", "--set", LONG],
    "a value": ["run", "digits", "--set", f"epochs={LONG}"],
    "no YAML": ["run", "digits", "--set", f"epochs=[{LONG}"],
    "a tag": ["run", "digits", "--set", f"epochs=!{LONG.replace(' ', '_')} 1"],
    "a file": ["run", f"{LONG}.yaml"],
    "a variant": ["run", "digits", "--variant", LONG],
    "images' name": ["run", "digits", "--data-name", LONG],
    "a table": ["table", LONG],
    "a format": ["table", "5", "--format", LONG],
    "other images": ["table", "5", "--data", LONG],
    "a target": ["sweep", LONG],
    "a row": ["sweep", "5", "--only", LONG],
    "a shard": ["sweep", "5", "--shard", LONG],
    "seeds": ["sweep", "5", "--seeds", LONG],
    "a cluster": ["sweep", "5", "--ray", LONG],
    "a network": ["bench", "steps", LONG],
    "a way to compute": ["bench", "parallel", f"v2-32ch:{LONG.replace(' ', '_')}"],
    "runs in parallel": ["bench", "parallel", "--runs", LONG],
    "a half": ["bench", "steps", "--only", LONG],
    "results": ["status", "--results", LONG],
}


@pytest.mark.parametrize("line", QUOTING.values(), ids=list(QUOTING))
def test_what_a_user_gave_is_cut(line):
    assert len(refused(*line)) < 620
    assert LONG[:250] not in refused(*line)
