"""All checks, in order, each as soon as it is there."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from kreproduce.data import sources
from kreproduce.doctor import computing, datasets, driver, gpu, machine, software, storage
from kreproduce.doctor.check import Check
from kreproduce.doctor.computing import Computing
from kreproduce.doctor.trial import Trials, short_training
from kreproduce.errors import KreproduceError, StorageError
from kreproduce.system import gpus
from kreproduce.system.gpus import Machine
from kreproduce.text import printable


def examine(results: Path, data_dir: Path | None, *, gpu_only: bool = False) -> Iterator[Check]:
    """Check whether this machine, as it is set up, can do what runs ask of it.

    Args:
        results: where they are to be recorded.
        data_dir: where images lie, same as for `kreproduce run`.
        gpu_only: only what concerns a GPU.
    """
    there = gpus.detect()
    if not gpu_only:
        yield from _on_the_host(results, data_dir)
    yield driver.check_driver(there)
    backend = [software.check_keras_settings(), software.check_backend()]
    if not gpu_only or (there.expects_gpu and _has_fault(backend)):
        yield from backend
    if _has_fault(backend):
        yield Check("training step", "not applicable", "there is no backend to train with")
        yield Check("GPU", "not applicable", "there is no backend to use one")
        return
    if gpu_only and not there.expects_gpu:
        yield from _gpu(there, None)
        return
    try:
        found = computing.compute()
    except OSError as error:
        found = Computing(None, None, error.strerror or str(error))
    expected = driver.expected(there)
    yield computing.check_devices(found, expected)
    yield computing.check_threads(found)
    yield computing.check_step(found, max(1, expected))
    yield from _gpu(there, found)


def _on_the_host(results: Path, data_dir: Path | None) -> Iterator[Check]:
    yield software.check_versions()
    yield machine.check_processor()
    yield machine.check_memory()
    yield storage.check_results(results)
    yield storage.check_room(results)
    yield storage.check_locks(results)
    for dataset in sources.DATASETS:
        yield _guarded(dataset, partial(datasets.check_dataset, dataset, data_dir))


def _gpu(there: Machine, found: Computing | None) -> Iterator[Check]:
    """Yield what only a GPU shows, or why there is nothing to see."""
    if not there.has_gpu:
        yield Check("GPU", "not applicable", driver.NONE)
    elif not there.expects_gpu:
        yield Check("GPU", "not applicable", "CUDA_VISIBLE_DEVICES hides it")
    elif found is None or found.surroundings is None or not found.surroundings.gpu:
        yield Check("GPU", "not applicable", "the backend sees none")
    else:
        yield from _on_the_gpu()


def _on_the_gpu() -> Iterator[Check]:
    """Yield the checks of short trainings in a passing folder, and of two at once."""
    try:
        with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
            trials = Trials(Path(folder), environment=gpu.LOGGING)
            yield from gpu.check_gpu(trials, short_training(), short_training("float32"))
    except (OSError, StorageError) as error:
        found = f"short trainings find no place among the temporary files: {error}"
        yield Check("training", "fault", found, "set TMPDIR to a folder with 1 GB free")
    yield _guarded("sharing", gpu.check_sharing)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """Return what a check finds, or as a fault what it stumbles over."""
    try:
        return check()
    except KreproduceError as error:
        return Check(name, "fault", str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Check(name, "fault", printable(f"{where}{error.strerror or error}"))
    except MemoryError:
        found = "the memory does not take its images, nor would it for a run"
        return Check(name, "fault", found, "use a machine with more")
    except ImportError as error:
        found = f"the package {error.name} cannot be imported ({error})"
        return Check(name, "fault", found, "install kreproduce again in a new virtual environment")


def _has_fault(checks: list[Check]) -> bool:
    return any(check.state == "fault" for check in checks)
