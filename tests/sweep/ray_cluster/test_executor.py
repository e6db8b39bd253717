"""What a run gets of a cluster, and addresses where there is none."""

import socket
import time

import pytest
from helpers.support import tree

from kreproduce.errors import SettingsError
from kreproduce.sweep.ray_cluster import connect
from kreproduce.sweep.ray_cluster.executor import share
from kreproduce.sweep.ray_cluster.session import Share

TINY = "dataset: digits\nlimit: 20\nepochs: 2\nbatch_size: 16\nch: 16\n"
HEAD = {"CPU": 4.0}
ONE = {"CPU": 8.0, "GPU": 1.0}
FOUR = {"CPU": 32.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("machines", "asked", "got", "fit"),
    [
        ([HEAD, ONE], None, Share(1.0, 1.0), [0, 1]),
        ([HEAD, ONE, FOUR], 0.5, Share(0.5, 1.0), [0, 2, 8]),
        ([FOUR], 0.4, Share(0.4, 1.0), [8]),  # never parts of two
        ([FOUR], 0.1, Share(0.1, 1.0), [32]),  # the CPUs are fewer than 40
        ([HEAD], None, Share(0.0, 4.0), [1]),
        ([HEAD, {"CPU": 9.0}, {"CPU": 0.0}, {}], None, Share(0.0, 4.0), [1, 2, 0, 0]),
    ],
)
def test_what_a_run_gets(machines, asked, got, fit):
    assert share(machines, asked) == got
    assert [got.fits(machine) for machine in machines] == fit


def test_what_a_run_gets_that_takes_no_gpu():
    assert share([HEAD, ONE, FOUR], None, "cpu") == Share(0.0, 4.0)


@pytest.mark.parametrize(
    ("machines", "asked", "message"),
    [
        ([HEAD], 1.0, "the cluster has no GPU"),
        ([{"GPU": 1.0}], 1.0, "the cluster has no GPU"),  # that anything could use
        ([], None, "no machine of the cluster has a CPU to offer"),
        ([{"CPU": 0.0}], None, "no machine of the cluster has a CPU to offer"),
    ],
)
def test_a_cluster_that_cannot_take_a_run(machines, asked, message):
    with pytest.raises(SettingsError, match=message):
        share(machines, asked)


@pytest.fixture
def sweep(kreproduce):
    (kreproduce.folder / "one.yaml").write_text(TINY)
    return lambda *arguments: kreproduce("sweep", "one.yaml", *arguments)


def refused(result, *parts):
    assert result.code == 2
    for part in parts:
        assert part in result.message
    assert len(result.message.splitlines()) == 1


def test_without_ray(sweep, tmp_path, monkeypatch):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("raise ModuleNotFoundError(name='ray')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    refused(sweep("--ray", "auto"), "--ray needs Ray; install it: pip install 'kreproduce[ray]'")


def test_nobody_there(sweep, kreproduce):
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = f"127.0.0.1:{server.getsockname()[1]}"
    before = tree(kreproduce.folder)
    refused(sweep("--ray", free), f"--ray {free}: no cluster that can be used (", "refused")
    refused(sweep("--ray", "127.0.0.1:99999"), "no cluster that can be used (")
    assert tree(kreproduce.folder) == before


def test_somebody_else_there(monkeypatch):
    """A port that takes connections and never says anything, as of another program."""
    monkeypatch.setattr(connect, "_LONG_PATIENCE", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(SettingsError, match="what answers there is no head of a cluster"):
            connect.connect(address)
        assert time.monotonic() - started < 20


def test_the_dry_run_asks_no_cluster(sweep):
    result = sweep("--ray", "127.0.0.1:1", "--dry-run")
    assert (result.code, result.message, result.imported) == (0, "", [])
