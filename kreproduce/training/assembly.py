"""The model that is trained: from source images and warps to the network's logits, compiled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras

from kreproduce.data.layers import Enlarge, Warp
from kreproduce.experiment import Experiment
from kreproduce.network.lowering import Lowering
from kreproduce.network.model import build
from kreproduce.training.devices import Devices
from kreproduce.training.optimizer import Keras2RMSprop


@dataclass(frozen=True)
class Assembly:
    """A network and what trains it.

    Attributes:
        network: the network alone, from images in [0, 1] to class probabilities.
        model: from {"source": uint8 images, "warp": matrices}, see `Views`, to logits; compiled.
        loss: the running mean of the loss over the batches of an epoch.
        accuracy: the running mean of the accuracy.
        precision: Keras' dtype policy of the network.
    """

    network: keras.Model
    model: keras.Model
    loss: keras.metrics.Metric
    accuracy: keras.metrics.Metric
    precision: str

    @property
    def xla(self) -> bool:
        """Whether a step is compiled by XLA."""
        return bool(self.model.jit_compile)


def assemble(
    experiment: Experiment,
    image_shape: tuple[int, ...],
    devices: Devices,
    lowering: Lowering = "auto",
) -> Assembly:
    """Build and compile what an experiment trains, its weights drawn from the seed.

    Args:
        experiment: says the network, the precision and the resizing.
        image_shape: height, width and channels of the source images.
        devices: where it is to be trained.
        lowering: how grouped layers are computed; changes nothing but the speed.
    """
    precision = experiment.gpu_precision if devices.gpu else experiment.cpu_precision
    keras.utils.set_random_seed(experiment.seed)
    with _dtype_policy(precision), devices.scope():
        network = build(experiment.architecture, lowering=lowering)
        if devices.sync_batch_norm and devices.replicas > 1 and _normalizes_by_share():
            _synchronize(network)
        model = _with_warp(network, experiment, image_shape)
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        model.compile(
            optimizer=Keras2RMSprop(),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[accuracy],
            jit_compile="auto" if devices.may_compile else False,
            steps_per_execution=devices.steps_per_execution,
        )
        # Variables made in the first step would make TensorFlow trace it twice.
        model.optimizer.build(model.trainable_variables)
    loss = next(metric for metric in model.metrics if metric.name == "loss")
    return Assembly(network, model, loss, accuracy, precision)


def _normalizes_by_share() -> bool:
    """Whether replicas normalise each its share, unless told; JAX computes the batch as one."""
    return bool(keras.backend.backend() == "tensorflow")


def _synchronize(network: keras.Model) -> None:
    """Have batch normalisation take its statistics over all replicas."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True  # read when the model is traced, which is later


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _with_warp(
    network: keras.Model, experiment: Experiment, image_shape: tuple[int, ...]
) -> keras.Model:
    source = keras.Input(image_shape, dtype="uint8", name="source")
    warp = keras.Input((2, 3), dtype="float32", name="warp")
    enlarged = Enlarge(experiment.input_size, experiment.resize, name="enlarge")(source)
    shown = Warp(name="show")([enlarged, warp])
    logits = keras.Model(network.input, network.get_layer("classifier_logits").output)
    return keras.Model([source, warp], logits(shown))
