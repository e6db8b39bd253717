"""A Keras model as a graph: which layer or operation is called on what, read off its configuration.

The configuration, which Keras writes into files, is the only public form of it.
"""

from dataclasses import dataclass, field
from typing import Any

import keras

from kreproduce.errors import SettingsError
from kreproduce.text import printable, quoted

Shape = tuple[int | None, ...]
_INSIDE = "keras.src."


@dataclass(frozen=True)
class Tensor:
    """One output of one call: the name of what was called, the call's number, the output's number.

    `shape` is without the batch.
    """

    source: str
    call: int
    output: int
    shape: Shape = field(compare=False)


@dataclass(frozen=True)
class Stored:
    """An argument that is neither a tensor nor a plain value, say an array, as Keras stores it."""

    config: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or of a raw operation.

    Attributes:
        operation: the layer or operation, the model's own.
        number: of its calls in this model, from 0.
        args: the arguments, with a `Tensor` where it read one.
        kwargs: those given by name.
    """

    operation: Any
    number: int
    args: Any
    kwargs: Any

    @property
    def name(self) -> str:
        return str(self.operation.name)

    @property
    def inputs(self) -> list[Tensor]:
        """What it reads, each as often as it stands there."""
        return tensors((self.args, self.kwargs))


@dataclass(frozen=True)
class Graph:
    """A functional model read: calls in the order of the configuration, and its outputs."""

    model: keras.Model
    calls: tuple[Call, ...]
    outputs: tuple[Tensor, ...]

    def calls_of(self, operation: Any) -> list[Call]:
        """Return all calls of a layer."""
        return [call for call in self.calls if call.operation is operation]

    def consumers(self, tensor: Tensor) -> list[Call]:
        """Return the calls that read a tensor, each once."""
        return self._consumers.get(tensor, [])

    def source(self, tensor: Tensor) -> Call | None:
        """Return the call that gives a tensor; None for an input of the model."""
        return self._sources.get((tensor.source, tensor.call))

    def output_of(self, call: Call) -> Tensor | None:
        """Return the one output of a call; None if there are several, or none is read."""
        found = self._outputs.get((call.name, call.number), [])
        return found[0] if len(found) == 1 else None

    def __post_init__(self) -> None:
        consumers: dict[Tensor, list[Call]] = {}
        outputs: dict[tuple[str, int], list[Tensor]] = {}
        for call in self.calls:
            for tensor in dict.fromkeys(call.inputs):
                consumers.setdefault(tensor, []).append(call)
        for tensor in (*consumers, *self.outputs):
            given = outputs.setdefault((tensor.source, tensor.call), [])
            if tensor not in given:
                given.append(tensor)
        sources = {(call.name, call.number): call for call in self.calls}
        # The class is frozen, and these follow from its fields.
        object.__setattr__(self, "_consumers", consumers)
        object.__setattr__(self, "_sources", sources)
        object.__setattr__(self, "_outputs", outputs)

    _consumers: dict[Tensor, list[Call]] = field(init=False, repr=False, compare=False)
    _sources: dict[tuple[str, int], Call] = field(init=False, repr=False, compare=False)
    _outputs: dict[tuple[str, int], list[Tensor]] = field(init=False, repr=False, compare=False)


def read(model: keras.Model) -> Graph:
    """Read a functional or sequential model.

    Raises:
        SettingsError: it is neither, was never built, or has a layer that cannot be rebuilt.
    """
    functional = as_functional(model)
    for operation in functional.operations:
        check_rebuildable(operation)
    config = functional.get_config()
    operations = {operation.name: operation for operation in functional.operations}
    # As Keras numbers them: those of a functional model from 1, for its own inputs are its first.
    calls = []
    for layer in config["layers"]:
        operation = operations[layer["name"]]
        first = int(is_nested(operation) and not isinstance(operation, keras.Sequential))
        for number, node in enumerate(layer["inbound_nodes"], start=first):
            args, kwargs = _parsed(node["args"]), _parsed(node["kwargs"])
            calls.append(Call(operation, number, args, kwargs))
    shapes = [tuple(output.shape[1:]) for output in functional.outputs]
    places = _places(config["output_layers"])
    outputs = tuple(
        Tensor(source, call, output, shape)
        for (source, call, output), shape in zip(places, shapes, strict=True)
    )
    return Graph(functional, tuple(calls), outputs)


def as_functional(model: Any) -> keras.Model:
    """Return the functional model that a model is, or that a sequential one amounts to.

    Raises:
        SettingsError: there is none.
    """
    if not isinstance(model, keras.Model):
        raise SettingsError(
            f"a Keras model is needed, not {quoted(model, 60)}; for a file, open it with "
            "keras.models.load_model"
        )
    if isinstance(model, keras.Sequential):
        if not model.built or not model.layers:
            raise SettingsError(
                f"{printable(model.name)} has no input yet; begin it with keras.Input, or call it "
                "once"
            )
        # Not `input` and `output`, which are those of its calls where it is nested.
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not _is_functional(model):
        raise SettingsError(
            f"{printable(model.name)} is of a class of its own ({type(model).__name__}), whose "
            "layers are called in its code; only functional and sequential models can be read: "
            "rebuild it as keras.Model(inputs, outputs)"
        )
    return model


def is_nested(operation: Any) -> bool:
    """Whether it is a model in a model that can be read itself."""
    return isinstance(operation, keras.Sequential) or (
        isinstance(operation, keras.Model) and _is_functional(operation)
    )


def check_rebuildable(operation: Any) -> None:
    """Refuse what a copy cannot be made of.

    Raises:
        SettingsError: it is a Lambda, or does not say of what it is made.
    """
    kind = type(operation).__name__
    if isinstance(operation, keras.layers.Lambda):
        raise SettingsError(
            f"layer {quoted(operation.name)} is a Lambda, whose code no safe file can hold; write "
            "it as a layer or with keras.ops"
        )
    if isinstance(operation, keras.Model) and not is_nested(operation):
        as_functional(operation)
    if is_nested(operation):
        for inner in as_functional(operation).operations:
            check_rebuildable(inner)
        return
    try:
        type(operation).from_config(operation.get_config())
    except Exception as error:  # whatever somebody's layer raises
        raise SettingsError(
            f"layer {quoted(operation.name)} ({kind}) cannot be rebuilt from its get_config: "
            f"{printable(_first_line(error))}"
        ) from error


def is_stock(operation: Any) -> bool:
    """Whether it is Keras' own, and not somebody's."""
    return type(operation).__module__.startswith(_INSIDE)


def tensors(value: Any) -> list[Tensor]:
    """Return the tensors in arguments."""
    return [one for one in keras.tree.flatten(value) if isinstance(one, Tensor)]


def constants(value: Any) -> list[Any]:
    """Return what is no tensor in arguments."""
    return [one for one in keras.tree.flatten(value) if not isinstance(one, Tensor)]


def filled(value: Any, found: dict[Tensor, Any]) -> Any:
    """Return arguments with values in place of tensors."""
    return keras.tree.map_structure(
        lambda one: found[one] if isinstance(one, Tensor) else one, value
    )


def _is_functional(model: keras.Model) -> bool:
    try:
        return "output_layers" in model.get_config()
    except Exception:  # of a layer in it, which is looked at by itself
        return hasattr(model, "operations")


def _parsed(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            config = value["config"]
            source, call, output = config["keras_history"]
            return Tensor(source, call, output, tuple(config["shape"][1:]))
        if "class_name" in value:
            return Stored(value)
        return {key: _parsed(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_parsed(inner) for inner in value)
    return value


def _places(value: Any) -> list[tuple[str, int, int]]:
    """Flatten a structure of [name, call, output]."""
    if isinstance(value, dict):
        return [place for key in sorted(value) for place in _places(value[key])]
    if len(value) == 3 and isinstance(value[0], str):
        return [(value[0], value[1], value[2])]
    return [place for inner in value for place in _places(inner)]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
