"""The optimiser that the authors trained with: RMSprop as Keras had it up to TensorFlow 2.10."""

from typing import Any

import keras
from keras import ops

# What a run's record says of it. The formula is what is computed for each weight w with gradient
# g and learning rate lr, and runs as Python; v begins at 0.
NAME = "RMSprop of Keras 2"
FORMULA = "v = 0.9 * v + 0.1 * g**2; w = w - lr * g / (sqrt(v) + 1e-07)"


@keras.saving.register_keras_serializable("kreproduce")
class Keras2RMSprop(keras.optimizers.RMSprop):
    """RMSprop with epsilon beside the root, as in TensorFlow 2.6 to 2.8: see `FORMULA`.

    Keras 3 divides by sqrt(v + epsilon). Its least divisor is thus sqrt(1e-7), 3.2e-4, not 1e-7:
    weights with gradients below that learn several times slower, or hardly at all.

    Its variables bear another name than those of Keras' own, so that a training by the one is
    never taken up by the other.

    Gradients must be dense, as all of these networks' are.

    Args:
        learning_rate: lr.
        rho: how much of v a step keeps.
        epsilon: added to the root of v.
        momentum: only 0, the authors'.
        centered: only False, the authors'.
        name: of the optimiser, and the start of its variables' paths.
        **kwargs: of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: `momentum` or `centered` is another.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        epsilon: float = 1e-7,
        momentum: float = 0.0,
        centered: bool = False,
        name: str = "keras_2_rmsprop",
        **kwargs: Any,
    ):
        if momentum or centered:
            raise ValueError("neither momentum nor centering: the authors trained without them")
        super().__init__(learning_rate, rho=rho, epsilon=epsilon, name=name, **kwargs)

    @property
    def formula(self) -> str:
        """The same as `FORMULA`, with the numbers that this one has."""
        keep, take = self.rho, round(1 - self.rho, 12)
        square = f"v = {keep:g} * v + {take:g} * g**2"
        return f"{square}; w = w - lr * g / (sqrt(v) + {self.epsilon:g})"

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        velocity = self._velocities[self._get_variable_index(variable)]
        self.assign(
            velocity,
            ops.add(
                ops.multiply(self.rho, velocity),
                ops.multiply(1 - self.rho, ops.square(gradient)),
            ),
        )
        root = ops.add(ops.sqrt(velocity), self.epsilon)
        self.assign_sub(variable, ops.divide(ops.multiply(rate, gradient), root))
