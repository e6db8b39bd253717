import gzip
import hashlib
import json
import os

import numpy as np
import pytest
from helpers.line_ends import LINE_ENDS
from helpers.recorded import experiment_of, made_up, record_of, write

from kreproduce import paper
from kreproduce.experiment.settings import resolve
from kreproduce.runs import predictions, records
from kreproduce.runs.records import Skipped

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
    assert (found.data.test, found.conditions.devices) == (10_000, ("NVIDIA H200",))
    assert found.seconds.training == 1.5
    assert found.best_epoch["best_val_loss"] == 1


def test_a_record_is_frozen(tmp_path, record):
    write(tmp_path, record)
    (found,) = records.read(tmp_path).records
    with pytest.raises(ValueError, match="frozen"):
        found.run = "another"


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


HEADLINE = "test/best_val_loss"


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("record_version", 2, "is of version 2, and this version of kreproduce reads 1"),
        ("record_version", 0, "is of version 0, and this version of kreproduce reads 1"),
        ("record_version", 10**400, "is of version 10000000000000000000, and this"),
        ("record_version", "1", "is damaged, or not the record of a complete run"),
        ("record_version", True, "is damaged, or not the record of a complete run"),
        ("record_version", 1.0, "is damaged, or not the record of a complete run"),
        ("record_version", None, "is damaged, or not the record of a complete run"),
        ("identity", "00000000", "its identity is not that of its settings"),
        ("run", "another", "its name is not that of its settings"),
        ("newer", 1, "newer: Extra inputs are not permitted"),
        ("settings/epochs", 181, "its identity is not that of its settings"),
        ("settings/epochs", "180", "settings.epochs: Input should be a valid integer"),
        ("settings/newer", 1, "settings.newer: Extra inputs are not permitted"),
        ("settings/hflip", True, "settings.hflip: Extra inputs are not permitted"),
        ("settings/hflip", False, "settings.hflip: Extra inputs are not permitted"),
        ("settings/layer_l", None, "settings.layer_l is missing"),
        ("settings/seed", None, "settings.seed is missing"),
        ("parameters", 10**400, "parameters: Input should be less"),
        ("seconds/median_epoch", 1e308, "seconds.median_epoch: Input should be less"),
        ("settings", None, "settings: Field required"),
        ("data/name", "malaria", "its images have another name"),
        ("data/original", None, "data.original: Field required"),
        ("data/original", False, "its images have the name of original ones, and are others"),
        (
            "data/not_original_because",
            "made up",
            "it calls its images original, and they cannot be",
        ),
        ("data/validation", 4_999, "it calls its images original, and they cannot be"),
        ("data/test", 0, "data.test: Input should be greater"),
        ("data/class_names", ["cat"], "another number of classes than its settings say"),
        ("data/fingerprint", "abc", "data.fingerprint: String should match pattern"),
        (HEADLINE, None, "it does not have the weights of best_val_loss and best_val_accuracy"),
        (f"{HEADLINE}/accuracy/plain", 1.2, "accuracy.plain: Input should be less"),
        (f"{HEADLINE}/accuracy/plain", float("nan"), "record.json is damaged, or not"),
        (f"{HEADLINE}/accuracy/hflip", None, "hflip: Field required"),
        (f"{HEADLINE}/accuracy/plain", 0.5, "gives another accuracy than its record"),
        ("best_epoch/best_val_loss", 181, "its best epoch is not among its epochs"),
        ("weights", None, "weights: Field required"),
        ("weights/best_val_loss", None, "it does not have the weights of best_val_loss and"),
        ("weights/best_val_loss", "0" * 63, "String should match pattern"),
        ("weights/..", "0" * 64, "[key]: Input should be 'best_val_loss' or"),
        ("history", None, "history: Field required"),
        ("predictions", None, "predictions: Field required"),
        ("sessions", [], "sessions: Tuple should have at least 1 item"),
        ("conditions/cores", 3, "its conditions are not those of its last session"),
        ("conditions/devices", "GPU", "conditions.devices: Input should be a valid array"),
        ("conditions/backend", "x" * 4000, "conditions.backend: String should have at most"),
    ],
)
def test_what_does_not_agree_does_not_count(tmp_path, record, path, value, why):
    name = record["run"]
    shared = predictions.encoded(made_up(10_000, 10, 0.9445, 0.9495))
    record["predictions"] = hashlib.sha256(shared).hexdigest()
    record["conditions"] = {**record["conditions"]}  # no longer the session's
    write(tmp_path, changed(record, path, value), folder=name, predictions=shared)
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
        b'{"record_version": 1, "x": ' + b"[" * 993 + b"]" * 993 + b"}",
        b'{"settings": ' + b"9" * 10_000 + b"}",
        b'{"record": 1}',
        b'{"record_version": 1, "record_version": 1}',
    ],
    ids=range(10),
)
def test_junk_does_not_count(tmp_path, text):
    path = tmp_path / "runs" / "junk"
    path.mkdir(parents=True)
    (path / "record.json").write_bytes(text)
    found = records.read(tmp_path)
    assert found.records == ()
    assert found.skipped[0].why == "record.json is damaged, or not the record of a complete run"


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
    assert whys["huge"] == "record.json is larger than 67,108,864 bytes"


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
    path = write(tmp_path, record) / "record.json"
    record = json.loads(path.read_text())
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


