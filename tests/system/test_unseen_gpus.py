"""Where the machine has a GPU and the backend sees none, it is said why, and what mends it."""

import contextlib
import shlex
import sys
from importlib import metadata

import pytest
from helpers.support import TWO_GPUS, says

from kreproduce.errors import SettingsError
from kreproduce.system import gpus, unseen_gpus
from kreproduce.system.gpus import Gpu, Machine

ONE = (Gpu("NVIDIA H200", "GPU-1b2c3d4e-0000-1111-2222-333344445555"),)
NEEDED = ['nvidia-cublas-cu12<13.0,>=12.5; extra == "and-cuda"', "numpy>=1.26"]


@pytest.fixture
def installed(monkeypatch):
    """Installs just these distributions, by their versions."""

    def only(**versions):
        def version(name):
            try:
                return versions[name.replace("-", "_")]
            except KeyError:
                raise metadata.PackageNotFoundError(name) from None

        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setattr(metadata, "requires", lambda name: NEEDED)

    return only


def command_in(message, before="run ", after=", or compute"):
    return shlex.split(message.partition(before)[2].partition(after)[0])


PIP = [sys.executable, "-m", "pip", "install"]


@pytest.mark.parametrize(
    ("backend", "versions", "said", "command"),
    [
        (
            "tensorflow",
            {"tensorflow": "2.21.0"},
            "TensorFlow sees none: NVIDIA's libraries for it are not installed "
            "(nvidia-cublas-cu12); ",
            ["tensorflow[and-cuda]==2.21.0", "nvidia-cudnn-cu12<9.11"],
        ),
        (
            "jax",
            {"jax": "0.10.2"},
            "JAX sees none: JAX's CUDA plugin is not installed; ",
            ["jax[cuda12]==0.10.2"],
        ),
        (
            "torch",
            {"torch": "2.13.0+cpu"},
            "PyTorch sees none: PyTorch 2.13.0+cpu is built for the CPU alone; ",
            ["--force-reinstall", "torch"],
        ),
    ],
)
def test_what_is_not_installed_is_named_with_the_command(
    installed, backend, versions, said, command
):
    installed(**versions)
    message = unseen_gpus.why(Machine(ONE), backend)
    assert message.startswith(f"this machine has an NVIDIA GPU (NVIDIA H200), but {said}")
    assert message.endswith(", or compute on the CPU with --devices cpu")
    assert command_in(message) == [*PIP, *command]


@pytest.mark.parametrize(
    ("backend", "versions"),
    [
        ("tensorflow", {"tensorflow": "2.21.0", "nvidia_cublas_cu12": "12.9.3.13"}),
        ("tensorflow", {}),  # a system's own
        ("jax", {"jax": "0.10.2", "jax_cuda13_plugin": "0.10.2"}),
        ("torch", {"torch": "2.13.0"}),
    ],
    ids=str,
)
def test_with_all_of_it_the_backend_is_to_be_asked(installed, backend, versions):
    """The question is Python that runs."""
    installed(**versions)
    message = unseen_gpus.why(Machine(ONE), backend)
    python, option, script = command_in(message)
    assert (python, option) == (sys.executable, "-c")
    compile(script, "question", "exec")
    assert f"import {backend}" in script


def test_a_driver_that_does_not_work_is_named_before_what_is_not_installed(installed):
    installed(tensorflow="2.21.0")
    machine = Machine((), "nvidia-smi says: Driver/library version mismatch", ("/dev/nvidia0",))
    message = unseen_gpus.why(machine, "tensorflow")
    assert message.startswith("this machine has an NVIDIA GPU (/dev/nvidia0), but TensorFlow")
    assert "driver does not work (nvidia-smi says: Driver/library version mismatch)" in message
    assert " pip " not in message


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"tensorflow": "2.21.0"}, "libraries for it are not installed"),
        (
            {"tensorflow": "2.21.0", "nvidia_cublas_cu12": "12.9.3.13"},
            "the NVIDIA driver does not work (there is no nvidia-smi); install it",
        ),
    ],
    ids=str,
)
def test_without_nvidia_smi_the_driver_may_work(installed, versions, said):
    installed(**versions)
    machine = Machine((), gpus.NO_TOOL, ("/dev/nvidia0", "/dev/nvidia1"))
    message = unseen_gpus.why(machine, "tensorflow")
    assert "has 2 NVIDIA GPUs (/dev/nvidia0, /dev/nvidia1), but" in message
    assert said in message


