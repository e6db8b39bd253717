"""The model that is trained: from source images and warps to the network's logits, compiled."""

from dataclasses import dataclass
from typing import Any

import keras

from kreproduce.data.layers import Enlarge, Warp
from kreproduce.data.views import Views
from kreproduce.experiment.settings import Experiment
from kreproduce.network.layers import counting
from kreproduce.network.lowering import Lowering
from kreproduce.network.model import build, precision
from kreproduce.training.batches import Batches
from kreproduce.training.devices import Devices
from kreproduce.training.optimizer import Keras2RMSprop
from kreproduce.training.other_model import OtherModel
from kreproduce.training.store import Kept, Store, StoredBatches


@dataclass(frozen=True)
class CompiledModel:
    """A network and what trains it.

    Attributes:
        network: the network alone, from images in [0, 1] to class probabilities.
        model: from what `batches` gives to logits; compiled.
        loss: the running mean of the loss over the images of an epoch.
        accuracy: the running mean of the accuracy.
        precision: Keras' dtype policy of the network.
        fill_up: whether a smaller last batch is filled up.
        store: what has the images on the device; None where each batch comes from the host.
        other: what the network is of, where it is none of the paper's.
    """

    network: keras.Model
    model: keras.Model
    loss: keras.metrics.Metric
    accuracy: keras.metrics.Metric
    precision: str
    fill_up: bool
    store: Store | None = None
    other: OtherModel | None = None

    def batches(self, views: Views, batch_size: int, first: int = 0) -> Batches:
        """Return views as the model takes them, without the first batches.

        Where there is a store, they are to be used before the next ones are asked for.
        """
        if self.store is not None:
            return StoredBatches(self.store, views, batch_size, first)
        return Batches(views, batch_size, first, fill_up=self.fill_up)

    @property
    def xla(self) -> bool:
        """Whether a step is compiled by XLA."""
        return bool(self.model.jit_compile)


def compile_model(
    experiment: Experiment,
    image_shape: tuple[int, ...],
    devices: Devices,
    lowering: Lowering = "auto",
    kept: Kept | None = None,
) -> CompiledModel:
    """Build and compile what an experiment trains, its weights drawn from the seed.

    Args:
        experiment: says the network, the precision and the resizing.
        image_shape: height, width and channels of the source images.
        devices: where it is to be trained.
        lowering: how grouped layers are computed; changes nothing but the speed.
        kept: images to keep on the devices, on those that fill up batches; none is from the host.
    """
    policy = experiment.gpu_precision if devices.gpu else experiment.cpu_precision
    keras.utils.set_random_seed(experiment.seed)
    with precision(policy), devices.scope():
        other = None if experiment.model is None else OtherModel(experiment, lowering)
        network = other.network if other else build(experiment.architecture, lowering=lowering)
        if devices.sync_batch_norm and devices.replicas > 1 and _normalizes_by_share():
            _synchronize(network)
        fill_up = devices.fills_up
        store = None if kept is None else Store(kept)
        model = _with_warp(network, experiment, image_shape, fill_up, store)
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        # Keras' own mean of the loss weighs a batch that is filled up like the others.
        loss = keras.metrics.SparseCategoricalCrossentropy("loss", from_logits=True)
        model.compile(
            optimizer=Keras2RMSprop(),
            loss=keras.losses.SparseCategoricalCrossentropy(
                from_logits=True,
                reduction="mean_with_sample_weight" if fill_up else "sum_over_batch_size",
            ),
            metrics=None if fill_up else [accuracy],
            weighted_metrics=[loss, accuracy] if fill_up else None,
            jit_compile="auto" if devices.may_compile else False,
            steps_per_execution=devices.steps_per_execution,
        )
        # Variables made in the first step would make TensorFlow trace it twice.
        model.optimizer.build(model.trainable_variables)
    if not fill_up:
        loss = next(metric for metric in model.metrics if metric.name == "loss")
    return CompiledModel(network, model, loss, accuracy, policy, fill_up, store, other)


def _normalizes_by_share() -> bool:
    """Whether replicas normalise each its share, unless told; JAX computes the batch as one."""
    return bool(keras.backend.backend() == "tensorflow")


def _synchronize(network: keras.Model) -> None:
    """Have batch normalisation take its statistics over all replicas."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True  # read when the model is traced, which is later


class _Counting(keras.layers.Layer):
    """A model of [images, counts (batch,)], which says which images count; see `counting`."""

    def __init__(self, model: keras.Model):
        super().__init__(name="counting", dtype="float32", autocast=False)
        self.model = model

    def call(self, inputs: tuple[Any, Any]) -> Any:
        images, counts = inputs
        with counting(counts):
            return self.model(images)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.model.compute_output_shape(input_shape[0])


def _with_warp(
    network: keras.Model,
    experiment: Experiment,
    image_shape: tuple[int, ...],
    fill_up: bool,
    store: Store | None,
) -> keras.Model:
    if store is None:
        source = keras.Input(image_shape, dtype="uint8", name="source")
        warp = keras.Input((2, 3), dtype="float32", name="warp")
        inputs = [source, warp]
    else:
        inputs = [keras.Input((), dtype="int32", name="places")]
        source, warp = store(inputs[0])
    enlarged = Enlarge(experiment.input_size, experiment.resize, name="enlarge")(source)
    shown = Warp(name="show")([enlarged, warp])
    logits = keras.Model(network.input, network.get_layer("classifier_logits").output)
    if not fill_up:
        return keras.Model(inputs, logits(shown))
    counts = keras.Input((), dtype="float32", name="counts")
    return keras.Model([*inputs, counts], _Counting(logits)([shown, counts]))
