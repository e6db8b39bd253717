"""`kreproduce sweep` as a command: refusals, the plan, and whole sweeps."""

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest
import yaml
from helpers.support import tree

from kreproduce.experiment.settings import resolve
from kreproduce.runs.checkpoint import Checkpoint
from kreproduce.runs.folder import RunFolder
from kreproduce.system.lock import Lock

pytestmark = pytest.mark.usefixtures("short_network")  # the plans are whole

TINY = "dataset: digits\nlimit: 20\nepochs: 2\nbatch_size: 16\nch: 16\n"
FILES = {"one.yaml": "seed: 1\n", "two.yaml": "seed: 2\n", "three.yaml": "seed: 3\n"}

REFUSED = {
    "no such table": (["9"], "Table 9 shows no trained networks"),
    "a table without trainings": (["3"], "ask for one of 2, 4, 5, 6, 7, 8"),
    "no table": (["five"], "a sweep takes the number of a table"),
    "no file": (["nothing.yaml"], "there is no settings file nothing.yaml"),
    "one file of two": (["one.yaml", "nothing.yaml"], "there is no settings file nothing.yaml"),
    "a file's fault": (["bad.yaml"], "bad.yaml: unknown setting 'epoch'"),
    "a file's fault, with seeds": (["bad.yaml", "--seeds", "1,2"], "bad.yaml: unknown setting"),
    "a fault in a folder": (["mixed"], "mixed/second.yaml: unknown setting 'epoch'"),
    "no YAML": (["not"], "not/yaml.yml"),
    "a fault of an option": (
        ["one.yaml", "--set", "epoch=2"],
        "one.yaml with the options given: unknown setting 'epoch'",
    ),
    "an empty folder": (["empty"], "empty holds no settings files that end in .yaml"),
    "no folder": (["configs/none"], "or a folder of them, not 'configs/none'"),
    "no such row": (["4", "--only", "V2 5ch"], "no row is called 'V2 5ch'; did you mean"),
    "no such file's row": (["one.yaml", "--only", "two"], "no row is called 'two'"),
    "seeds": (["5", "--seeds", "1,b"], "--seeds takes numbers such as 1,2,3, not '1,b'"),
    "seeds below 0": (["5", "--seeds", "-1"], "--seeds takes numbers"),
    "no seeds": (["5", "--seeds", ","], "--seeds takes numbers"),
    "too large a seed": (["5", "--seeds", "4000000000"], "seed: 4000000000 is refused"),
    "two seeds": (["5", "--seeds", "1,2", "--set", "seed=3"], "leave one of them out"),
    "jobs of 0": (["5", "--jobs", "0"], "--jobs 0: at least one run at a time"),
    "jobs below 0": (["5", "--jobs", "-2"], "--jobs -2: at least one run at a time"),
    "jobs on a cluster": (["5", "--jobs", "2", "--ray", "auto"], "leave one out"),
    "no address": (["5", "--ray", ":"], "HOST:PORT of a cluster's head, not ':'"),
    "a client's address": (["5", "--ray", "ray://h:10001"], "start the sweep on a machine of"),
    "a cluster of its own": (["5", "--ray", "local"], "HOST:PORT of a cluster's head, not 'local'"),
    "GPUs of no cluster": (["5", "--gpus-per-run", "1"], "--gpus-per-run has no meaning without"),
    "no GPU": (["5", "--ray", "auto", "--gpus-per-run", "0"], "from 0.01 GPUs to 1"),
    "too many GPUs": (["5", "--ray", "auto", "--gpus-per-run", "2"], "from 0.01 GPUs to 1"),
    "not a number of GPUs": (["5", "--ray", "auto", "--gpus-per-run", "nan"], "GPUs to 1"),
    "devices of one run": (["5", "--devices", "2"], "takes all or cpu for a sweep, not '2'; CUDA_"),
    "GPUs and no GPU": (
        ["5", "--ray", "auto", "--gpus-per-run", "1", "--devices", "cpu"],
        "--gpus-per-run is for GPUs, --devices cpu for none; leave one out",
    ),
    "no shard": (
        ["5", "--shard", "/"],
        "--shard takes I/N with I from 1 to N, such as 2/8, not '/'",
    ),
    "shard 0": (["5", "--shard", "0/4"], "--shard takes I/N"),
    "shard 5 of 4": (["5", "--shard", "5/4"], "--shard takes I/N"),
    "half a shard": (["5", "--shard", "1.5/4"], "--shard takes I/N"),
    "a shard of 0": (["5", "--shard", "0/0"], "--shard takes I/N"),
    "a shard below 0": (["5", "--shard", "-1/4"], "--shard takes I/N"),
    "a shard of three": (["5", "--shard", "1/2/3"], "--shard takes I/N"),
    "a simulation of a sweep": (["5", "--gpus", "8"], "add --dry-run"),
    "GPUs in words": (["5", "--dry-run", "--gpus", "many"], "--gpus takes numbers such as 1,8,64"),
    "0 GPUs": (["5", "--dry-run", "--gpus", "8,0"], "--gpus takes numbers from 1 to 1000000"),
    "a setting": (["5", "--set", "epoch=2"], "did you mean 'epochs'?"),
    "a name of data": (["5", "--data-name", "../up"], "data_name: '../up' is refused"),
}


