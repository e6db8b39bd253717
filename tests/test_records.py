import json
import os

import numpy as np
import pytest
from tables.recorded import experiment_of, record_of, write

from kreproduce import paper, records
from kreproduce.evaluation import SHOWN, evaluate
from kreproduce.experiment import resolve
from kreproduce.records import Skipped

ROW = paper.rows(6)[1]


@pytest.fixture
def record():
    return record_of(experiment_of(ROW), plain=0.9445, hflip=0.9495)


def test_a_complete_run_counts(tmp_path, record):
    write(tmp_path, record)
    (found,) = records.read(tmp_path).records
    assert records.read(tmp_path).skipped == ()
    assert found.settings == experiment_of(ROW)
    assert (found.accuracy(), found.accuracy(hflip=True)) == (0.9445, 0.9495)
    assert (found.data.test, found.conditions.devices) == (10_000, ["NVIDIA H200"])
    assert found.seconds["training"] == 1.5
    assert found.best_epoch["lowest validation loss"] == 3  # what is not asked for stays


def test_what_an_evaluation_reports_is_read(tmp_path, record):
    logits = np.random.default_rng(0).normal(size=(3, 20, 10))
    shown = dict(zip(SHOWN, logits, strict=True))
    report = evaluate(shown, np.arange(20) % 10, tuple("abcdefghij"))
    record["test"] = dict.fromkeys(record["test"], report)
    write(tmp_path, record)
    (found,) = records.read(tmp_path).records
    assert found.accuracy() == report["plain"]["accuracy"]
    assert found.accuracy(hflip=True) == report["hflip"]["accuracy"]


def test_a_record_is_frozen(tmp_path, record):
    write(tmp_path, record)
    (found,) = records.read(tmp_path).records
    with pytest.raises(ValueError, match="frozen"):
        found.partial = True


def test_records_come_in_the_order_of_their_folders(tmp_path):
    for seed in (3, 1, 2):
        write(tmp_path, record_of(experiment_of(ROW, seed=seed)))
    runs = [record.run for record in records.read(tmp_path).records]
    assert runs == sorted(runs)
    assert len(runs) == 3


@pytest.mark.parametrize("what", ["missing", "file", "empty", "files in it"])
def test_where_nothing_was_run(tmp_path, what):
    if what == "file":
        (tmp_path / "runs").write_text("in the way")
    elif what != "missing":
        (tmp_path / "runs").mkdir()
    if what == "files in it":
        (tmp_path / "runs" / ".gitkeep").touch()
    assert records.read(tmp_path) == records.Found((), ())


def changed(record, path, value):
    *parents, last = path.split("/")
    here = record
    for parent in parents:
        here = here[parent]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return record


HEADLINE = "test/lowest validation loss"


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("record_version", 2, "is of version 2, and this version of kreproduce reads 1"),
        ("record_version", 0, "is of version 0, and this version of kreproduce reads 1"),
        ("record_version", 10**400, "is of version 10000000000000000000, and this"),
        ("record_version", "1", "record_version: Input should be 1"),
        ("record_version", 1.5, "record_version: Input should be 1"),
        ("record_version", None, "record_version: Field required"),
        ("identity", "00000000", "its identity is not that of its settings"),
        ("run", "another", "its name is not that of its settings"),
        ("settings/epochs", 181, "its identity is not that of its settings"),
        ("settings/epochs", "180", "settings.epochs: Input should be a valid integer"),
        ("settings/newer", 1, "settings.newer: Extra inputs are not permitted"),
        ("settings", None, "settings: Field required"),
        ("partial", True, "otherwise than its settings whether the run is partial"),
        ("partial", "no", "partial: Input should be a valid boolean"),
        ("data/name", "malaria", "its images have another name"),
        ("data/original", None, "data.original: Field required"),
        ("data/test", 0, "data.test: Input should be greater"),
        (HEADLINE, None, "it has no test of the lowest validation loss"),
        (f"{HEADLINE}/plain/accuracy", 1.2, "plain.accuracy: Input should be less"),
        (f"{HEADLINE}/plain/accuracy", float("nan"), "plain.accuracy: Input should be"),
        (f"{HEADLINE}/hflip", None, "hflip: Field required"),
        ("conditions/devices", "GPU", "conditions.devices: Input should be a valid array"),
        ("conditions/backend", "x" * 400, "conditions.backend: String should have at most"),
    ],
)
def test_what_does_not_agree_does_not_count(tmp_path, record, path, value, why):
    name = record["run"]
    write(tmp_path, changed(record, path, value), folder=name)
    found = records.read(tmp_path)
    assert found.records == ()
    (skipped,) = found.skipped
    assert skipped.folder == name
    assert why in skipped.why


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"settings": ' + b"9" * 10_000 + b"}",
        b'{"record_version": 1}',
    ],
    ids=range(8),
)
def test_junk_does_not_count(tmp_path, text):
    path = tmp_path / "runs" / "junk"
    path.mkdir(parents=True)
    (path / "record.json").write_bytes(text)
    found = records.read(tmp_path)
    assert found.records == ()
    assert found.skipped[0].why.startswith("record.json is not the record of a complete run: ")


