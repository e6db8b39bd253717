"""The variables of a training as arrays: taken from the model, and put back into it."""

import keras
import numpy as np

from kreproduce.errors import StateError
from kreproduce.runs.checkpoint import Arrays
from kreproduce.training.model import CompiledModel
from kreproduce.training.progress import part


def arrays(compiled: CompiledModel) -> Arrays:
    """Return all variables that training goes on from, by group and path."""
    return {
        f"{group}/{name}": np.array(variable.numpy())
        for group, named in _groups(compiled).items()
        for name, variable in named.items()
    }


def restore(compiled: CompiledModel, captured: Arrays) -> None:
    """Put back what `arrays` took.

    Raises:
        StateError: it is of another network, or another version of Keras named its variables.
    """
    for group, named in _groups(compiled).items():
        _assign(named, part(captured, group))


def values(variables: list[keras.Variable]) -> Arrays:
    """Return the values of variables by their paths, copied to the host."""
    return {name: np.array(variable.numpy()) for name, variable in _named(variables).items()}


def assign(variables: list[keras.Variable], arrays: Arrays) -> None:
    """Give variables the values that `values` took.

    Raises:
        StateError: the arrays are not of these variables.
    """
    _assign(_named(variables), arrays)


def _assign(named: dict[str, keras.Variable], arrays: Arrays) -> None:
    theirs = {name: array.shape for name, array in arrays.items()}
    ours = {name: tuple(variable.shape) for name, variable in named.items()}
    if ours != theirs:
        other = next(iter({*ours.items()} ^ {*theirs.items()}))[0]
        raise StateError(
            f"its checkpoint is of another network or another version of Keras ({other} differs); "
            "go on with the version that wrote it, or start from scratch with --force"
        )
    for name, variable in named.items():
        variable.assign(arrays[name])


def sums(compiled: CompiledModel) -> list[keras.Variable]:
    """Return what the loss and the accuracy of an epoch are computed from."""
    return [*compiled.loss.variables, *compiled.accuracy.variables]


def _named(variables: list[keras.Variable]) -> dict[str, keras.Variable]:
    """Return variables by their paths, numbered where layers of nested models share a name."""
    named: dict[str, keras.Variable] = {}
    for variable in variables:
        name, number = variable.path, 1
        while name in named:
            number += 1
            name = f"{variable.path}~{number}"
        named[name] = variable
    return named


def _groups(compiled: CompiledModel) -> dict[str, dict[str, keras.Variable]]:
    groups = {
        "weights": _named(compiled.network.weights),
        "optimizer": _named(compiled.model.optimizer.variables),
        "sums": _named(sums(compiled)),
    }
    if compiled.other is not None:
        # By their places: Keras numbers generators through, whichever model they are of.
        groups["random"] = {str(place): one for place, one in enumerate(compiled.other.random)}
    return groups
