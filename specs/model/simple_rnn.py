"""One time step of the simple (Elman) recurrent cell."""

from collections.abc import Sequence
from dataclasses import dataclass

from .activations import Activation
from .gate import Gate, Vector


@dataclass(frozen=True)
class SimpleRNN:
    """h' = activation(x·W + b + h·R + rb)."""

    gate: Gate
    activation: Activation

    def zero_states(self) -> list[Vector]:
        """[h], all zero."""
        return [[0.0] * self.gate.units]

    def step(self, x: Vector, states: Sequence[Vector]) -> list[Vector]:
        """The states [h'] after reading one input."""
        (h,) = states
        return [[self.activation(self.gate.sum(x, h, u)) for u in range(self.gate.units)]]