def test_half_a_record_does_not_count(tmp_path, record):
    path = write(tmp_path, record)
    text = json.dumps(record)
    (path / "record.json").write_text(text[: len(text) // 2])
    assert records.read(tmp_path).records == ()


def test_a_network_that_there_cannot_be_does_not_count(tmp_path):
    """What settings from a file are refused for, with everything else in agreement."""
    sound = resolve({"dataset": "digits"})
    record = record_of(sound.model_copy(update={"input_size": 1, "skip_strides": 0}))
    write(tmp_path, record)
    found = records.read(tmp_path)
    assert found.records == ()
    assert "an input of 1 pixels is too small" in found.skipped[0].why


def test_an_unfinished_run_does_not_count(tmp_path, record):
    path = write(tmp_path, record)
    (path / "record.json").rename(path / "record.json.tmp")
    assert records.read(tmp_path) == records.Found(
        (), (Skipped(record["run"], "it has no record: the run is not complete"),)
    )


def test_a_copy_does_not_count_twice(tmp_path, record):
    write(tmp_path, record)
    write(tmp_path, record, folder=f"{record['run']}.new")
    found = records.read(tmp_path)
    assert len(found.records) == 1
    assert found.skipped == (
        Skipped(f"{record['run']}.new", f"its record is that of {record['run']}"),
    )


def test_hostile_folders(tmp_path, record):
    write(tmp_path, record)
    runs = tmp_path / "runs"
    for name in ("folder", "pipe", "loop", "huge", "\x1b[31mred\n"):
        (runs / name).mkdir()
    (runs / "folder" / "record.json").mkdir()
    os.mkfifo(runs / "pipe" / "record.json")
    (runs / "loop" / "record.json").symlink_to("record.json")
    with (runs / "huge" / "record.json").open("wb") as huge:
        huge.truncate(2**30)  # takes no room
    (runs / "nowhere").symlink_to("gone")
    found = records.read(tmp_path)
    assert len(found.records) == 1
    whys = {skipped.folder: skipped.why for skipped in found.skipped}
    assert whys.keys() == {"folder", "pipe", "loop", "huge", "?[31mred?"}
    assert whys["folder"] == "record.json is not a file, but a folder"
    assert whys["pipe"] == "record.json is not a file, but a pipe"
    assert whys["loop"] == "record.json is not a file, but a link"
    assert whys["huge"] == "record.json is larger than 16,777,216 bytes"


def test_links_do_not_count(tmp_path, record):
    elsewhere = write(tmp_path / "elsewhere", record)
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / record["run"]).symlink_to(elsewhere)
    assert records.read(tmp_path) == records.Found((), (Skipped(record["run"], "it is a link"),))
    (runs / record["run"]).unlink()
    (runs / record["run"]).mkdir()
    (runs / record["run"] / "record.json").symlink_to(elsewhere / "record.json")
    assert records.read(tmp_path).records == ()


def test_a_record_that_was_changed_does_not_count(tmp_path, record):
    record["checksum"] = records.checksum(record)
    path = write(tmp_path, record) / "record.json"
    assert len(records.read(tmp_path).records) == 1
    path.write_text(json.dumps(record, indent=4, sort_keys=True))  # says the same
    assert len(records.read(tmp_path).records) == 1
    path.write_text(json.dumps(record).replace("0.9445", "0.9545"))
    (skipped,) = records.read(tmp_path).skipped
    assert skipped.why.startswith("record.json was changed after it was written, or is damaged")


@pytest.mark.parametrize("checksum", ["", 3, [], "0" * 64])
def test_a_strange_checksum_does_not_count(tmp_path, record, checksum):
    write(tmp_path, record | {"checksum": checksum})
    assert records.read(tmp_path).records == ()


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ({"../../secret": "0" * 64}, "String should match pattern"),
        ({"lowest validation loss": "0" * 63}, "String should match pattern"),
        ({"a\n": "0" * 64}, "String should match pattern"),
        ([], "Input should be an object"),
    ],
)
def test_weights_have_plain_names(tmp_path, record, weights, why):
    write(tmp_path, record | {"weights": weights})
    (skipped,) = records.read(tmp_path).skipped
    assert why in skipped.why
