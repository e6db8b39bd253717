"""Sweeps on a Ray cluster of this machine: a node dies, GPUs are shared, Ctrl-C, bad machines."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.ray_cluster import RayCluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("short_network"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

TINY = "dataset: digits\nlimit: 20\nbatch_size: 16\nvariant: baseline\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, short_network):
    """Its head has one CPU; a test adds what else it needs, and takes it away."""
    with RayCluster(tmp_path_factory.mktemp("cluster") / "cwd") as cluster:
        yield cluster


@pytest.fixture
def start(kreproduce, cluster):
    """Starts a sweep over so many seeds on the cluster."""
    started = []

    def sweep(*arguments, runs=1, epochs=500):
        files = [f"{seed}.yaml" for seed in range(1, runs + 1)]
        for seed, file in enumerate(files, 1):
            text = f"{TINY}epochs: {epochs}\nseed: {seed}\n"
            (kreproduce.folder / file).write_text(text)
        command = [sys.executable, "-m", "kreproduce", "sweep", *files]
        process = subprocess.Popen(
            [*command, "--ray", cluster.address, *arguments],
            cwd=kreproduce.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield sweep
    for process in started:
        process.kill()
        process.communicate()


def wait(condition, process=None, seconds=600):
    """What the condition gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def end(process, code):
    """Output and message of a sweep that ends with this exit code."""
    output, message = process.communicate(timeout=600)
    assert process.returncode == code, output + message
    return output, message


def children(folder):
    """The processes of runs that are recorded below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        results = command[command.index(b"--results") + 1] if b"--results" in command else b""
        if b"run" in command and results.startswith(bytes(folder)):
            found.append(int(path.name))
    return found


def rows(history):
    return len(history.read_text().splitlines()) - 1


def nothing_is_in_use(cluster):
    return set(cluster.in_use().values()) == {0}


def test_a_run_whose_node_dies_goes_on_at_another(kreproduce, cluster, start):
    cluster.add(name="second", num_cpus=1)
    cluster.take_head()
    sweep = start(epochs=12)
    (history,) = wait(lambda: list(kreproduce.folder.glob("results/runs/*/history.csv")), sweep)
    wait(lambda: rows(history) >= 3, sweep)
    (child,) = children(kreproduce.folder)
    before = history.read_text().splitlines()
    assert rows(history) < 12
    cluster.kill(name="second")
    wait(lambda: child not in children(kreproduce.folder), sweep, seconds=30)
    cluster.free_head()
    output, message = end(sweep, 0)

    name = history.parent.name
    said = [line.partition(" (")[0] for line in output.splitlines() if line.startswith(name)]
    machine = os.uname().nodename
    log = history.parents[2] / "logs" / f"{name}.log"
    assert said == [
        f"{name}: sent to the cluster, its output in {log.relative_to(kreproduce.folder)}",
        f"{name}: started on {machine}",
        f"{name}: lost on {machine}",
        f"{name}: started on {machine}",
        f"{name}: done",
    ]
    assert message == ""
    # With the very seconds of the epochs: they were not trained again.
    assert history.read_text().splitlines()[: len(before)] == before
    assert rows(history) == 12
    record = json.loads((history.parent / "record.json").read_text())
    assert record["settings"]["epochs"] == 12
    commands = [line for line in log.read_text().splitlines() if line.startswith("$ ")]
    assert len(commands) == 2
    assert commands[0].count(" run digits ") == 1
    assert "Raylet is terminated" in (log.parent / "ray.log").read_text()
    assert sorted(path.name for path in log.parent.iterdir()) == [log.name, "ray.log"]
    wait(lambda: nothing_is_in_use(cluster))


def test_two_share_a_gpu_and_ctrl_c_brings_them_home(kreproduce, cluster, start, tmp_path):
    """To the cluster, which works in another folder, this results folder is another."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    own = {"TMPDIR": str(scratch), "CUDA_VISIBLE_DEVICES": "0"}
    cluster.add(name="gpu", num_cpus=4, num_gpus=1, env_vars=own)
    results = Path("/proc/self/cwd/results")
    sweep = start("--results", str(results), "--gpus-per-run", "0.5", runs=3)
    histories = wait(
        lambda: [h for h in scratch.glob("*/runs/*/history.csv") if rows(h) >= 1][1:], sweep
    ) and list(scratch.glob("*/runs/*/history.csv"))
    assert len(histories) == len(children(scratch)) == 2
    assert cluster.in_use() == {"CPU": 2, "GPU": 1}
    for child in children(scratch):
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        assert {b"CUDA_VISIBLE_DEVICES=0", b"TF_FORCE_GPU_ALLOW_GROWTH=true"} <= {*environment}
    sweep.send_signal(signal.SIGINT)
    output, message = end(sweep, 130)
    assert message == ""
    assert f"not all machines see {results}: the runs are carried there and back" in output
    assert "interrupted; the same command goes on with what is missing" in output

    assert children(scratch) == []
    assert list(scratch.iterdir()) == []
    wait(lambda: nothing_is_in_use(cluster))
    home = kreproduce.folder / "results"
    assert not list(home.glob("runs/*.tmp"))
    for history in histories:
        folder = home / "runs" / history.parent.name
        status = json.loads((folder / "status.json").read_text())
        assert (status["state"], status["epoch"]) == ("interrupted", rows(folder / "history.csv"))
        assert status["epoch"] >= 1
        assert any((folder / "checkpoints").iterdir())
        assert "validation" in (home / "logs" / f"{folder.name}.log").read_text()
    plan = kreproduce("sweep", "1.yaml", "2.yaml", "3.yaml", "--dry-run").output.splitlines()
    assert [line.split()[0] for line in plan[:3]] == ["interrupted", "interrupted", "missing"]
    assert "; goes on after epoch " in plan[0]
    cluster.kill(name="gpu")


