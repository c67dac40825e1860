"""A gate: the two weighted sums, of the input and of the hidden state, that go into an activation."""

from collections.abc import Sequence
from dataclasses import dataclass

Vector = Sequence[float]
Matrix = Sequence[Vector]

GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}
"""How many gates a cell has."""


@dataclass(frozen=True)
class Gate:
    """The weights of one gate (the simple cell is a single gate).

    Attributes:
        W: input kernel, (features, units).
        R: recurrent kernel, (size of h, units).
        b: input bias, (units,).
        rb: recurrent bias, (units,).
    """

    W: Matrix
    R: Matrix
    b: Vector
    rb: Vector

    @property
    def units(self) -> int:
        """How many numbers the gate gives."""
        return len(self.b)

    def from_input(self, x: Vector, u: int) -> float:
        """(x·W + b)[u]: what the input says to unit u."""
        total = self.b[u]
        for value, row in zip(x, self.W, strict=True):
            total += value * row[u]
        return total

    def from_state(self, h: Vector, u: int) -> float:
        """(h·R + rb)[u]: what the hidden state says to unit u."""
        total = self.rb[u]
        for value, row in zip(h, self.R, strict=True):
            total += value * row[u]
        return total

    def sum(self, x: Vector, h: Vector, u: int) -> float:
        """(x·W + b + h·R + rb)[u]."""
        return self.from_input(x, u) + self.from_state(h, u)
