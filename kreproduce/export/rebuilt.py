"""A run's network, built again from its settings with its weights."""

from pathlib import Path

import keras

from kreproduce.experiment.settings import Experiment
from kreproduce.network import tensorflow_kernels
from kreproduce.network.model import build, precision


def network_of(experiment: Experiment, weights: Path, policy: str = "float32") -> keras.Model:
    """Return the network of an experiment: images in [0, 1] to class probabilities, see `build`.

    Args:
        experiment: what decides it.
        weights: the file that the run left, known to be whole.
        policy: the dtype policy to compute under.
    """
    with precision(policy):
        network = build(experiment.architecture)
    network.load_weights(weights)
    return network


def logits_of(network: keras.Model, compiled: bool) -> keras.Model:
    """Return a network from images (batch, size, size, 3) of 0 to 255 to logits.

    Args:
        network: of `network_of`.
        compiled: whether XLA compiled the run; on a CPU it does not here, where it is slow.
    """
    image = keras.Input(network.input_shape[1:], dtype="float32", name="image")
    # As the test of a run computes them.
    shown = keras.ops.divide(image, 255)
    logits = keras.Model(network.input, network.get_layer("classifier_logits").output)
    model = keras.Model(image, logits(shown))
    tensorflow = keras.backend.backend() == "tensorflow"
    model.compile(
        jit_compile=compiled and not tensorflow_kernels.on_cpu() if tensorflow else "auto"
    )
    return model
