"""What should hold of a grouped model, checked on any: of the user's own, or of a family."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from kreproduce.network.any_model import cost as counting
from kreproduce.network.any_model.group import carry_out, hand_over, layers_of
from kreproduce.network.any_model.plan import Plan, Variant, one_group, plan
from kreproduce.network.any_model.units import find
from kreproduce.network.channels import Ch
from kreproduce.network.grouping import Interleaving
from kreproduce.network.lowering import LOWERINGS, Lowering
from kreproduce.text import printable, some

_IMAGES = 16
_SIDE = 64  # of inputs whose size is left open
# Between inputs, as a share of the largest output: what is enough, and what is aimed at.
_VARIED, _WELL_VARIED = 0.01, 0.3
_CLOSE = 1e-3  # how far outputs may lie apart, as a share of how far they do for different inputs
# Likewise, as roots of mean squares, for half precision. Many layers amplify what is rounded away:
# up to so many times as far is right, too, as the model itself lies from its own outputs.
_HALF = {"mixed_float16": 0.2, "mixed_bfloat16": 0.5}
_TIMES = 4
# In a process of its own, which knows Keras and not this package.
_LOAD = """
import sys, numpy, keras
folder, seed = sys.argv[1:]
keras.utils.set_random_seed(int(seed))
model = keras.models.load_model(f"{folder}/model.keras")
given = numpy.load(f"{folder}/inputs.npz")
outputs = keras.tree.flatten(model([given[name] for name in sorted(given.files)], training=False))
numpy.savez(f"{folder}/outputs.npz", *[keras.ops.convert_to_numpy(one) for one in outputs])
"""


@dataclass(frozen=True)
class Check:
    """One thing that should hold.

    Attributes:
        name: of what was checked.
        passed: whether it holds.
        detail: the figure that decided it, or what went wrong.
    """

    name: str
    passed: bool
    detail: str


def check_grouped(
    model: keras.Model,
    *,
    ch: Ch | Mapping[str, Ch | None],
    keep: str | Sequence[str] = (),
    layer_l: bool = True,
    variant: Variant = "v2",
    interleaving: Interleaving = "authors",
) -> list[Check]:
    """Group a model's pointwise layers, and check whatever should hold of the copy.

    Weights are drawn for it, so that outputs differ between images. It takes some ten times as long
    as a call of the model, and starts a further process.

    The arguments are those of `group_pointwise`.

    Returns:
        the checks: layers were grouped; only they differ; counts are as foretold; with one group a
        layer and the model's own weights the outputs are the model's; outputs vary; the file gives
        the same in plain Keras, in a process of its own; every lowering gives the same; half
        precision comes near; a training step is finite; and the model given is as it was.

    Raises:
        SettingsError: see `group_pointwise`.
    """
    before = _digest(model)
    planned = plan(
        model, ch=ch, keep=keep, layer_l=layer_l, variant=variant, interleaving=interleaving
    )
    checks = checks_of(planned)
    checks["original untouched"] = lambda: _same(before, _digest(model))
    return [_checked(name, check) for name, check in checks.items()]


def checks_of(planned: Plan) -> dict[str, Callable[[], tuple[bool, str]]]:
    """Make the copy that is planned, and return what is to be checked of it, in this order."""
    checks = _Checks(planned)
    return {
        "layers grouped": checks.grouped,
        "only grouped layers differ": checks.others_equal,
        "counts as foretold": checks.counts,
        "wired as the model": checks.wired,
        "outputs vary": checks.vary,
        "file gives the same": checks.reloaded,
        **{f"{way} gives the same": partial(checks.lowered, way) for way in LOWERINGS},
        **{f"{policy} comes near": partial(checks.halved, policy) for policy in _HALF},
        "training step finite": checks.trained,
    }


def _checked(name: str, check: Callable[[], tuple[bool, str]]) -> Check:
    try:
        passed, detail = check()
    except Exception as error:  # of anything in somebody's model: that is what is looked for
        passed, detail = False, f"{type(error).__name__}: {printable(error)}"
    return Check(name, passed, detail)


class _Checks:
    """The checks of one copy, in their order: they share it, and its drawn weights."""

    def __init__(self, planned: Plan) -> None:
        self._plan = planned
        self._copy, self._units = carry_out(planned)
        self._undrawn = {path: _weights(layer) for path, layer in layers_of(self._copy).items()}
        generator = np.random.default_rng(0)
        self._inputs = _drawn_inputs(self._copy, generator)
        _draw(self._copy, self._inputs, generator)
        heads = _with_kernel(self._copy, planned)
        self._outputs = _spread_out(self._copy, heads, self._inputs)
        self._spread = _spread(self._outputs)

    def grouped(self) -> tuple[bool, str]:
        report = self._plan.report
        return bool(report.grouped), report.headline

    def others_equal(self) -> tuple[bool, str]:
        """Every layer that is not replaced stands in the copy, with its settings and weights."""
        replaced = {
            name
            for one in self._plan.replaced.values()
            for name in (one.unit.path, *one.unit.absorbed)
        }
        copied = layers_of(self._copy)
        wrong = [
            path
            for path, layer in layers_of(self._plan.model).items()
            if path not in replaced
            and not (
                path in copied
                and _config(layer) == _config(copied[path])
                and _equal(_weights(layer), self._undrawn[path])
            )
        ]
        kept = len(layers_of(self._plan.model)) - len(replaced)
        return not wrong, f"differ: {some(wrong)}" if wrong else f"{kept} layers equal"

    def counts(self) -> tuple[bool, str]:
        """Parameters as Keras counts them, computations by the layers that the copy has."""
        report = self._plan.report
        _, graphs = find(self._copy)
        counted = counting.model_cost(graphs[id(self._copy)], graphs)
        parameters, _, size = counting.weights_of(self._copy)
        passed = (
            parameters == report.parameters[1]
            and self._copy.count_params() == parameters + counted.untrainable
            and (report.computations is None or counted.computations == report.computations[1])
            and round(size / 1e6, 6) == round(report.size[1], 6)
        )
        return passed, f"{parameters:,} parameters, {counted.computations:,} computations"

    def wired(self) -> tuple[bool, str]:
        """One group, and no L, is the pointwise layer itself: nothing but the wiring can differ."""
        itself, _ = carry_out(Plan(self._plan.model, {}, self._plan.report))
        _draw(itself, self._inputs, np.random.default_rng(0))
        wanted = _spread_out(itself, _with_kernel(itself, self._plan), self._inputs)
        units, _ = find(itself)
        names = {one.unit.path: one.nodes[0].layer for one in self._plan.replaced.values()}
        dense = {
            id(unit.layer): one_group(unit, names[unit.path])
            for unit in units
            if unit.path in names
        }
        other, grouped = carry_out(Plan(itself, dense, self._plan.report))
        for one in grouped:
            one.take_all()
        difference = _difference(_outputs(other, self._inputs), wanted)
        largest = _CLOSE * _spread(wanted)
        return difference <= largest, f"outputs differ by {difference:.2g}, at most {largest:.2g}"

    def vary(self) -> tuple[bool, str]:
        largest = _largest(self._outputs)
        passed = self._spread > _VARIED * largest
        return passed, f"outputs of up to {largest:.2g} differ by up to {self._spread:.2g}"

    def reloaded(self) -> tuple[bool, str]:
        with tempfile.TemporaryDirectory(prefix="kreproduce-") as folder:
            self._copy.save(Path(folder) / "model.keras")
            names: dict[str, Any] = {f"{i:04d}": one for i, one in enumerate(self._inputs)}
            np.savez(Path(folder) / "inputs.npz", **names)
            environment = os.environ | {"KERAS_BACKEND": keras.backend.backend()}
            done = subprocess.run(
                [sys.executable, "-c", _LOAD, folder, "7"],
                env=environment,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                return False, printable((done.stderr.strip() or "it was killed").splitlines()[-1])
            with np.load(Path(folder) / "outputs.npz") as given:
                outputs = [given[name] for name in given.files]
        return self._near(outputs, _CLOSE)

    def lowered(self, lowering: Lowering) -> tuple[bool, str]:
        other, units = carry_out(self._plan, lowering)
        hand_over((self._copy, self._units), (other, units))
        return self._near(_outputs(other, self._inputs), _CLOSE)

    def halved(self, policy: str) -> tuple[bool, str]:
        other, _ = carry_out(self._plan)
        other.set_weights(self._copy.get_weights())
        error = _half_error(other, self._inputs, policy)
        detail = f"outputs differ by {error:.2g} of their spread on average"
        if error <= _HALF[policy]:
            return True, f"{detail}, at most {_HALF[policy]:.2g}"
        itself, _ = carry_out(Plan(self._plan.model, {}, self._plan.report))
        _draw(itself, self._inputs, np.random.default_rng(0))
        own = _half_error(itself, self._inputs, policy)
        return error <= _TIMES * own, f"{detail}, the model's own by {own:.2g}"

    def trained(self) -> tuple[bool, str]:
        """One step on the copy, of which nothing else is asked any more."""
        self._copy.compile(optimizer=keras.optimizers.SGD(1e-3), loss="mean_squared_error")
        targets = [np.zeros_like(output) for output in self._outputs]
        given = self._inputs if len(self._inputs) > 1 else self._inputs[0]
        loss = float(
            np.ravel(self._copy.train_on_batch(given, targets if len(targets) > 1 else targets[0]))[
                0
            ]
        )
        finite = all(np.isfinite(weight).all() for weight in self._copy.get_weights())
        return bool(np.isfinite(loss)) and finite, f"loss {loss:.4g}"

    def _near(self, outputs: list[np.ndarray], most: float) -> tuple[bool, str]:
        """Whether outputs are those of the copy, but for a share of what they differ by."""
        difference = _difference(outputs, self._outputs)
        largest = most * self._spread
        return difference <= largest, f"outputs differ by {difference:.2g}, at most {largest:.2g}"


def _with_kernel(model: keras.Model, planned: Plan) -> list[Any]:
    """Return the last layers of a copy, so far as they can be made stronger."""
    layers = layers_of(model)
    heads = (layers.get(path) for path in planned.report.heads)
    return [layer for layer in heads if hasattr(layer, "kernel")]


def _weights(layer: Any) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in layer.get_weights()]


def _equal(ones: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return len(ones) == len(others) and all(map(np.array_equal, ones, others))


def _config(layer: Any) -> str:
    return json.dumps(keras.saving.serialize_keras_object(layer)["config"], default=str)


def _drawn_inputs(model: keras.Model, generator: np.random.Generator) -> list[np.ndarray]:
    """Draw inputs in the range that a model wants: 0 to 255 if it scales them itself."""
    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    low, high = (-1, 1)
    if any(isinstance(layer, scaling) for layer in layers_of(model).values()):
        low, high = 0, 255
    inputs = []
    for tensor in model.inputs:
        shape = (_IMAGES, *(_SIDE if length is None else length for length in tensor.shape[1:]))
        if "int" in tensor.dtype:
            inputs.append(generator.integers(0, 2, shape).astype(tensor.dtype))
        else:
            inputs.append(generator.uniform(low, high, shape).astype("float32"))
    return inputs


def _draw(model: keras.Model, inputs: list[np.ndarray], generator: np.random.Generator) -> None:
    """Draw scales and shifts, and have batch normalisation know the statistics of the inputs.

    With the weights that a network begins with, it gives nearly the same for every image.
    """
    normalizations = [
        layer
        for layer in layers_of(model).values()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    drawn = {"gamma": (0.5, 1.5), "beta": (-0.5, 0.5), "bias": (-0.1, 0.1)}
    for layer in layers_of(model).values():
        for weight in layer.weights:
            if weight.name in drawn:
                weight.assign(generator.uniform(*drawn[weight.name], weight.shape))
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    was = model.trainable
    model.trainable = True  # frozen normalisation takes no note of statistics
    frozen = [layer for layer in layers_of(model).values() if not layer.trainable]
    model(inputs if len(inputs) > 1 else inputs[0], training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum
    if not was:
        model.trainable = was
    for layer in frozen:
        layer.trainable = False


def _outputs(model: keras.Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    given = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return [
        np.asarray(ops.convert_to_numpy(ops.cast(one, "float32")))
        for one in keras.tree.flatten(given)
    ]


def _spread_out(model: keras.Model, heads: list[Any], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Strengthen the last layers for as long as that has outputs vary more; return the outputs."""
    outputs = _outputs(model, inputs)
    while (varied := _spread(outputs) / _largest(outputs)) < _WELL_VARIED and heads:
        for layer in heads:
            layer.kernel.assign(2 * layer.kernel)
        outputs = _outputs(model, inputs)
        if _spread(outputs) <= 1.2 * varied * _largest(outputs):
            break
    return outputs


