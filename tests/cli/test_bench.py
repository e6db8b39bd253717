"""`kreproduce bench`: refusals at once, and small benches that are real."""

import json
import re

import pytest
from helpers import recorded

from kreproduce import paper
from kreproduce.bench import growth
from kreproduce.cli import bench
from kreproduce.runs import records

REFUSED = {
    "unknown network": (["steps", "v3-32ch"], "'v3-32ch' is no network"),
    "unknown way": (["steps", "v2-32ch:fast"], "groups are computed auto, dense"),
    "unknown half": (["steps", "--only", "trainig"], "--only 'trainig' is no half of it: did you"),
    "networks for the table": (["table", "v2-4ch"], "Got unexpected extra argument(s) (v2-4ch)"),
    "networks for starting": (["start-up", "v2-4ch"], "Got unexpected extra argument(s) (v2-4ch)"),
    "two networks": (["memory", "v2-4ch", "v2-8ch"], "Got unexpected extra argument(s) (v2-8ch)"),
    "an unused option": (["memory", "--repeats", "3"], "No such option: --repeats"),
    "an unused half": (["parallel", "--only", "inference"], "No such option: --only"),
    "no number": (["parallel", "--runs", "two"], "--runs takes numbers of 1 to 64 such as 1,2,4"),
    "none in parallel": (["parallel", "--runs", "0"], "--runs takes numbers of 1 to 64"),
    "nothing": (["parallel", "--runs", ","], "--runs takes numbers of 1 to 64"),
    "no steps": (["steps-per-execution", "--steps", "1,x"], "--steps takes numbers of 1 to 64"),
    "batch of 0": (["steps", "--batch", "0"], "batch_size: 0 is refused"),
    "too small an input": (["table", "--input-size", "1"], "an input of 1 pixel"),
    "precision": (["parallel", "--precision", "half"], "precision: 'half' is refused"),
    "no repeat": (["start-up", "--repeats", "0"], "Invalid value for '--repeats'"),
    "an unknown library": (["peers", "--libraries", "tim"], "'tim' is no library: did you mean"),
    "a size of 0": (["peers", "--input-sizes", "0"], "--input-sizes takes numbers of 1 to 4096"),
    "one image to train with": (["peers", "--only", "training", "--batches", "1"], "one image"),
    "a peer's network": (["peers", "v9", "--libraries", "tensorflow"], "'v9' is no network"),
    "no run": (["growth", "--runs", "0"], "--runs takes numbers of 1 to 100000"),
    # As they were called once.
    "a network alone": (["baseline"], "No such command 'baseline'; see kreproduce bench --help"),
    "the table": (["--table"], "No such option: --table; see kreproduce bench --help"),
    "several at once": (["--at-once", "1,2"], "No such option: --at-once"),
    "one half": (["steps", "--training"], "No such option: --training"),
    "a command misspelt": (["paralel"], "No such command 'paralel'. Did you mean 'parallel'?"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals(kreproduce, arguments, message):
    result = kreproduce("bench", *arguments)
    assert result.code == 2
    assert message in result.message
    assert result.output == ""
    assert result.imported == []
    assert not list(kreproduce.folder.iterdir())


def test_a_number_that_is_given_twice_is_measured_once():
    assert bench._numbers("4,2,4", "--runs") == [4, 2]


def test_results_that_cannot_be_written_are_refused_before_anything_is_measured(kreproduce):
    (kreproduce.folder / "results").write_text("in the way")
    result = kreproduce("bench", "start-up")
    assert result.code == 5
    assert "choose another place with --results" in result.message
    assert result.imported == []


@pytest.mark.slow
def test_a_refusal_of_the_devices_leaves_nothing(kreproduce):
    result = kreproduce("bench", "steps", "--devices", "9")
    assert result.code == 2
    assert "--devices 9: this machine has " in result.message
    assert not list(kreproduce.folder.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_steps(kreproduce):
    """The naive way is slower, as the facts have it; all of it is in the file."""
    arguments = ["baseline", "v2-32ch", "v2-32ch:naive", "--only", "training", "--batch", "16"]
    result = kreproduce("bench", "steps", *arguments, "--repeats", "3", "--json")
    assert result.code == 0, result.message
    found = json.loads(result.output)
    (file,) = kreproduce.folder.glob("results/bench/*/steps-tensorflow-float32-*.json")
    assert json.loads(file.read_text()) == found
    rows = {row["network"]: row for row in found["rows"]}
    assert list(rows) == ["baseline", "v2-32ch", "v2-32ch:naive"]
    assert {row["form"] for row in found["rows"]} == {"training"}
    # Alone on the machine it is ten times; other tests may be running.
    fastest = {name: min(row["every_repeat"]) for name, row in rows.items()}
    assert fastest["v2-32ch:naive"] > fastest["v2-32ch"]
    assert rows["baseline"]["times_the_first"] == 1
    assert rows["v2-32ch"]["parameters"] == rows["v2-32ch:naive"]["parameters"]
    for row in found["rows"]:
        assert row["repeats"] == len(row["every_repeat"]) == 3
        assert 0 < row["first_quartile"] <= row["seconds"] <= row["third_quartile"]
        assert row["images_a_second"] == pytest.approx(16 / row["seconds"])
        assert row["first_seconds"] > row["seconds"]  # which has the tracing
    assert found["conditions"]["peak_host_bytes_of_all_networks"] > 10**8
    assert found["conditions"]["versions"]["tensorflow"]
    copied = found["conditions"]["copied_bytes_a_second"]
    for row in found["rows"]:
        share = row["bytes_of_a_step_estimated"] / row["seconds"] / copied
        assert row["share_of_copied_estimated"] == pytest.approx(share, rel=1e-3)
    four, five = (found["conditions"][f"hours_of_table_{n}_estimated"] for n in (4, 5))
    assert 0 < four < five


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_inference(kreproduce):
    arguments = ["v2-16ch", "--only", "inference", "--batch", "2", "--repeats", "2"]
    result = kreproduce("bench", "steps", *arguments)
    assert result.code == 0, result.message
    lines = result.output.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("v2-16ch")] == [
        ["v2-16ch", "inference"],
        ["v2-16ch", "inference,"],
    ]
    assert re.search("written to results/bench/[^/ ]+/steps-", result.message)


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_several_in_parallel(kreproduce):
    arguments = ["v2-2ch", "--runs", "1,2", "--batch", "2", "--json"]
    result = kreproduce("bench", "parallel", *arguments)
    assert result.code == 0, result.message
    one, two = json.loads(result.output)["rows"]
    assert [one["runs"], two["runs"]] == [1, 2]
    assert len(two["images_a_second_of_each"]) == 2
    assert two["images_a_second"] == pytest.approx(sum(two["images_a_second_of_each"]))
    assert two["times_the_first"] == pytest.approx(two["images_a_second"] / one["images_a_second"])


@pytest.mark.slow
def test_start_up(kreproduce):
    result = kreproduce("bench", "start-up", "--repeats", "1", "--json")
    assert result.code == 0, result.message
    rows = {row["what"]: row for row in json.loads(result.output)["rows"]}
    assert rows["bare Python"]["times_bare_python"] == 1
    assert rows["kreproduce --help"]["seconds"] < rows["import tensorflow"]["seconds"]
    for size in ("B0", "B7"):  # in one try each, either may be the faster
        assert rows[f"building V2 32ch, {size}"]["seconds"] > rows["kreproduce --help"]["seconds"]
    for row in rows.values():
        assert row["reached"] == (
            None if row["goal"] is None else row["seconds_above"] <= row["goal"]
        )


def test_growth_without_a_finished_run_is_refused(kreproduce):
    result = kreproduce("bench", "growth")
    assert result.code == 7
    assert "no run below results/runs is finished" in result.message
    assert result.imported == []
    assert not list(kreproduce.folder.iterdir())


@pytest.mark.slow
def test_growth(kreproduce):
    row = paper.rows(5)[0]
    recorded.write(kreproduce.folder / "results", recorded.record_of(recorded.experiment_of(row)))
    result = kreproduce("bench", "growth", "--runs", "3,1", "--repeats", "1", "--json")
    assert result.code == 0, result.message
    rows = json.loads(result.output)["rows"]
    assert [row["runs"] for row in rows] == sorted(row["runs"] for row in rows)
    assert {row["runs"] for row in rows} == {1, 3}
    assert {row["command"] for row in rows} >= {"table 5", "status", "claims", "report"}
    assert all(row["seconds"] > 0 for row in rows)


def test_growths_copies_count(tmp_path):
    row = paper.rows(5)[0]
    recorded.write(tmp_path / "a", recorded.record_of(recorded.experiment_of(row)))
    growth._copy(tmp_path / "a", growth.finished(tmp_path / "a"), 5, tmp_path / "b")
    found = records.read(tmp_path / "b")
    assert [record.settings.seed for record in found.records] != [1] * 5
    assert (len(found.records), found.skipped) == (5, ())


@pytest.mark.slow
@pytest.mark.usefixtures("short_network")
def test_peers(kreproduce):
    """Of those of the extra peers only what the tests have: PyTorch and timm are not among it."""
    arguments = ["v2-4ch", "--only", "inference", "--input-sizes", "32", "--batches", "1"]
    more = ["--threads", "1", "--libraries", "onnxruntime,tensorflow", "--repeats", "2", "--json"]
    result = kreproduce("bench", "peers", *arguments, *more)
    assert result.code == 0, result.message
    found = json.loads(result.output)
    assert [row["library"] for row in found["rows"]] == ["tensorflow", "onnxruntime"]
    for row in found["rows"]:
        assert (row["network"], row["threads"], row["repeats"]) == ("v2-4ch", 1, 2)
        assert row["best"] == min(row["every_repeat"]) > 0
        assert row["times_timms_best"] is None
    assert found["conditions"]["priority"]
    assert found["conditions"]["versions"]["onnxruntime"]
