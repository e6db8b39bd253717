"""What a machine of a cluster does with an order, without the cluster."""

import asyncio
import os

import pytest
from helpers.recorded import record_of, write

from kreproduce.experiment.settings import resolve
from kreproduce.runs.folder import RunFolder
from kreproduce.sweep.ray_cluster import packing, worker
from kreproduce.sweep.ray_cluster.worker import Order, Worker

EXPERIMENT = resolve({"dataset": "digits"}, {"limit": 20})


def order(tmp_path, **given):
    (tmp_path / "probe").touch()
    fields = {
        "experiment": EXPERIMENT,
        "results": tmp_path,
        "probe": tmp_path / "probe",
        "data_dir": None,
        "devices": "all",
        "packed": None,
        "shared": False,
        "again": False,
    }
    return Order(**fields | given)


def finished(results, images=10):
    """The folder of a finished run: running it again only says so."""
    return write(results, record_of(EXPERIMENT, images=images))


def carry(tmp_path, folder=None):
    packed = packing.pack(folder) if folder else None
    return order(tmp_path, results=None, packed=packed)


def test_in_a_results_folder_that_it_sees(tmp_path):
    finished(tmp_path)
    outcome = asyncio.run(Worker().run(order(tmp_path)))
    assert (outcome.state, outcome.why, outcome.packed, outcome.log) == ("done", None, None, None)
    (log,) = (tmp_path / "logs").iterdir()
    assert "it was finished before" in log.read_text()


def test_carried_there_and_back(tmp_path, monkeypatch):
    monkeypatch.setattr(worker.tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    folder = finished(tmp_path / "home")
    outcome = asyncio.run(Worker().run(carry(tmp_path, folder)))
    assert (outcome.state, outcome.why) == ("done", None)
    assert "it was finished before" in outcome.log
    packing.unpack(outcome.packed, tmp_path / "back")
    assert (tmp_path / "back" / "record.json").read_bytes() == (folder / "record.json").read_bytes()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_failure_names_the_last_line(tmp_path):
    """Its images are nowhere: the run refuses at once."""
    cifar = resolve({"dataset": "cifar10"}, {"limit": 20, "ch": 16})
    given = {"experiment": cifar, "data_dir": tmp_path / "nowhere", "results": None}
    outcome = asyncio.run(Worker().run(order(tmp_path, **given)))
    assert outcome.state == "missing"
    assert outcome.why.startswith("exit code 3: ")
    assert "nowhere does not exist" in outcome.why
    assert outcome.log.rstrip().endswith(outcome.why.removeprefix("exit code 3: "))
    assert outcome.packed is None


def test_results_that_it_does_not_see(tmp_path):
    outcome = asyncio.run(Worker().run(order(tmp_path, probe=tmp_path / "elsewhere")))
    assert outcome.why.endswith(f"does not see {tmp_path}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["probe"]


def test_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "logs").write_text("in the way")
    outcome = asyncio.run(Worker().run(order(tmp_path)))
    assert outcome.state == "failed"
    assert "logs cannot be written" in outcome.why


@pytest.mark.parametrize("shared", [False, True])
def test_runs_that_share_a_gpu_do_not_take_all_of_its_memory(tmp_path, monkeypatch, shared):
    for name in worker.SHARED_GPU:
        monkeypatch.delenv(name, raising=False)
    seen = []
    monkeypatch.setattr(worker, "RunProcess", lambda *args, **_: seen.append(args[3]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Worker().run(order(tmp_path, shared=shared)))
    assert (worker.SHARED_GPU.items() <= seen[0].items()) == shared


def test_told_to_stop_before_it_began(tmp_path):
    async def stopped():
        waiting = Worker()
        await waiting.stop()
        return await waiting.run(order(tmp_path))

    outcome = asyncio.run(stopped())
    assert (outcome.state, outcome.why) == ("missing", "stopped before it began")
    assert not (tmp_path / "logs").exists()


def test_a_lock_that_died_with_its_machine_is_waited_for(tmp_path):
    finished(tmp_path)
    holder = RunFolder(tmp_path, EXPERIMENT)
    holder.claim()

    async def again():
        running = asyncio.create_task(Worker().run(order(tmp_path, again=True)))
        await asyncio.sleep(1.5)
        assert not running.done()
        holder.close()
        return await running

    assert asyncio.run(again()).state == "done"


def test_a_lock_that_stays_is_not_waited_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_LEASE", 0.0)
    holder = RunFolder(tmp_path, EXPERIMENT)
    holder.claim()
    outcome = asyncio.run(Worker().run(order(tmp_path, again=True)))
    holder.close()
    assert (outcome.state, outcome.why) == ("running", None)


def test_how_far_it_is(tmp_path):
    async def looked():
        return await Worker().look()

    assert asyncio.run(looked()) == (os.uname().nodename, 0)
