"""What is written: under a name with its conditions, as text and as JSON."""

import json

import pytest

from kreproduce.bench.results import Results, check_writable
from kreproduce.errors import StorageError
from kreproduce.system import files

CONDITIONS = {
    "device": "AMD EPYC 9B45 (2 x), 2 cores",
    "backend": "tensorflow",
    "precision": "mixed_bfloat16",
    "time": "2026-01-02T03:04:05+00:00",
    "cores_in_use_before": 0.1,
    "tensor_float_32": None,
    "versions": {"keras": "3.15.1", "jax": None},
}
FOUND = Results("parallel", CONDITIONS, [{"seconds": 1 / 3}], [{"network": "a", "s": "0.333"}])
FOLDER = "20260102-amd_epyc_9b45_2_x_2_cores"
NAME = "parallel-tensorflow-mixed_bfloat16-20260102T030405Z"


def test_the_name_carries_the_conditions(tmp_path):
    path = FOUND.write(tmp_path)
    assert path == tmp_path / "bench" / FOLDER / f"{NAME}.txt"
    assert sorted(file.name for file in path.parent.iterdir()) == [f"{NAME}.json", f"{NAME}.txt"]


def test_the_json_has_everything_and_the_text_what_is_known(tmp_path):
    path = FOUND.write(tmp_path)
    written = json.loads(path.with_suffix(".json").read_text())
    assert written == {"bench": "parallel", "conditions": CONDITIONS, "rows": [{"seconds": 1 / 3}]}
    text = path.read_text()
    assert "precision: mixed_bfloat16" in text
    assert "cores in use before: 0.1" in text
    assert "keras 3.15.1" in text
    assert "None" not in text
    assert "0.333" in text


def test_to_ask_whether_it_can_be_written_leaves_nothing(tmp_path):
    check_writable(tmp_path / "results")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / ".trial").write_text("somebody's")
    check_writable(tmp_path)
    assert (tmp_path / "bench" / ".trial").read_text() == "somebody's"


def test_what_a_full_disk_refuses_leaves_no_folder(tmp_path, monkeypatch):
    def refuse(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", refuse)
    with pytest.raises(StorageError, match="No space left"):
        FOUND.write(tmp_path / "results")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "bench").write_text("in the way")
    with pytest.raises(StorageError, match="choose another place with --results"):
        FOUND.write(tmp_path)