@pytest.fixture
def files(kreproduce):
    for name, text in FILES.items():
        (kreproduce.folder / name).write_text(TINY + text)
    (kreproduce.folder / "bad.yaml").write_text("dataset: digits\nepoch: 2\n")
    for path, text in {
        "mixed/first.yaml": TINY,
        "mixed/second.yaml": "dataset: digits\nepoch: 2\n",
        "not/yaml.yml": "a: [",
        "empty/notes.txt": "",
    }.items():
        (kreproduce.folder / path).parent.mkdir(exist_ok=True)
        (kreproduce.folder / path).write_text(text)
    return list(FILES)


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=list(REFUSED))
def test_refusals(kreproduce, files, arguments, message):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("sweep", *arguments)
    assert result.code == 2
    assert message in result.message
    assert len(result.message.splitlines()) == 1
    assert (result.output, result.imported) == ("", [])
    assert tree(kreproduce.folder.parent) == before


def test_missing_data_is_refused_before_anything_runs(kreproduce):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("sweep", "5", "--data-dir", "nowhere")
    assert (result.code, result.output) == (3, "")
    assert "nowhere does not exist" in result.message
    assert tree(kreproduce.folder.parent) == before


def test_a_results_folder_in_the_way(kreproduce, files):
    (kreproduce.folder / "results").write_text("in the way")
    result = kreproduce("sweep", "one.yaml")
    assert result.code == 5
    assert result.message.startswith("kreproduce: results/logs cannot be written: ")
    assert len(result.message.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["5"], ["all", "--seeds", "1,2,3"], ["one.yaml"]], ids=str)
def test_the_dry_run_does_nothing(kreproduce, files, arguments):
    before = tree(kreproduce.folder.parent)
    result = kreproduce("sweep", *arguments, "--dry-run")
    assert (result.code, result.message, result.imported) == (0, "", [])
    assert "missing" in result.output
    assert tree(kreproduce.folder.parent) == before


def test_the_plan_of_table_6(kreproduce):
    lines = kreproduce("sweep", "6", "--dry-run").output.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["missing"] * 2
    assert lines[1].endswith(
        "5 h 45 min  Table 6: kEffNet-B0 V2 32ch; Table 6: kEffNet-B0 V2 32ch + H Flip"
    )
    assert lines[2:] == [
        "2 runs: 2 missing",
        "to do, one after another:",
        "  2 runs: 17 h 33 min, by the authors' runs, Tesla V100 16 GB",
    ]


def test_the_plan_of_all(kreproduce):
    lines = kreproduce("sweep", "all", "--dry-run").output.splitlines()
    assert "31 runs: 31 missing" in lines
    assert lines[2].endswith("Tables 2, 4, 5: kEffNet-B0 V2 16ch")
    (guess,) = [line for line in lines if line.startswith("  8 runs: ")]  # "no L" and ReLU
    assert "by the authors' runs of the same Ch with L and swish (a guess), Tesla" in guess


