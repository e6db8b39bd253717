"""Processor and memory, with another machine's /proc and /sys in a folder."""

import pytest

from kreproduce.doctor import machine
from kreproduce.system import scheduling

GB = 10**9


@pytest.fixture
def tell(tmp_path):
    """Another machine's memory, and what a container has of it."""

    def write(whole, free, limit=None, file="memory.max"):
        (tmp_path / "proc").mkdir(exist_ok=True)
        lines = f"MemTotal: {whole // 1024} kB\nMemFree: 1 kB\nMemAvailable: {free // 1024} kB\n"
        (tmp_path / "proc" / "meminfo").write_text(lines)
        if limit is not None:
            path = tmp_path / "sys" / "fs" / "cgroup" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{limit}\n")
        return machine.check_memory(tmp_path)

    return write


def test_the_cores_are_those_of_this_process():
    check = machine.check_processor()
    assert check.state == "ok"
    assert check.values["cores"] == scheduling.cores()


def test_this_machine_tells_its_memory():
    values = machine.check_memory().values
    assert 0 < values["available"] <= values["memory"]


@pytest.mark.parametrize(
    ("free", "state", "said"),
    [
        (20 * GB, "ok", "20.0 GB are available"),
        (5 * GB, "ok", "enough for CIFAR-10; a run on malaria takes 7 GB"),
        (2 * GB, "warning", "a run on CIFAR-10 takes up to 3 GB on a CPU"),
    ],
)
def test_memory_that_is_free(tell, free, state, said):
    check = tell(32 * GB, free)
    assert check.state == state
    assert said in check.found


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_with_less(tell, file):
    check = tell(64 * GB, 60 * GB, 2 * GB, file)
    assert check.state == "warning"
    assert check.values["memory"] == 2 * GB


@pytest.mark.parametrize("limit", ["max", 2**63 - 4096])
def test_a_container_without_a_limit(tell, limit):
    assert tell(64 * GB, 60 * GB, limit).state == "ok"


def test_a_system_that_does_not_tell(tmp_path):
    assert machine.check_memory(tmp_path).state == "not applicable"