def test_a_record_without_a_checksum_does_not_count(tmp_path, record):
    path = write(tmp_path, record) / "record.json"
    values = json.loads(path.read_text())
    del values["checksum"]
    path.write_text(json.dumps(values))
    (skipped,) = records.read(tmp_path).skipped
    assert skipped.why.startswith("record.json was changed after it was written, or is damaged")


@pytest.mark.parametrize("name", ["history.csv", predictions.FILE])
@pytest.mark.parametrize("how", ["changed", "missing", "a folder", "a link", "empty", "longer"])
def test_what_lies_beside_a_record_is_part_of_it(tmp_path, record, name, how):
    path = write(tmp_path, record) / name
    content = path.read_bytes()
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "a link":
        path.symlink_to("record.json")
    elif how != "missing":
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"changed": flipped, "empty": b"", "longer": content + b"0"}[how])
    (skipped,) = records.read(tmp_path).skipped
    assert skipped.why.startswith(f"its {name} ")


@pytest.mark.parametrize("name", ["record.json", "history.csv"])
@pytest.mark.parametrize("change", LINE_ENDS.values(), ids=list(LINE_ENDS))
def test_git_may_change_the_line_ends(tmp_path, record, name, change):
    path = write(tmp_path, record) / name
    content = path.read_bytes()
    if name == "record.json":  # as a run writes it
        content = (json.dumps(json.loads(content), indent=2) + "\n").encode()
    path.write_bytes(change(content))
    assert path.read_bytes() != content
    assert len(records.read(tmp_path).records) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "has other columns"),
        (b"true,predicted,predicted_hflip\n", "is damaged"),
        (gzip.compress(b"true,predicted\n"), "has other columns or more lines"),
        (gzip.compress(b"\xff" * 50), "is damaged"),
        (gzip.compress(b" " * 10**7), "has other columns or more lines than it should have"),
        (gzip.compress(b"true,predicted,predicted_hflip\n1,2,x\n"), "is not three numbers"),
        (gzip.compress(b"true,predicted,predicted_hflip\n1,2\n"), "is not three numbers"),
        (gzip.compress(b"true,predicted,predicted_hflip\n1,2,3\n"), "is not of 10,000 images"),
        (gzip.compress(b"true,predicted,predicted_hflip\n"), "is not of 10,000 images"),
        (
            gzip.compress(b"true,predicted,predicted_hflip\n" + b"1,10,1\n" * 10_000),
            "is not of 10,000 images and 10 classes",
        ),
        (
            gzip.compress(b"true,predicted,predicted_hflip\n" + b"1,-1,1\n" * 10_000),
            "is not of 10,000 images and 10 classes",
        ),
    ],
    ids=range(11),
)
def test_forged_predictions_do_not_count(tmp_path, record, content, why):
    """With the right hash in the record."""
    write(tmp_path, record, predictions=content)
    (skipped,) = records.read(tmp_path).skipped
    assert why in skipped.why


def test_what_is_written_is_read_back(record):
    """To the last key, whatever the numbers."""
    values = record | {"checksum": records.checksum(record)}
    read = records.decoded(json.dumps(values).encode())
    assert json.loads(read.encoded()) == values
    assert records.decoded(read.encoded()) == read


def test_predictions_survive_a_round_trip():
    rng = np.random.default_rng(0)
    written = predictions.Predictions(*rng.integers(0, 400, (3, 1200)))
    content = predictions.encoded(written)
    assert content == predictions.encoded(written)  # no time in it
    read = predictions.decoded(content, 1200, 400)
    for name in ("true", "plain", "hflip"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert len(predictions.encoded(predictions.Predictions(*rng.integers(0, 10, (3, 10_000))))) < (
        40_000
    )


def test_the_confusion_matrix_and_the_classes_follow_from_predictions():
    true, plain = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    found = predictions.Predictions(true, plain, true)
    assert found.confusion(3).tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.confusion(3, "hflip").tolist() == [[3, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert (found.accuracy(), found.accuracy("hflip")) == (0.6, 1)
    by_class = {name: values.tolist() for name, values in found.by_class(3).items()}
    two_thirds = pytest.approx(2 / 3)
    assert by_class == {
        "precision": [two_thirds, 0.5, 0],
        "recall": [two_thirds, 0.5, 0],
        "f1": [two_thirds, 0.5, 0],
        "images": [3, 2, 0],
    }
