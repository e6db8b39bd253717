"""What training takes of the memory, with images of noise, about as large as malaria's."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from kreproduce.bench.case import Case
from kreproduce.bench.conditions import peak_host_memory
from kreproduce.data import cache, dataset, sources
from kreproduce.data.images import Source
from kreproduce.data.views import Views, training_views, validation_views
from kreproduce.experiment.settings import resolve
from kreproduce.network.lowering import Lowering
from kreproduce.system import scheduling
from kreproduce.training import devices as devices_module
from kreproduce.training.devices import Devices
from kreproduce.training.model import compile_model
from kreproduce.training.out_of_memory import memory_of
from kreproduce.training.store import kept_of

_CHOSEN = (
    *("size", "variant", "ch", "layer_l", "activation"),
    *("batch_size", "precision", "input_size", "skip_strides"),
)
STEPS = 20
# Pixels of a side: the malaria images are of many sizes, 133 on average.
_SIDES = range(101, 166)


def measure(
    case: Case, number: int, devices: Devices, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Load images from a cache, train at most 20 steps, validate; one row per stage.

    Args:
        case: the network, its input size, batch and precision.
        number: of images, of about the size of malaria's.
        devices: where.
        say: is told how it goes.

    Raises:
        OutOfMemoryError: it does not fit.
        StorageError: the disk for temporary files does not take 110 KB an image.
    """
    chosen = {name: getattr(case.experiment, name) for name in _CHOSEN}
    experiment = resolve({"dataset": "malaria", "data_name": "noise"}, chosen)
    rows: list[dict[str, Any]] = []
    started = time.perf_counter()

    def stage(what: str, started: float) -> None:
        seconds, peak = time.perf_counter() - started, peak_host_memory()
        rows.append(
            {
                "stage": what,
                "seconds": seconds,
                "peak_host_bytes": peak,
                "peak_device_bytes": devices_module.peak_memory(devices),
            }
        )
        say(f"{what}: {seconds:.0f} s")

    with tempfile.TemporaryDirectory() as folder:
        stage("before loading", started)
        cache.write(_noise(number), cache.path_in(Path(folder), "malaria"))
        say("cache written")
        started = time.perf_counter()
        images = dataset.load(experiment, sources.locate("malaria", Path(folder)))
    stage(f"{number:,} images loaded", started)
    scheduling.keep_memory()  # as a run does, now that the images are there
    with memory_of(experiment):
        started = time.perf_counter()
        lowering = cast(Lowering, case.lowering)
        shape = images.train.images.shape[1:]
        kept = kept_of(images, devices)  # as of a run
        compiled = compile_model(experiment, shape, devices, lowering, kept=kept)
        size = experiment.batch_size
        views = _first(training_views(experiment, images.train, 0), STEPS * size)
        batches = compiled.batches(views, size)
        compiled.model.fit(batches, shuffle=False, verbose=0)
        stage(f"{len(batches):,} steps of {size} images trained", started)
        started = time.perf_counter()
        views = validation_views(experiment, images.validation, 0)
        compiled.model.evaluate(compiled.batches(views, size), verbose=0)
        stage(f"{len(views.order):,} views validated", started)
    return rows


def cells(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows' cells as a person reads them."""
    return [
        {
            "stage": row["stage"],
            "s": f"{row['seconds']:.0f}",
            "host, peak GB": _gigabytes(row["peak_host_bytes"]),
            "device, peak GB": _gigabytes(row["peak_device_bytes"]),
        }
        for row in rows
    ]


def _gigabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e9:.2f}"


def _first(views: Views, count: int) -> Views:
    return Views(views.subset, views.order[:count], views.matrices[:count])


def _noise(number: int) -> Source:
    """Images of about the size of malaria's."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (side, side + 1, 3), np.uint8) for side in _SIDES]
    return Source(
        name="malaria",
        kind="folder",
        class_names=("Parasitized", "Uninfected"),
        labels=(np.arange(number, dtype=np.int32) >= number // 2).astype(np.int32),
        names=[f"{index:06}.png" for index in range(number)],
        parts=np.full(number, "all"),
        decode=lambda index: images[index % len(images)],
    )