def test_a_plan_says_from_where_a_run_goes_on(kreproduce, files):
    (name,) = names(kreproduce, files[:1])
    settings = yaml.safe_load((kreproduce.folder / "one.yaml").read_text())
    folder = RunFolder(kreproduce.folder / "results", resolve(settings))
    assert folder.path.name == name
    folder.path.mkdir(parents=True)
    folder.save(Checkpoint(1, 0, {}, {}))
    folder.set_state("interrupted", 1)
    first = kreproduce("sweep", "one.yaml", "--dry-run").output.splitlines()[0]
    assert first.startswith(f"interrupted  {name}")
    assert first.endswith("one.yaml; goes on after epoch 1 of 2")


# Shards and simulations


def test_the_shards_of_a_table_are_its_plan(kreproduce):
    def plan(*arguments):
        lines = kreproduce("sweep", "5", "--seeds", "1,2", "--dry-run", *arguments).output
        return [line.split()[1] for line in lines.splitlines() if line.startswith("missing")]

    whole = plan()
    shards = [plan("--shard", f"{part}/4") for part in range(1, 5)]
    assert len(whole) == 26
    assert shards == [whole[part::4] for part in range(4)]


def test_a_shard_without_a_run(kreproduce, files):
    result = kreproduce("sweep", "one.yaml", "--shard", "2/2")
    assert (result.code, result.output, result.message) == (0, "no run\n", "")


def test_the_simulation_counts_what_is_open(kreproduce, files):
    output = kreproduce("sweep", "6", "--dry-run", "--gpus", "2").output
    assert output.splitlines()[-6:] == [
        "2 runs, one GPU per run, the longest first:",
        "   GPUs      makespan  GPU hours  utilisation",
        "      2   11 h 48 min       17.6          74%",
        "the longest run, which bounds it: cifar10-baseline-180epochs-93351cab, 11 h 48 min",
        "the times:",
        "  2 runs: 17 h 33 min, by the authors' runs, Tesla V100 16 GB",
    ]


def test_nothing_to_simulate(kreproduce, files):
    output = kreproduce("sweep", "one.yaml", "--dry-run", "--gpus", "2").output
    assert output.endswith("\n\nno run is open whose time is known: there is nothing to simulate\n")
    mixed = kreproduce("sweep", "6", "one.yaml", "--dry-run", "--gpus", "2").output
    assert "\n2 runs, one GPU per run" in mixed
    assert mixed.endswith("\n  1 run: unknown\n")


def test_other_settings_than_the_papers_are_for_no_row(kreproduce):
    output = kreproduce("sweep", "5", "--only", "baseline", "--set", "epochs=2", "--dry-run").output
    assert "Table 5: EfficientNet-B0 baseline, but with other settings\n" in output
    assert "-2epochs-" in output


def test_options_pass_through(kreproduce, files):
    arguments = ["--set", "bn_momentum=0.5", "--data-name", "mine", "--results", "here"]
    output = kreproduce("sweep", *files, "--seeds", "1,5", *arguments, "--dry-run").output
    lines = output.splitlines()
    assert lines[-3] == "2 runs: 2 missing"  # with the seed asked for, the files are the same
    assert lines[0].split()[1].startswith("mine-v2-16ch-2epochs-")
    assert lines[0].endswith("one.yaml; two.yaml; three.yaml")


