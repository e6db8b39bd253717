"""Cores, dealt out to runs side by side; what a process has of them is what it says itself."""

import json
import os
import subprocess
import sys
import threading

import pytest

from kreproduce.sweep import cores

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux has it")

ASK = [sys.executable, "-c", "import os, json; print(json.dumps(sorted(os.sched_getaffinity(0))))"]


def asked():
    """The cores that a process started now may use."""
    return json.loads(subprocess.run(ASK, check=True, capture_output=True).stdout)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of these cores: of each its package and its core, by the system's number."""

    def make(topology):
        for number, (package, core) in topology.items():
            folder = tmp_path / f"cpu{number}" / "topology"
            folder.mkdir(parents=True)
            (folder / "physical_package_id").write_text(f"{package}\n")
            (folder / "core_id").write_text(f"{core}\n")
        monkeypatch.setattr(cores, "_TOPOLOGY", tmp_path)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(topology))

    return make


@pytest.mark.parametrize(
    ("number", "parts", "expected"),
    [
        (2, 1, [(0, 1)]),
        (2, 2, [(0,), (1,)]),
        (2, 5, [(0,), (1,)]),
        (5, 2, [(0, 1), (2, 3, 4)]),
        (8, 3, [(0, 1), (2, 3, 4), (5, 6, 7)]),
        (1, 4, [(0,)]),
        (0, 2, []),
    ],
)
def test_by_hand(number, parts, expected):
    assert cores.divide(range(number), parts) == expected


@pytest.mark.parametrize("number", [1, 2, 7, 64])
@pytest.mark.parametrize("parts", [1, 2, 3, 8, 63])
def test_parts_share_no_core_and_leave_none(number, parts):
    divided = cores.divide(range(100, 100 + number), parts)
    assert len(divided) == min(parts, number)
    assert [core for part in divided for core in part] == list(range(100, 100 + number))
    sizes = [len(part) for part in divided]
    assert max(sizes) - min(sizes) <= 1


def test_the_two_halves_of_a_core_stay_together(machine):
    """Eight of two packages, numbered as Linux numbers them on most machines."""
    machine({n: (n % 4 // 2, n % 2) for n in range(8)})
    assert cores.divide(cores.usable(), 4) == [(0, 4), (1, 5), (2, 6), (3, 7)]
    assert cores.divide(cores.usable(), 2) == [(0, 1, 4, 5), (2, 3, 6, 7)]


def test_a_machine_that_does_not_tell_its_halves(machine, tmp_path):
    machine(dict.fromkeys((9, 2, 4), (0, 0)))
    (tmp_path / "cpu9" / "topology" / "core_id").unlink()
    (tmp_path / "cpu2" / "topology" / "core_id").write_text("none")
    (tmp_path / "cpu4" / "topology" / "physical_package_id").unlink()
    assert cores.usable() == [2, 4, 9]


def test_usable_is_what_this_process_may_use():
    assert sorted(cores.usable()) == asked()


def test_elsewhere_nothing_is_dealt_out(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores.usable() == []
    with cores.only(()) as granted:
        assert granted == ()


@pytest.mark.parametrize("index", [0, -1])
def test_a_process_started_in_it_has_these_alone(index):
    before = os.sched_getaffinity(0)
    one = sorted(before)[index]
    with cores.only((one,)) as granted:
        assert asked() == [one]
        assert granted == (one,)
    assert os.sched_getaffinity(0) == before
    assert asked() == sorted(before)


def test_without_cores_a_process_has_all():
    with cores.only(()):
        assert asked() == sorted(os.sched_getaffinity(0))


def test_what_is_no_longer_granted_is_left_out():
    """As when a batch system has taken a core away since the sweep began."""
    before = sorted(os.sched_getaffinity(0))
    absent = max(before) + 1
    with cores.only((absent,)) as granted:
        assert (granted, asked()) == ((), before)
    with cores.only((before[0], absent)) as granted:
        assert (granted, asked()) == ((before[0],), before[:1])


def test_other_threads_are_left_what_they_have():
    before = os.sched_getaffinity(0)
    seen = []
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait(20)
        seen.append(os.sched_getaffinity(0))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with cores.only((min(before),)):
        go.set()
        assert done.wait(20)
    thread.join()
    assert seen == [before]


def test_an_error_leaves_the_cores_as_they_were():
    before = os.sched_getaffinity(0)
    with pytest.raises(FileNotFoundError), cores.only((min(before),)):
        raise FileNotFoundError
    assert os.sched_getaffinity(0) == before


THREADS = """
import os
import numpy as np
import tensorflow as tf
kernel = tf.ones((3, 3, 8, 16))
print(sum(tf.nn.conv2d(tf.ones((64, 64, 64, 8)), kernel, 1, "SAME")[0, 0, 0].numpy()) > 0)
names = [open(f"/proc/self/task/{t}/comm").read().strip() for t in os.listdir("/proc/self/task")]
print(names.count("tf_Compute"))
"""


@pytest.mark.slow
def test_tensorflow_starts_as_many_threads_as_it_may_use_cores():
    usable = tuple(os.sched_getaffinity(0))
    for own in {usable, usable[:1]}:
        with cores.only(own):
            command = [sys.executable, "-c", THREADS]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.split() == ["True", str(len(own))]
