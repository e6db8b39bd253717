"""How many steps between two returns to Python: chosen from a bench, and taken up by a run."""

import json
from dataclasses import dataclass, replace

import pytest
from helpers.recorded import CONDITIONS, begin

from kreproduce.bench import case, steps_per_execution
from kreproduce.bench.steps_per_execution import cells, choose
from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.training.steps_per_execution import NAME, apply, begun_with, measured

WHERE = {"device": "NVIDIA H200", "devices": 1, "backend": "tensorflow"}


@dataclass(frozen=True)
class Stand:
    """As `Devices`, which needs Keras."""

    gpu: bool = True
    names: tuple[str, ...] = ("NVIDIA H200",)
    steps_at_once: int | None = None


def write(results, chosen, time="2026-01-02T00:00:00+00:00", **conditions):
    rows = [{"steps_per_execution": n, "chosen": n == chosen} for n in (1, 2, 4, 8, 16)]
    content = {"bench": NAME, "conditions": WHERE | {"time": time} | conditions, "rows": rows}
    folder = results / "bench" / "a-day-and-device"
    folder.mkdir(parents=True, exist_ok=True)
    count = len(list(folder.iterdir()))
    (folder / f"{NAME}-{count}.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({1: 10.0, 2: 8.0, 4: 7.1, 8: 7.0, 16: 7.0}, 4),  # as fast as the fastest, and the least
        ({1: 10.0, 2: 8.0, 4: 7.2, 8: 7.0, 16: 7.5}, 8),
        ({1: 5.0, 8: 5.05}, 1),
        ({32: 3.0}, 32),
    ],
)
def test_the_least_of_the_fast_ones_is_chosen(seconds, chosen):
    assert choose(seconds) == chosen


def test_a_run_takes_what_was_measured_last_on_a_device_like_its_own(tmp_path):
    assert measured(tmp_path, **WHERE) is None
    assert apply(Stand(), "tensorflow", tmp_path) == Stand()
    write(tmp_path, 16, time="2026-01-03T00:00:00+00:00")
    write(tmp_path, 4)
    write(tmp_path, 2, time="2026-01-04T00:00:00+00:00", device="NVIDIA H100")
    write(tmp_path, 2, time="2026-01-04T00:00:00+00:00", devices=2)
    write(tmp_path, 2, time="2026-01-04T00:00:00+00:00", backend="jax")
    assert apply(Stand(), "tensorflow", tmp_path) == Stand(steps_at_once=16)
    assert apply(replace(Stand(), gpu=False), "tensorflow", tmp_path).steps_at_once is None
    assert apply(Stand(), "jax", tmp_path).steps_at_once is None
    pair = Stand(names=("NVIDIA H200", "NVIDIA H200"))
    assert apply(pair, "tensorflow", tmp_path).steps_at_once == 2


def test_what_was_measured_before_there_was_a_folder_a_day_still_counts(tmp_path):
    write(tmp_path, 16)
    (path,) = (tmp_path / "bench").glob("*/*")
    path.rename(tmp_path / "bench" / path.name)
    path.parent.rmdir()
    assert measured(tmp_path, **WHERE) == 16


@pytest.mark.parametrize(
    ("begun", "steps"),
    [
        ({}, 4),
        ({"devices": ["NVIDIA H100"]}, 16),
        ({"backend": "jax"}, 16),
        ({"steps_per_execution": True}, 16),
        (None, 16),
    ],
    ids=str,
)
def test_a_run_that_goes_on_keeps_its_number(tmp_path, begun, steps):
    """On the devices that it began on; a bench meanwhile would make two conditions of one run."""
    write(tmp_path, 16)
    conditions = {"devices": ["NVIDIA H200"], "backend": "tensorflow", "steps_per_execution": 4}
    settings = tmp_path / "settings.json"
    if begun is not None:
        settings.write_text(json.dumps({"session": {"conditions": conditions | begun}}))
    assert apply(Stand(), "tensorflow", tmp_path, settings).steps_at_once == steps
    assert apply(Stand(), "tensorflow", tmp_path).steps_at_once == 16


def test_a_run_writes_down_where_its_number_is_looked_for(tmp_path):
    folder = RunFolder(tmp_path, resolve({"dataset": "digits"}))
    begin(folder)
    folder.close()
    asked = begun_with(folder.path / "settings.json", Stand(), "tensorflow")
    assert asked == CONDITIONS["steps_per_execution"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"conditions": {}, "rows": []}', '{"conditions": 1}', "\0", "[" * 100_000],
    ids=lambda content: content[:20],
)
def test_a_file_that_is_no_such_measurement_is_passed_over(tmp_path, content):
    write(tmp_path, 16)
    (tmp_path / "bench" / "a-day-and-device" / f"{NAME}-z.json").write_text(content)
    assert measured(tmp_path, **WHERE) == 16


@pytest.mark.parametrize("chosen", [0, -1, 65, "8", True, 8.0, None])
def test_a_number_that_no_bench_chooses_is_passed_over(tmp_path, chosen):
    write(tmp_path, 16)
    (path,) = (tmp_path / "bench").glob("*/*")
    content = json.loads(path.read_text())
    content["rows"] = [{"steps_per_execution": chosen, "chosen": True}]
    path.write_text(json.dumps(content))
    assert measured(tmp_path, **WHERE) is None


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_each_number_is_measured():
    from kreproduce.training import devices

    small = case.of("v2-2ch", batch=2, input_size=32, precision="auto")
    said = []
    rows = steps_per_execution.measure(small, [1, 3], devices.find("1"), 1, said.append)
    assert [row["steps_per_execution"] for row in rows] == [1, 3]
    assert [row["chosen"] for row in rows].count(True) == 1
    assert len(said) == 2
    for row in rows:
        assert row["images_a_second"] == pytest.approx(2 / row["seconds"])
    assert [row["steps per execution"] for row in cells(rows)] == ["1", "3"]
