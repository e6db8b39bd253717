"""What `kreproduce export --format onnx` writes of a network, computed by ONNX Runtime."""

import tempfile
import time
from pathlib import Path

import onnxruntime

from kreproduce.bench.case import Case, noise
from kreproduce.bench.timing import warmed_up
from kreproduce.data.record import Images
from kreproduce.export import onnx
from kreproduce.export.about import about
from kreproduce.export.served import served
from kreproduce.network.cost import count
from kreproduce.network.model import build


class Inference:
    """Class probabilities of images that are ready; see `steps.Inference` for the attributes.

    Args:
        case: the network, its weights as initialised.
        threads: of ONNX Runtime.
    """

    form = "inference"

    def __init__(self, case: Case, threads: int):
        experiment = case.experiment
        size = experiment.input_size
        started = time.perf_counter()
        self.parameters = count(experiment.architecture).parameters
        said = about(experiment, _images(size, experiment.classes))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "network.onnx")
            onnx.write(served(build(experiment.architecture), said), said, path)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        self._inputs = {"image": noise(experiment.batch_size, size).astype("float32")}
        self.set_up = time.perf_counter() - started
        self.first, self.steps = warmed_up(self._take)

    def __call__(self) -> float:
        """Seconds a batch, over about a second's batches."""
        return self._take(self.steps) / self.steps

    def _take(self, batches: int) -> float:
        started = time.perf_counter()
        for _ in range(batches):
            self._session.run(None, self._inputs)
        return time.perf_counter() - started


def _images(size: int, classes: int) -> Images:
    """Return what a run would have said of images of noise."""
    return Images(
        name="noise",
        source="folder",
        cached=False,
        original=False,
        not_original_because="none",
        split="none",
        train=1,
        validation=1,
        test=1,
        image_shape=(size, size, 3),
        class_names=tuple(map(str, range(classes))),
        fingerprint="0" * 64,
    )