def _difference(outputs: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(
        float(np.abs(one.astype("float64") - other).max())
        for one, other in zip(outputs, others, strict=True)
    )


def _spread(outputs: list[np.ndarray]) -> float:
    return max(float(np.ptp(output, axis=0).max()) for output in outputs)


def _half_error(model: keras.Model, inputs: list[np.ndarray], policy: str) -> float:
    """Return how far half precision is from single, as a share of the outputs' own spread."""
    full = _outputs(model, inputs)
    for layer in layers_of(model).values():
        if layer.compute_dtype == "float32":
            layer.dtype_policy = policy
    half = _outputs(model, inputs)
    return max(
        _root_mean_square(one - other) / (_root_mean_square(other - other.mean(axis=0)) or np.inf)
        for one, other in zip(half, full, strict=True)
    )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values.astype("float64")))))


def _largest(outputs: list[np.ndarray]) -> float:
    return max(float(np.abs(output).max()) for output in outputs) or 1.0


def _digest(model: keras.Model) -> str:
    """Return what tells whether a model was changed: weights, flags, and calls of its layers."""
    digest = hashlib.sha256()
    for path, layer in layers_of(model).items():
        digest.update(f"{path} {layer.trainable} {len(layer._inbound_nodes)}".encode())
        for weight in layer.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _same(before: str, after: str) -> tuple[bool, str]:
    return (
        before == after,
        "weights, flags and calls as before" if before == after else "it changed",
    )
