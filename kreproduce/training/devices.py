"""The devices of this machine: what there is, what it is called, and how one run uses several.

The one file that asks a backend by name.
"""

import contextlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from kreproduce.errors import SettingsError
from kreproduce.system import gpus, nvidia, scheduling, unseen_gpus
from kreproduce.system.gpus import CPU
from kreproduce.text import printable, quoted

_STEPS_PER_EXECUTION = 8  # of a GPU on which nobody measured them


@dataclass(frozen=True)
class Devices:
    """What a run computes on: GPUs, or the CPU.

    Attributes:
        gpu: whether they are GPUs.
        names: what they are, one a replica, for the record.
        mirrored: the backend's names of the devices to share each batch among, if several.
        tensor_float_32: whether products of float32 may be computed with 10 bits of mantissa.
        deterministic: whether the same run gives the same weights to the last bit.
        sync_batch_norm: whether batch normalisation is over the whole batch, not each replica's
            share. Under JAX it always is: a step over several devices is the step of one.
        steps_at_once: training steps between two returns to Python, as a bench chose them; None
            is the default, see `steps_per_execution`.
        counting: whether the network can be told which images of a batch count.
    """

    gpu: bool
    names: tuple[str, ...]
    mirrored: tuple[str, ...] = ()
    tensor_float_32: bool | None = None
    deterministic: bool = False
    sync_batch_norm: bool = False
    steps_at_once: int | None = None
    counting: bool = True

    @property
    def replicas(self) -> int:
        """How many copies of the model share a batch."""
        return len(self.mirrored) or 1

    @property
    def may_compile(self) -> bool:
        """Whether XLA may compile the step; on a CPU TensorFlow is ten times slower with it."""
        return self.gpu or keras.backend.backend() == "jax"

    @property
    def fills_up(self) -> bool:
        """Whether a smaller last batch is filled up to the others' size, see `Batches`.

        So XLA compiles a step once. Not where replicas normalise each its own share: one could be
        left with nothing but filling.
        """
        if not self.counting:
            return False
        if keras.backend.backend() == "jax":
            return True
        # TensorFlow compiles nothing that has to be deterministic.
        compiles = self.gpu and not self.deterministic and keras.backend.backend() == "tensorflow"
        return compiles and self.replicas == 1

    def keep(self, size: int) -> bool:
        """Whether images of `size` bytes are to stay in the memory of each of these devices.

        On GPUs that take steps of one size, if they are no more than an eighth of the memory:
        several runs may share a GPU.
        """
        if not self.gpu or not self.fills_up:
            return False
        memory = gpus.memory()
        return memory is not None and size <= memory / 8

    @property
    def steps_per_execution(self) -> int:
        """Training steps between two returns to Python.

        A GPU's steps are short beside what Keras does in Python between them; on a CPU a signal
        should not wait for several.
        """
        if self.steps_at_once is not None:
            return self.steps_at_once
        return _STEPS_PER_EXECUTION if self.gpu and keras.backend.backend() == "tensorflow" else 1

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where a model must be built so that its replicas keep equal weights."""
        if not self.mirrored or keras.backend.backend() == "jax":  # which `find` has told
            return contextlib.nullcontext()
        import tensorflow as tf

        return tf.distribute.MirroredStrategy(list(self.mirrored)).scope()


def find(choice: str = "all", deterministic: bool | None = None) -> Devices:
    """Return the devices to train on: GPUs if there are any, or else the CPU.

    Under TensorFlow and JAX several share each batch; PyTorch takes one. Call it before anything
    is computed, because determinism must be asked for first. Under JAX whatever Keras builds
    afterwards is on these devices.

    Args:
        choice: "all", a number of devices, or their indices, say "0,2" (one index: "2,"); or
            "cpu", also where there are GPUs.
        deterministic: whether equal runs must give equal weights; None is yes on a CPU, where it
            costs next to nothing, and no on a GPU.

    Raises:
        SettingsError: `choice` asks for devices that are not there; or it is not "cpu", the
            backend sees no GPU, and the machine has one.
    """
    backend = keras.backend.backend()
    if deterministic:
        _be_deterministic(backend)
    cpu = choice == CPU
    if cpu:
        _leave_gpus_alone(backend)
        choice = "1"
    has_gpu = not cpu and _has_gpu(backend)
    if not cpu and not has_gpu:
        unseen_gpus.check(backend)
    if deterministic is None and not has_gpu:
        _be_deterministic(backend)
        deterministic = True
    if backend == "tensorflow":
        return _tensorflow(choice, has_gpu, bool(deterministic))
    if backend == "jax":
        return _jax(choice, has_gpu, bool(deterministic))
    gpus = _gpu_names(backend) if has_gpu else ()
    chosen = chosen_of(choice, len(gpus), "GPU") if gpus else chosen_of(choice, 1, "CPU")
    if choice != "all" and chosen != (0,):
        raise SettingsError(
            f"--devices {printable(choice)}: with KERAS_BACKEND={backend} a run uses the "
            "first device alone; "
            "leave it out, or choose the GPU with CUDA_VISIBLE_DEVICES"
        )
    return Devices(bool(gpus), gpus[:1] or _cpu_names(1), deterministic=bool(deterministic))


def sees_gpu() -> bool:
    """Whether the backend sees one that it could compute on."""
    return _has_gpu(keras.backend.backend())


def threads() -> dict[str, int]:
    """How many threads the backend computes with, by pool; empty where it does not say."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        configured = {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        }
        return {pool: number or _by_default(pool) for pool, number in configured.items()}
    if backend == "torch":
        import torch

        return {"intra_op": torch.get_num_threads(), "inter_op": torch.get_num_interop_threads()}
    return {}