def test_failures_are_named_and_make_room_for_the_next(kreproduce, cluster, start):
    """Three runs with settings of others, on a cluster with room for one at a time."""
    runs = kreproduce.folder / "results" / "runs"
    runs.mkdir(parents=True)
    names = [line.split()[1] for line in end(start("--dry-run", runs=3), 0)[0].splitlines()[:3]]
    for name in names:
        (runs / name).mkdir()
        (runs / name / "settings.json").write_text('{"seed": 99}')
    output, message = end(start(runs=3), 8)
    lines = message.splitlines()
    assert (
        lines[0] == "3 of 3 runs failed; when that is mended, the same command goes on with them:"
    )
    assert [line.partition(":")[0].strip() for line in lines[1:]] == names
    assert all(": exit code 7: " in line for line in lines[1:])
    assert output.count(f": started on {os.uname().nodename}\n") == 3
    assert "sent again" not in output


def test_a_run_is_not_tried_for_ever(kreproduce, cluster, start):
    """The process that Ray has for it is killed again and again, as where memory is short."""
    sweep = start()
    killed = []
    while len(killed) < 4:
        (child,) = wait(lambda: [*{*children(kreproduce.folder)} - {*killed}], sweep)
        parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        killed.append(child)
        wait(lambda: child not in children(kreproduce.folder), seconds=20)  # noqa: B023
    output, message = end(sweep, 8)
    assert output.count("; sent again\n") == 3
    assert (
        "1 of 1 run failed; when that is mended, the same command goes on with them:\n" in message
    )
    assert f": lost on {os.uname().nodename} (" in message
    assert "), 4 tries (" in message
    wait(lambda: nothing_is_in_use(cluster))


def test_a_sweep_that_is_killed_leaves_the_cluster_clean(kreproduce, cluster, start):
    sweep = start()
    wait(lambda: children(kreproduce.folder), sweep)
    sweep.kill()
    wait(lambda: not children(kreproduce.folder), seconds=60)
    wait(lambda: nothing_is_in_use(cluster), seconds=60)


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("__version__ = '0.0.9'; __path__ = []", "has none (ModuleNotFoundError: No module named"),
        (
            "__version__ = '0.0.9'; import pkgutil; __path__ = REAL",
            "has 0.0.9, and this is kreproduce ",
        ),
    ],
    ids=["without the package", "with another version"],
)
def test_a_machine_that_cannot_take_runs(kreproduce, cluster, start, tmp_path, package, message):
    import kreproduce as real

    (tmp_path / "kreproduce").mkdir()
    text = package.replace("REAL", repr([*real.__path__]))
    (tmp_path / "kreproduce" / "__init__.py").write_text(text)
    cluster.add(name="bad", num_cpus=1, env_vars={"PYTHONPATH": str(tmp_path)})
    _, said = end(start(), 2)
    cluster.kill(name="bad")
    assert message in said
    assert said.startswith(f"kreproduce: --ray {cluster.address}: {os.uname().nodename} has ")
    assert "install the same on every machine of the cluster" in said
    assert len(said.splitlines()) == 1
    assert not list(kreproduce.folder.glob("results/runs/*"))
