"""One time step of the gated recurrent unit, in both conventions of the reset gate."""

from collections.abc import Sequence
from dataclasses import dataclass

from .activations import Activation
from .gate import Gate, Vector


@dataclass(frozen=True)
class GRU:
    """Update gate z, reset gate r, candidate n.

    z  = recurrent_activation(x·Wz + bz + h·Rz + rbz)
    r  = recurrent_activation(x·Wr + br + h·Rr + rbr)
    n  = activation(x·Wn + bn + r⊙(h·Rn + rbn))         reset after the recurrent product
    n  = activation(x·Wn + bn + (r⊙h)·Rn + rbn)         reset before it
    h' = z⊙h + (1-z)⊙n                                  z = 1 keeps the old state
    """

    z: Gate
    r: Gate
    n: Gate
    activation: Activation
    recurrent_activation: Activation
    reset_after: bool

    def zero_states(self) -> list[Vector]:
        """[h], all zero."""
        return [[0.0] * self.z.units]

    def step(self, x: Vector, states: Sequence[Vector]) -> list[Vector]:
        """The states [h'] after reading one input."""
        (h,) = states
        units = range(self.z.units)
        z = [self.recurrent_activation(self.z.sum(x, h, u)) for u in units]
        r = [self.recurrent_activation(self.r.sum(x, h, u)) for u in units]
        if self.reset_after:
            n = [self.activation(self.n.from_input(x, u) + r[u] * self.n.from_state(h, u)) for u in units]
        else:
            reset_h = [r[u] * h[u] for u in units]
            n = [self.activation(self.n.sum(x, reset_h, u)) for u in units]
        return [[z[u] * h[u] + (1.0 - z[u]) * n[u] for u in units]]
