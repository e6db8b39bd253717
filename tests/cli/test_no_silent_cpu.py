"""On a machine with GPUs that the backend does not see, what would compute stops instead."""

import pytest
from helpers.support import TWO_GPUS, says, tree

TINY = "dataset: digits\nlimit: 20\nepochs: 1\nbatch_size: 16\nch: 16\n"


@pytest.fixture
def machine(kreproduce, nvidia_smi, monkeypatch):
    """The command line on a machine with GPUs, of which a backend finds none under this name."""
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1b2c3d4e")
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    (kreproduce.folder / "one.yaml").write_text(TINY)
    return kreproduce


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "one.yaml"],
        ["run", "cifar10", "--ch", "4"],  # before it is downloaded
        ["sweep", "one.yaml", "5"],  # and none of its runs starts
        ["bench", "steps", "baseline", "--only", "training"],
    ],
    ids=" ".join,
)
def test_it_stops_with_one_sentence(machine, arguments):
    before = set(tree(machine.folder))
    result = machine(*arguments)
    assert result.code == 2
    assert len(result.message.splitlines()) == 1
    assert result.message.startswith("kreproduce: this machine has 2 NVIDIA GPUs (")
    assert result.message.endswith(", or compute on the CPU with --devices cpu")
    left = set(tree(machine.folder)) - before
    assert not [path for path in left if path.endswith((".log", "record.json", "history.csv"))]


def test_several_runs_on_the_cpu_are_dealt_its_cores_not_the_gpus(machine):
    arguments = ["sweep", "5", "--jobs", "2", "--dry-run"]
    assert " GPU" in machine(*arguments).output.splitlines()[-1]
    assert " GPU" not in machine(*arguments, "--devices", "cpu").output.splitlines()[-1]
