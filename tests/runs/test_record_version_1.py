"""The record that every later version has to read, and what keys added later may do to it."""

import json
from pathlib import Path

import pytest
from helpers.recorded import record_of

from kreproduce.experiment.settings import Experiment, resolve
from kreproduce.runs import records
from kreproduce.runs.records import Record, read_predictions, read_record

RESULTS = Path(__file__).parent / "version-1"


@pytest.fixture
def run():
    (folder,) = (RESULTS / "runs").iterdir()
    return folder


def test_it_is_read(run):
    """As it was written by the first version, by a run of a minute on the digits."""
    record = read_record(run)
    assert isinstance(record, Record), record
    assert record.run == run.name == f"digits-v2-16ch-1epochs-{record.identity}"
    assert record.settings.identity == record.identity == "083b44e1"
    assert (record.data.train, record.data.validation, record.data.test) == (60, 10, 10)
    assert record.data.fingerprint.startswith("bdcf5c90805b6abf")
    assert record.conditions.optimizer.formula.startswith("v = 0.9 * v + 0.1 * g**2")
    assert read_predictions(run, record).accuracy() == record.accuracy() == 0.1
    assert record.partial
    assert record.code.dirty is False


def test_it_is_written_again_as_it_was(run):
    """But for the settings that came later, which are added at their defaults."""
    before = (run / "record.json").read_bytes()
    written = json.loads(before)
    values = json.loads(read_record(run).encoded())
    for name in values["settings"].keys() - written["settings"].keys():
        assert values["settings"].pop(name) == Experiment.model_fields[name].default
    del values["checksum"]
    values["checksum"] = records.checksum(values)
    assert (json.dumps(values, indent=2) + "\n").encode() == before


def test_none_of_its_settings_may_be_missing(run):
    """Nor one at its default, which a later version may change; identities leave those out."""
    experiment = resolve({"dataset": "cifar10", "ch": 32})
    for name in json.loads((run / "record.json").read_text())["settings"]:
        values = record_of(experiment)
        del values["settings"][name]
        values["checksum"] = records.checksum(values)
        found = records.decoded(json.dumps(values).encode())
        assert isinstance(found, str), name
        assert f"settings.{name}" in found  # and not that its identity is another


class LaterExperiment(Experiment):
    """With a setting that came later, whose default means what was done before."""

    label_smoothing: float = 0.0


class LaterRecord(Record):
    """With a key that came later."""

    settings: LaterExperiment
    model: str | None = None


def test_keys_that_come_later_refuse_no_earlier_record_and_change_no_identity(run):
    values = json.loads((run / "record.json").read_text())
    del values["checksum"]
    later = LaterRecord.model_validate_json(json.dumps(values))
    assert (later.model, later.settings.label_smoothing) == (None, 0.0)
    assert later.settings.identity == later.identity
    other = LaterExperiment(**later.settings.model_dump() | {"label_smoothing": 0.1})
    assert other.identity != later.identity


def test_keys_of_a_later_version_are_refused_by_this_one(run, tmp_path):
    """Nobody may take a result for what it is not because a key was not understood."""
    values = json.loads((run / "record.json").read_text())
    del values["checksum"]
    values["settings"]["label_smoothing"] = 0.1
    values["checksum"] = records.checksum(values)
    found = records.decoded(json.dumps(values).encode())
    assert "settings.label_smoothing: Extra inputs are not permitted" in found
