"""One time step of the long short-term memory, with or without projection."""

from collections.abc import Sequence
from dataclasses import dataclass

from .activations import Activation
from .gate import Gate, Matrix, Vector


@dataclass(frozen=True)
class LSTM:
    """Input gate i, forget gate f, candidate g, output gate o.

    i, f, o = recurrent_activation(x·W + b + h·R + rb)  each with its own weights
    g  = activation(x·Wg + bg + h·Rg + rbg)
    c' = f⊙c + i⊙g
    h' = o⊙activation(c')
    h' = projection·(o⊙activation(c'))                  if there is a projection, (size of h, units)
    """

    i: Gate
    f: Gate
    g: Gate
    o: Gate
    activation: Activation
    recurrent_activation: Activation
    projection: Matrix | None = None

    def zero_states(self) -> list[Vector]:
        """[h, c], all zero; a projected h is shorter than c."""
        return [[0.0] * len(self.projection or self.i.b), [0.0] * self.i.units]

    def step(self, x: Vector, states: Sequence[Vector]) -> list[Vector]:
        """The states [h', c'] after reading one input."""
        h, c = states
        new_h, new_c = [], []
        for u in range(self.i.units):
            i = self.recurrent_activation(self.i.sum(x, h, u))
            f = self.recurrent_activation(self.f.sum(x, h, u))
            g = self.activation(self.g.sum(x, h, u))
            o = self.recurrent_activation(self.o.sum(x, h, u))
            new_c.append(f * c[u] + i * g)
            new_h.append(o * self.activation(new_c[u]))
        return [self._projected(new_h), new_c]

    def _projected(self, h: Vector) -> Vector:
        if self.projection is None:
            return h
        return [sum(weight * value for weight, value in zip(row, h, strict=True)) for row in self.projection]
