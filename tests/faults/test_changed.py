"""A run that is gone on with under other conditions: refused or warned of, field by field."""

import json
import shutil

import pytest
from faults.outcome import folder_of, outcome
from faults.real import SETTINGS, STEPS, run
from faults.toy import Toy, train

from kreproduce.errors import StateError
from kreproduce.experiment.settings import Experiment
from kreproduce.runs import checkpoint
from kreproduce.runs.checkpoint import Checkpoint

OTHER = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    float: lambda value: value / 2 or 0.5,
    str: lambda value: f"{value}x",
    dict: lambda value: value | {"zoom": 0.9},
    type(None): lambda value: 1,
}


class BrokenError(Exception):
    pass


@pytest.fixture
def begun(tmp_path):
    """A small training that broke in its second epoch, behind a checkpoint."""
    with pytest.raises(BrokenError):
        train(tmp_path, Breaking())
    return tmp_path


class Breaking(Toy):
    """Goes no further than to the second epoch's first pause."""

    def fit(self, epoch, step, rate, ended):
        if (epoch, step) == (1, 2):
            raise BrokenError
        super().fit(epoch, step, rate, ended)


@pytest.mark.parametrize("field", sorted(Experiment.model_fields))
def test_settings_that_were_changed(field, begun):
    path = folder_of(begun) / "settings.json"
    settings = json.loads(path.read_text())
    before, settings[field] = settings[field], OTHER[type(settings[field])](settings[field])
    path.write_text(json.dumps(settings))
    with pytest.raises(StateError) as refused:
        train(begun)
    said = f"{folder_of(begun)}: its settings.json has {field} {settings[field]!r}, and this run "
    assert str(refused.value).startswith(said + repr(before))
    assert str(refused.value).endswith("restore it, or start from scratch with --force")


def test_the_command_refuses_changed_settings(kreproduce, begun):
    path = folder_of(begun) / "settings.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 9'))
    result = kreproduce("run", "digits", "--epochs", 3, "--results", begun)
    assert (result.code, "tensorflow" in result.imported) == (7, False)
    assert "its settings.json has seed 9, and this run 1; restore it" in result.message


def test_unchanged_settings_are_gone_on_with(begun):
    done = train(begun)
    assert done.by == "this run"
    assert [(one.epoch, one.step) for one in done.record.sessions] == [(0, 0), (1, 2)]
    assert train(begun).by == "an earlier run"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A real run that was interrupted in its second epoch."""
    results = tmp_path_factory.mktemp("interrupted") / "results"
    end = run(results, do="term", call="kreproduce.training.console:Report.step", nth=STEPS + 4)
    assert end.code == 143, end
    return results


def rewritten(interrupted, results, change):
    """A copy of the interrupted run, its newest checkpoint changed."""
    shutil.copytree(interrupted, results)
    folder = folder_of(results) / "checkpoints"
    found, _ = checkpoint.newest(folder)
    for path in checkpoint.listed(folder):
        path.unlink()
    facts, arrays = json.loads(json.dumps(found.facts)), dict(found.arrays)
    change(facts, arrays)
    checkpoint.save(folder, Checkpoint(found.epoch, found.step, facts, arrays))
    return results


def other_images(facts, arrays):
    facts["witness"]["fingerprint"] = "0" * 64


def other_experiment(facts, arrays):
    facts["witness"]["identity"] = "00000000"


def other_layout(facts, arrays):
    facts["version"] = 0


def other_shape(facts, arrays):
    name = next(name for name in arrays if name.startswith("weights/"))
    arrays[name] = arrays[name][..., :-1]


def other_name(facts, arrays):
    name = next(name for name in arrays if name.startswith("optimizer/"))
    arrays[f"{name}x"] = arrays.pop(name)


REFUSED = {
    other_images: "its checkpoint has another fingerprint (" + "0" * 64 + ", and now ",
    other_experiment: "its checkpoint has another identity (00000000, and now ",
    other_layout: "its checkpoint is of another version of kreproduce; --force starts from scratch",
    other_shape: "its checkpoint is of another network or another version of Keras (",
    other_name: "its checkpoint is of another network or another version of Keras (",
}


@pytest.mark.faults
@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_a_checkpoint_of_another_run(change, interrupted, tmp_path, tally):
    results = rewritten(interrupted, tmp_path / "results", change)
    end = run(results)
    assert end.code == 7, end
    assert REFUSED[change] in end.message
    assert len(checkpoint.listed(folder_of(results) / "checkpoints")) == 1
    tally("a checkpoint of another run")


@pytest.mark.faults
def test_other_versions_are_warned_of_field_by_field(interrupted, reference, tmp_path, tally):
    def older(facts, arrays):
        session = facts["sessions"][-1]
        session["code"]["commit"] = "0123abc"
        session["conditions"]["versions"]["keras"] = "3.0.0"
        session["conditions"]["devices"] = ["a small one"]

    end = run(rewritten(interrupted, tmp_path / "results", older))
    assert end.code == 0, end
    warned = "\n".join(end.warnings)
    for part in (
        "the commit was 0123abc and is ",
        "the version of keras was 3.0.0 and is ",
        "devices was ['a small one'] and is ",
    ):
        assert f"kreproduce: warning: {part}" in warned
    assert warned.count("; the result may differ from that of one go") == len(end.warnings) == 3
    assert outcome(tmp_path / "results") == reference.outcome
    tally("another version of code or Keras", 3)


@pytest.mark.faults
def test_the_way_to_show_the_result_may_change(interrupted, reference, tmp_path):
    shutil.copytree(interrupted, tmp_path / "results")
    end = run(tmp_path / "results", "--hflip")
    assert end.code == 0, end
    assert (end.warnings, SETTINGS[0] in end.said) == ([], False)
    assert "% with H flip" in end.said
    assert outcome(tmp_path / "results") == reference.outcome