def _by_default(pool: str) -> int:
    """Return the threads of a pool of TensorFlow's that nobody configured: a variable's, or all."""
    told = os.environ.get(f"TF_NUM_{pool.upper().replace('_', '')}_THREADS", "")
    number = int(told) if told.isascii() and told.isdigit() and len(told) < 6 else 0
    return number or scheduling.cores()


def chosen_of(choice: str, there: int, kind: str) -> tuple[int, ...]:
    """Return the indices that `choice` means among `there` devices.

    >>> chosen_of("all", 3, "GPU"), chosen_of("2", 3, "GPU"), chosen_of("2,", 3, "GPU")
    ((0, 1, 2), (0, 1), (2,))

    Raises:
        SettingsError: it is neither "all", nor a number or indices of what is there.
    """
    parts = [part.strip() for part in choice.split(",") if part.strip()]
    if choice == "all":
        return tuple(range(there))
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        raise SettingsError(
            f"--devices takes all, cpu, a number or a list such as 0,2, not {quoted(choice)}"
        )
    numbers = tuple(int(part[:9]) for part in parts)
    if "," not in choice:
        numbers = tuple(range(min(numbers[0], there + 1)))
    if not numbers or max(numbers) >= there or len(set(numbers)) < len(numbers):
        have = "1 device" if there == 1 else f"{there} devices"
        raise SettingsError(
            f"--devices {printable(choice)}: this machine has {have} to train on ({kind})"
        )
    return numbers