@pytest.mark.parametrize(
    ("chosen", "is_there"),
    [("0", True), ("1", False), ("GPU-1b2c", True), ("GPU-ffff", False)],
)
def test_a_variable_that_names_none_of_the_gpus(installed, chosen, is_there):
    installed(tensorflow="2.21.0")
    message = unseen_gpus.why(Machine(ONE, chosen=(chosen,)), "tensorflow")
    assert (f"CUDA_VISIBLE_DEVICES={chosen} is none of them; unset it" in message) != is_there


@pytest.mark.parametrize("chosen", ["all", "0-3", "cuda:0", "GPU0", "0 1"])
@pytest.mark.parametrize("has_tool", [True, False], ids=["listed", "not listed"])
def test_who_means_gpus_and_names_none_is_told_how_to(
    nvidia_smi, monkeypatch, tmp_path, chosen, has_tool
):
    """To hide them is something else."""
    nvidia_smi(says(TWO_GPUS) if has_tool else "exit 9")
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    with pytest.raises(SettingsError, match=f"CUDA_VISIBLE_DEVICES={chosen} is none of them; uns"):
        unseen_gpus.check("tensorflow")


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_backend_that_sees_none_is_refused(nvidia_smi, monkeypatch, backend):
    nvidia_smi(says(TWO_GPUS))
    for variable in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "KERAS_TORCH_DEVICE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SettingsError, match=r"2 NVIDIA GPUs \(NVIDIA H200, Tesla V100-SXM2-16GB\)"):
        unseen_gpus.check(backend)


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        ("print('words of TensorFlow\\nit sees none')", True),
        ("print('words of TensorFlow')", False),
        ("print('it sees none'); raise SystemExit(1)", False),
    ],
    ids=["none", "some", "fails"],
)
def test_a_process_of_its_own_can_be_asked_first(nvidia_smi, monkeypatch, answers, refused):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr(unseen_gpus, "_ASK", answers)
    nvidia_smi(says(TWO_GPUS))
    with pytest.raises(SettingsError) if refused else contextlib.nullcontext():
        unseen_gpus.check_soon()


def test_no_process_is_asked_where_there_is_no_gpu(nvidia_smi, monkeypatch, tmp_path):
    nvidia_smi("echo no devices were found >&2; exit 6")
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    monkeypatch.setattr(unseen_gpus, "python", None)
    unseen_gpus.check_soon()


@pytest.mark.parametrize(
    ("backend", "variable", "value"),
    [
        ("tensorflow", "CUDA_VISIBLE_DEVICES", ""),
        ("jax", "CUDA_VISIBLE_DEVICES", "-1"),
        ("jax", "JAX_PLATFORMS", "cpu"),
        ("jax", "JAX_PLATFORM_NAME", "cpu"),
        ("torch", "KERAS_TORCH_DEVICE", "cpu"),
    ],
)
def test_who_has_said_so_may_take_the_cpu(nvidia_smi, monkeypatch, backend, variable, value):
    nvidia_smi(says(TWO_GPUS))
    monkeypatch.setenv(variable, value)
    unseen_gpus.check(backend)


def test_a_machine_without_gpus_takes_the_cpu(nvidia_smi, monkeypatch, tmp_path):
    nvidia_smi("echo no devices were found >&2; exit 6")
    monkeypatch.setattr(gpus, "_DEVICE_FILES", tmp_path)
    unseen_gpus.check("tensorflow")
