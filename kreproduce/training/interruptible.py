"""Ending Keras' loops between two batches, and going on as if they had not ended."""

from collections.abc import Callable
from typing import Any

import keras

from kreproduce.system.interruption import Interruptions
from kreproduce.training import state


class ResumableFit(keras.callbacks.Callback):
    """Ends a `fit` when it is told to; at its start, gives an epoch begun before its sums.

    Args:
        first: how many steps of the epoch were done before.
        sums: what the epoch's loss and accuracy are computed from.
        after: told after each step how many are done; says whether to end.
    """

    def __init__(self, first: int, sums: list[keras.Variable], after: Callable[[int], bool]):
        super().__init__()
        self._first, self._sums, self._after = first, sums, after
        self._before = state.values(sums)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self._first:  # Keras has just set them to zero
            state.assign(self._sums, self._before)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self._after(self._first + batch + 1):
            self.model.stop_training = True


class StopEvaluation(keras.callbacks.Callback):
    """Breaks off an `evaluate` or a `predict` whose result nobody will wait for."""

    def __init__(self, interruptions: Interruptions):
        super().__init__()
        self._interruptions = interruptions

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.model.stop_evaluating = self._interruptions.requested

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.model.stop_predicting = self._interruptions.requested