def check_batch(batch_size: int, images: int, devices: Devices) -> None:
    """Refuse batches that the replicas cannot share.

    Args:
        batch_size: images a batch.
        images: how many there are, in batches of that size and a last one of the rest.
        devices: the replicas.

    Raises:
        SettingsError: `batch_size` is no multiple of the replicas, and the message has the
            nearest; or the last batch is not filled up, and leaves a replica with nothing, or is
            the only one and no multiple.
    """
    replicas, rest = devices.replicas, images % batch_size
    if batch_size % replicas:
        nearest = max(round(batch_size / replicas), 1) * replicas
        raise SettingsError(
            f"a batch of {batch_size} cannot be shared evenly by {replicas} devices; the nearest "
            f"that can is --set batch_size={nearest}, or choose others with --devices"
        )
    if devices.fills_up:
        return
    # TensorFlow gives each replica the rounded-up share as long as there are images.
    share = -(-rest // replicas)
    empty = rest and -(-rest // share) < replicas
    if empty or (images < batch_size and rest % replicas):
        raise SettingsError(
            f"of {images:,} images in batches of {batch_size} the last has {rest}, which "
            f"{replicas} devices cannot share; choose fewer with --devices"
        )


def peak_memory(devices: Devices) -> int | None:
    """Return the most of the first GPU's memory that this process had, in bytes; None on a CPU."""
    if not devices.gpu:
        return None
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax":
        import jax

        device = jax.config.jax_default_device or jax.devices()[0]
        return int(device.memory_stats()["peak_bytes_in_use"])
    import torch

    return int(torch.cuda.max_memory_allocated())


def _has_gpu(backend: str) -> bool:
    if backend == "tensorflow":
        import tensorflow as tf

        nvidia.load_libraries()  # as of a process that no command line has tuned
        return bool(tf.config.list_physical_devices("GPU"))
    return bool(_gpu_names(backend))


def _leave_gpus_alone(backend: str) -> None:
    """Have the backend compute on the CPU, and take none of a GPU's memory."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")
    elif backend == "jax":
        import jax

        jax.config.update("jax_platforms", "cpu")  # without effect once it has computed
        jax.config.update("jax_default_device", jax.devices("cpu")[0])
    elif _gpu_names(backend):
        raise SettingsError(
            "--devices cpu: Keras takes PyTorch's GPU as soon as it is imported; set the "
            "environment variable KERAS_TORCH_DEVICE=cpu instead"
        )


def _gpu_names(backend: str) -> tuple[str, ...]:
    if backend == "jax":
        return tuple(device.device_kind for device in _jax_gpus())
    if os.environ.get("KERAS_TORCH_DEVICE") == "cpu":
        return ()
    import torch

    return tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _be_deterministic(backend: str) -> None:
    """Ask the backend for kernels that add up in the same order every time."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    else:  # XLA reads it when JAX first looks for devices; on a CPU it needs none
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()


def _tensorflow(choice: str, has_gpu: bool, deterministic: bool) -> Devices:
    import tensorflow as tf

    if not has_gpu:
        # Several only where they were configured, as for a test of what several GPUs do.
        cpus = tf.config.list_logical_devices("CPU")
        chosen = chosen_of(choice, len(cpus), "CPU")
        return Devices(
            False, _cpu_names(len(chosen)), _several("CPU", chosen), deterministic=deterministic
        )
    gpus = tf.config.list_physical_devices("GPU")
    chosen = chosen_of(choice, len(gpus), "GPU")
    tf.config.set_visible_devices([gpus[i] for i in chosen], "GPU")
    details = [tf.config.experimental.get_device_details(gpus[i]) for i in chosen]
    return Devices(
        gpu=True,
        names=tuple(detail.get("device_name", "GPU") for detail in details),
        mirrored=_several("GPU", range(len(chosen))),
        tensor_float_32=tf.config.experimental.tensor_float_32_execution_enabled(),
        deterministic=deterministic,
    )


def _jax(choice: str, has_gpu: bool, deterministic: bool) -> Devices:
    """Return the devices under JAX; Keras shares the batches among them from here on, if several.

    Of GPUs this was not run on any; on several CPU devices, which there are only where they were
    asked for (`--xla_force_host_platform_device_count`), it is tested.
    """
    import jax

    there = _jax_gpus() if has_gpu else jax.devices("cpu")
    chosen = [there[i] for i in chosen_of(choice, len(there), "GPU" if has_gpu else "CPU")]
    if chosen[0] != there[0]:
        jax.config.update("jax_default_device", chosen[0])
    kinds = tuple(device.device_kind for device in chosen)
    mirrored: tuple[str, ...] = ()
    distribution = None
    if len(chosen) > 1:
        mirrored = tuple(f"{device.platform}:{device.id}" for device in chosen)
        distribution = keras.distribution.DataParallel(
            devices=list(mirrored), auto_shard_dataset=False
        )
    keras.distribution.set_distribution(distribution)
    return Devices(
        gpu=has_gpu,
        names=kinds if has_gpu else _cpu_names(len(chosen)),
        mirrored=mirrored,
        deterministic=deterministic,
        sync_batch_norm=bool(mirrored),
    )


def _jax_gpus() -> list[Any]:
    import jax

    return [device for device in jax.devices() if device.platform == "gpu"]


def _several(kind: str, indices: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{kind}:{i}" for i in indices) if len(indices) > 1 else ()


def _cpu_names(number: int) -> tuple[str, ...]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(names, platform.processor() or platform.machine())
    return (name,) * number