@pytest.fixture
def reduced(kreproduce, monkeypatch):
    """A folder of three files, on a machine without a GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (kreproduce.folder / "reduced").mkdir()
    for name, text in FILES.items():
        (kreproduce.folder / "reduced" / name).write_text(TINY + text)
    return sorted(FILES)


def test_the_plan_of_a_folder(kreproduce, reduced):
    result = kreproduce("sweep", "reduced", "--seeds", "2,1", "--set", "ch=4", "--dry-run")
    lines = result.output.splitlines()
    assert (result.code, result.imported) == (0, [])
    assert [line.split()[2:4] for line in lines[:2]] == [["seed", "2"], ["seed", "1"]]
    assert lines[0].endswith("reduced/one.yaml; reduced/three.yaml; reduced/two.yaml")
    lines = kreproduce("sweep", "reduced", "--dry-run").output.splitlines()
    assert [line.split()[-1] for line in lines[:3]] == [f"reduced/{name}" for name in reduced]


def test_the_plan_says_what_each_of_several_runs_has(kreproduce, reduced):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    output = kreproduce("sweep", "reduced", "--jobs", "2", "--dry-run").output
    assert output.splitlines()[-1].startswith("2 runs at a time")
    if cores == 2:
        assert output.endswith("\n2 runs at a time, each on 1 core of its own\n")
    many = kreproduce("sweep", "reduced", "--jobs", str(2 * cores + 1), "--dry-run").output
    if cores > 1:
        assert many.endswith(f"runs at a time on {cores} cores, up to 3 on the same\n")
    assert "at a time" not in kreproduce("sweep", "reduced", "--dry-run").output


@pytest.mark.slow
def test_a_folder_is_trained_two_at_a_time_on_a_core_each(kreproduce, reduced):
    """And all of the first seed before the second, at the end of which the plan knows the time."""
    arguments = ["reduced", "--seeds", "2,1", "--jobs", "2"]
    for name, ch in zip(reduced, (4, 8, 16), strict=True):
        text = TINY.replace("ch: 16", f"ch: {ch}")
        (kreproduce.folder / "reduced" / name).write_text(text)
    done = kreproduce("sweep", *arguments)
    assert (done.code, done.message) == (0, "")
    lines = done.output.splitlines()
    planned = [line.split()[1] for line in lines if line.startswith("missing")]
    started = [line.split(":")[0] for line in lines if ": started" in line]
    assert len(planned) == 6
    assert set(started[:3]) == set(planned[:3])
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 2:
        on = {
            line.partition(": started ")[2].split(",")[0] for line in lines if ": started" in line
        }
        assert on == {f"on core {core}" for core in os.sched_getaffinity(0)}
    again = kreproduce("sweep", "reduced", "--seeds", "2,1,3", "--jobs", "2", "--dry-run").output
    assert "9 runs: 6 done, 3 missing\n" in again
    assert again.endswith(", if none slows another\n")


def test_only_one_of_the_files(kreproduce, files):
    output = kreproduce("sweep", *files, "--only", "two", "--dry-run").output
    assert output.splitlines()[0].endswith("two.yaml")
    assert "1 run: 1 missing" in output


def names(kreproduce, files):
    """The runs' names from the plan."""
    lines = kreproduce("sweep", *files, "--dry-run").output.splitlines()
    return [line.split()[1] for line in lines[: len(files)]]


def states(kreproduce, files):
    lines = kreproduce("sweep", *files, "--dry-run").output.splitlines()
    return [line.split("  ")[0] for line in lines[: len(files)]]


