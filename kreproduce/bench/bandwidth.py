"""The device's memory: how fast it copies, and what a training step moves through it.

Steps of these networks on a GPU wait for the memory, not for arithmetic; so the share of the
bandwidth that a step comes to says how much is left to gain.
"""

import math
import time
from collections.abc import Mapping

from kreproduce import paper
from kreproduce.experiment.settings import Experiment, of_row
from kreproduce.network import operations as op
from kreproduce.network.cost import total_cost
from kreproduce.network.description import Network, describe
from kreproduce.training.console import FORWARD_SHARE

_COPY_BYTES = {True: 2**30, False: 2**26}  # on a GPU, on a CPU: more than its caches
_COPIES, _REPEATS = 10, 5
# A float32 parameter is read forward and backward; its gradient is written and read; the
# optimiser reads and writes it and its mean square.
_PER_PARAMETER = 4 * 8


def copied_a_second(*, gpu: bool) -> float:
    """Bytes read and written a second where a kernel reads and writes an array; the best of five.

    By Keras' backend on the device that it uses, and so what a step can come to at most. Not run
    on a GPU.
    """
    from keras import ops

    size = _COPY_BYTES[gpu]
    start = ops.zeros((size // 4,), "float32")
    taken = []
    for _ in range(_REPEATS + 1):  # the first compiles
        began, values = time.perf_counter(), start
        for _ in range(_COPIES):
            values = ops.add(values, 1.0)
        ops.convert_to_numpy(values[:1])  # a value read is there
        taken.append(time.perf_counter() - began)
    return 2 * size * _COPIES / min(taken[1:])


def bytes_of_step(experiment: Experiment, *, gpu: bool) -> int:
    """Estimate the bytes that a training step reads and writes, from the network's layers.

    As if what is element by element were fused with what gives or takes it, and nothing were kept
    in caches:

    - a convolution reads its input and writes its output; backward it reads the output's gradient
      twice and its input again, and writes the input's gradient;
    - batch normalisation reads its input twice and writes once; backward it reads input and
      gradient twice and writes once;
    - the scaling of squeeze-and-excitation reads its input and writes its output; backward it reads
      input and gradient and writes the input's gradient: five in all;
    - padding reads and writes once forward and once backward;
    - the addition reads one tensor more than is fused, and an average reads its input;
    - activations, dropout and interleaving are fused.

    Args:
        experiment: the network, its input, its batch and its precision: a value has two bytes
            under a mixed one, or four.
        gpu: which precision "auto" means.
    """
    precision = experiment.gpu_precision if gpu else experiment.cpu_precision
    network = describe(experiment.architecture)
    a_value = 2 if precision.startswith("mixed_") else 4
    activations = a_value * experiment.batch_size * _values(network)
    return activations + _PER_PARAMETER * total_cost(network).parameters


def hours_of_table(
    table: int, measured: Mapping[str, tuple[Experiment, float]], *, gpu: bool
) -> float:
    """Estimate the hours that a table's runs take, one seed each, one after the other.

    A row's step takes as many bytes more than that of the network measured as `bytes_of_step`
    says; a row whose own network was measured goes by that one. A step without a gradient, as in
    validation, counts a quarter.

    Args:
        table: its number.
        measured: by network, as run folders name it, what was measured and the seconds of a step.
        gpu: whether on a GPU.
    """
    runs = {e.identity: e for e in map(of_row, paper.rows(table))}
    return sum(_seconds(run, measured, gpu) for run in runs.values()) / 3600


def _seconds(run: Experiment, measured: Mapping[str, tuple[Experiment, float]], gpu: bool) -> float:
    known, seconds = measured.get(run.model_name) or next(iter(measured.values()))
    step = seconds * bytes_of_step(run, gpu=gpu) / bytes_of_step(known, gpu=gpu)
    sizes = paper.IMAGES[run.dataset].sizes
    views = sizes.validation * (4 if run.validation == "fourfold" else 1)
    training = math.ceil(sizes.train / run.batch_size)
    return run.epochs * step * (training + FORWARD_SHARE * math.ceil(views / run.batch_size))


def _values(network: Network) -> int:
    """Activations and gradients that one image's step reads and writes."""
    return sum(_moved(node) for node in network.nodes)


def _moved(node: op.Node) -> int:
    read, written = math.prod(node.input_shape), math.prod(node.shape)
    match node.operation:
        case (
            op.Convolution()
            | op.DepthwiseConvolution()
            | op.Pointwise()
            | op.GroupedPointwise()
            | op.Dense()
        ):
            return 3 * read + 3 * written
        case op.BatchNormalization():
            return 8 * written
        case op.Pad():
            return 2 * read + 2 * written
        case op.Scale():
            return 5 * written
        case op.Add() | op.GlobalAverage():
            return read
    return 0
