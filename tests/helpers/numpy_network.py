"""A described network in NumPy, in float64: slow, plain, and no code of the layers'.

What any Keras backend computes is measured against it.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kreproduce.network import operations as op

EPSILON = 1e-3  # Keras' batch normalisation


def forward(network, weights, images, training=False):
    """Every node's output by its name.

    `weights` are lists of arrays by the layer's name, as Keras' `get_weights` gives them. In
    training, batch normalisation takes the batch's own mean and variance, and dropout none.
    """
    tensors = {op.INPUT: np.asarray(images, "float64")}
    for node in network.nodes:
        inputs = [tensors[name] for name in node.inputs]
        own = [np.asarray(weight, "float64") for weight in weights.get(node.name, ())]
        tensors[node.name] = _output(node.operation, inputs, own, training)
    return tensors


def drawn_weights(network, model, images, seed=0):
    """Weights for `model` from NumPy's random numbers, the same under every backend.

    The moving averages are near what `images` give, so that the outputs differ among images by
    about as much in any network.
    """
    rng = np.random.default_rng(seed)
    weights, tensors = {}, {op.INPUT: np.asarray(images, "float64")}
    for node in network.nodes:
        inputs = [tensors[name] for name in node.inputs]
        own = [] if isinstance(node.operation, op.Dropout) else model.get_layer(node.name).weights
        own = [_drawn(rng, node.operation, weight.name, weight.shape) for weight in own]
        if isinstance(node.operation, op.BatchNormalization):
            mean, variance = _moments(inputs[0])
            own[2] = mean + 0.1 * own[2] * np.sqrt(variance)
            own[3] = variance * own[3]
        own = [weight.astype("float32") for weight in own]
        tensors[node.name] = _output(node.operation, inputs, own, training=False)
        if own:
            weights[node.name] = own
    return weights


def give(model, weights):
    """Set the weights of a Keras model."""
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)


def taken(model):
    """The weights of a Keras model, by layer."""
    return {layer.name: layer.get_weights() for layer in model.layers}


def _drawn(rng, operation, name, shape):
    if name in ("gamma", "moving_variance"):
        return rng.uniform(0.7, 1.3, shape)
    if len(shape) == 1:
        return rng.normal(0, 0.3, shape)
    depthwise = isinstance(operation, op.DepthwiseConvolution)
    fan_in = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
    if isinstance(operation, op.GroupedPointwise):
        fan_in = operation.grouping.group_channels
    return rng.normal(0, fan_in**-0.5, shape)


def _output(operation, inputs, weights, training):
    x = inputs[0]
    match operation:
        case op.Pad(before=before, after=after):
            return np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
        case op.Convolution(kernel=kernel, stride=stride):
            windows = sliding_window_view(x, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
            return np.einsum("nhwcij,ijcf->nhwf", windows, weights[0])
        case op.DepthwiseConvolution(kernel=kernel, stride=stride):
            if stride == 1:
                side = kernel // 2
                x = np.pad(x, ((0, 0), (side, side), (side, side), (0, 0)))
            windows = sliding_window_view(x, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
            places = np.ndindex(kernel, kernel)  # one at a time: einsum would be ten times slower
            return sum(windows[..., i, j] * weights[0][i, j, :, 0] for i, j in places)
        case op.Pointwise(bias=bias):
            return x @ weights[0][0, 0] + (weights[1] if bias else 0)
        case op.GroupedPointwise(grouping=grouping, bias=bias):
            return _grouped(x, grouping, weights[:-1] if bias else weights) + (
                weights[-1] if bias else 0
            )
        case op.Interleave(step=step):
            return x[..., _interleaved(x.shape[-1], step)]
        case op.BatchNormalization():
            gamma, beta, mean, variance = weights
            if training:
                mean, variance = _moments(x)
            return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta
        case op.Activation(function="relu"):
            return np.maximum(x, 0)
        case op.Activation(function=function):
            gate = 1 / (1 + np.exp(-x))
            return {"sigmoid": gate, "swish": x * gate}[function]
        case op.GlobalAverage(flat=flat):
            return x.mean(axis=(1, 2), keepdims=not flat)
        case op.Scale():
            return x * inputs[1]
        case op.Add():
            return x + inputs[1]
        case op.Dropout():
            return x
        case op.Dense():
            return x @ weights[0] + weights[1]
        case op.Softmax():
            exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
            return exponentials / exponentials.sum(axis=-1, keepdims=True)
    raise TypeError(operation)


def _grouped(x, grouping, kernels):
    """Equations 7 to 15: the groups of path 1, then a filter each on the first groups."""
    x = x[..., _interleaved(x.shape[-1], grouping.interleave)]
    width = grouping.group_channels
    repeated = np.concatenate([x, x], axis=-1)  # for the last group, which may run out
    groups = [repeated[..., m * width : (m + 1) * width] for m in range(grouping.groups)]
    outputs = [group @ kernels[0][m] for m, group in enumerate(groups)]
    if len(kernels) > 1:
        outputs += [groups[m] @ kernel[:, None] for m, kernel in enumerate(kernels[1])]
    return np.concatenate(outputs, axis=-1)


def _interleaved(channels, step):
    return sorted(range(channels), key=lambda channel: (channel % step, channel))


def _moments(x):
    axes = tuple(range(x.ndim - 1))
    return x.mean(axis=axes), x.var(axis=axes)