def kill_when_started(run, given_up):
    """SIGKILL to the process of a run as soon as its folder names it."""
    while not given_up.is_set():
        if (run / "status.json").exists():
            os.kill(Lock(run).holder().pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def test_what_can_only_be_refused_is_not_started(kreproduce, files):
    """A run that has lost its checkpoints: the sweep says so, and fails by it alone."""
    (name,) = names(kreproduce, files[:1])
    run = kreproduce.folder / "results" / "runs" / name
    run.mkdir(parents=True)
    (run / "history.csv").touch()
    before = tree(kreproduce.folder)
    result = kreproduce("sweep", "one.yaml")
    assert (result.code, result.imported) == (8, [])
    assert result.output.startswith(f"damaged      {name}")
    assert result.message.splitlines() == [
        "1 of 1 run failed; when that is mended, the same command goes on with them:",
        f"  {name}: damaged: no checkpoint is left to go on from (it has history.csv); "
        "restore it from a copy, or start from scratch with --force",
    ]
    assert tree(kreproduce.folder) == before
    both = kreproduce("sweep", *files[:2], "--fail-fast")
    assert (both.code, both.imported) == (8, [])
    assert both.output.endswith("1 not started, because of --fail-fast\n")


def test_a_reason_that_many_runs_have_is_said_once(kreproduce, files):
    """As where there is no network: of 87 runs each would say it at length."""
    three = names(kreproduce, files)
    for name in three:
        run = kreproduce.folder / "results" / "runs" / name
        run.mkdir(parents=True)
        (run / ("history.csv" if name != three[1] else "record.json")).touch()
    message = kreproduce("sweep", *files).message.splitlines()
    assert len(message) == 4
    assert message[1].startswith(f"  {three[0]}: damaged: no checkpoint is left")
    assert message[2] == f"  {three[2]}: the same"
    assert message[3].startswith(f"  {three[1]}: damaged: ")


@pytest.mark.slow
def test_a_sweep_with_a_failed_and_a_killed_run_is_finished_by_the_next(kreproduce, files):
    runs = kreproduce.folder / "results" / "runs"
    failing, killed, good = names(kreproduce, files)
    runs.mkdir(parents=True)
    (runs / failing).write_text("in the way of its folder")
    ended = threading.Event()
    killer = threading.Thread(target=kill_when_started, args=[runs / killed, ended])
    killer.start()
    first = kreproduce("sweep", *files, "--jobs", "2")
    ended.set()
    killer.join()
    assert (first.code, first.imported) == (8, [])
    message = first.message.splitlines()
    assert (
        message[0] == "2 of 3 runs failed; when that is mended, the same command goes on with them:"
    )
    assert {line.split(":")[0].strip() for line in message[1:]} == {failing, killed}
    text = "\n".join(sorted(message[1:], key=lambda line: killed in line))
    assert f"{failing}: foreign: a file; move it away" in text
    assert f"{killed}: killed by SIGKILL" in text
    assert f"(results/logs/{killed}.log)" in text
    assert states(kreproduce, files)[1:] == ["crashed", "done"]
    record = (runs / good / "record.json").read_bytes()

    (runs / failing).unlink()
    second = kreproduce("sweep", *files)
    assert (second.code, second.message) == (0, "")
    started = [line.split(":")[0] for line in second.output.splitlines() if ": started" in line]
    assert started == [failing, killed]
    assert states(kreproduce, files) == ["done"] * 3
    assert (runs / good / "record.json").read_bytes() == record
    for name in (failing, killed, good):
        identity = name.rpartition("-")[2]
        assert json.loads((runs / name / "record.json").read_text())["identity"] == identity

    accuracies = [
        json.loads((runs / name / "record.json").read_text())["test"]["best_val_loss"]
        for name in (failing, killed, good)
    ]
    values = [100 * test["accuracy"]["plain"] for test in accuracies]
    shown = json.loads(kreproduce("table", "recorded", "--format", "json").output)["rows"]
    assert [row["measured_n"] for row in shown] == [3]  # three seeds of one experiment
    assert shown[0]["measured_mean"] == pytest.approx(statistics.mean(values), abs=1e-3)
    assert shown[0]["measured_sd"] == pytest.approx(statistics.stdev(values), abs=1e-3)

    third = kreproduce("sweep", *files)
    assert (third.code, third.message) == (0, "")
    assert "3 runs: 3 done" in third.output
    assert ": started" not in third.output


@pytest.fixture
def start(kreproduce, files):
    """Starts a sweep of one long run; gives its process once a condition holds."""
    started = []

    def sweep(condition):
        command = [sys.executable, "-m", "kreproduce", "sweep", "one.yaml", "--set", "epochs=500"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, cwd=kreproduce.folder, **pipes)
        started.append(process)
        deadline = time.monotonic() + 600
        while not condition():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return process

    yield sweep
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_ctrl_c(kreproduce, start):
    def an_epoch_is_done():
        found = kreproduce.folder.glob("results/runs/*/history.csv")
        return any("\n1," in history.read_text() for history in found)

    process = start(an_epoch_is_done)
    process.send_signal(signal.SIGINT)
    output, message = process.communicate(timeout=120)
    assert (process.returncode, message) == (130, "")
    assert "interrupted; the same command goes on with what is missing" in output
    (status,) = kreproduce.folder.glob("results/runs/*/status.json")
    assert json.loads(status.read_text())["state"] == "interrupted"
    plan = kreproduce("sweep", "one.yaml", "--set", "epochs=500", "--dry-run").output
    assert plan.startswith("interrupted  ")
    assert "; goes on after epoch " in plan


def test_a_schedulers_request_to_stop(kreproduce, start):
    process = start(lambda: list(kreproduce.folder.glob("results/logs/*.log")))
    process.send_signal(signal.SIGTERM)
    output, message = process.communicate(timeout=120)
    assert (process.returncode, message) == (143, "")
    assert "interrupted; the same command goes on with what is missing" in output
