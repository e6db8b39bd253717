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
        f"{group}/{name}": value
        for group, variables in _groups(compiled).items()
        for name, value in values(variables).items()
    }


def restore(compiled: CompiledModel, captured: Arrays) -> None:
    """Put back what `arrays` took.

    Raises:
        StateError: it is of another network, or another version of Keras named its variables.
    """
    for group, variables in _groups(compiled).items():
        assign(variables, part(captured, group))


def values(variables: list[keras.Variable]) -> Arrays:
    """Return the values of variables by their paths, copied to the host."""
    return {variable.path: np.array(variable.numpy()) for variable in variables}


def assign(variables: list[keras.Variable], arrays: Arrays) -> None:
    """Give variables the values that `values` took.

    Raises:
        StateError: the arrays are not of these variables.
    """
    theirs = {name: array.shape for name, array in arrays.items()}
    ours = {variable.path: tuple(variable.shape) for variable in variables}
    if ours != theirs:
        other = next(iter({*ours.items()} ^ {*theirs.items()}))[0]
        raise StateError(
            f"its checkpoint is of another network or another version of Keras ({other} differs); "
            "go on with the version that wrote it, or start from scratch with --force"
        )
    for variable in variables:
        variable.assign(arrays[variable.path])


def sums(compiled: CompiledModel) -> list[keras.Variable]:
    """Return what the loss and the accuracy of an epoch are computed from."""
    return [*compiled.loss.variables, *compiled.accuracy.variables]


def _groups(compiled: CompiledModel) -> dict[str, list[keras.Variable]]:
    return {
        "weights": compiled.network.weights,
        "optimizer": compiled.model.optimizer.variables,
        "sums": sums(compiled),
    }
