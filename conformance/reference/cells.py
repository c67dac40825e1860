"""The mathematics of the cells, written once over an arithmetic.

The equations are those of Elman
(1990), Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000) and the projection of Sak et al.
(2014), and Cho et al. (2014) with the reset gate after or before the recurrent product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conformance.reference.activations import Activation
from conformance.reference.arithmetic import Arithmetic, N, S
from conformance.reference.bounded import Kernel, Terms, constants
from conformance.reference.precision import Precision
from conformance.spec import Floats

GATES = {"simple_rnn": ("n",), "lstm": ("i", "f", "o", "g"), "gru": ("z", "r", "n")}
"""The order of the gate blocks here, whatever the dialect's: gates with the same activation stand together."""


@dataclass(frozen=True)
class Weights:
    """The weights of one direction of one layer, for all draws, as (K, inputs, gates * units).

    Attributes:
        kernel: acts on the input.
        recurrent_kernel: acts on the hidden state.
        bias: (K, gates * units), or None.
        recurrent_bias: likewise; a second bias, added separately or merged beforehand.
        projection: (K, units, projected), or None.
    """

    kernel: Floats
    recurrent_kernel: Floats
    bias: Floats | None = None
    recurrent_bias: Floats | None = None
    projection: Floats | None = None

    def biases(self, units: slice) -> Terms:
        """The biases of some units, as terms of the same sum."""
        return _constants(self, (self.bias, self.recurrent_bias), units)

    def input_bias(self, units: slice) -> Terms:
        """The input bias of some units."""
        return _constants(self, (self.bias,), units)

    def output_bias(self, units: slice) -> Terms:
        """The recurrent bias of some units."""
        return _constants(self, (self.recurrent_bias,), units)


class Cell(Protocol):
    """A recurrent cell: what it takes from the input of all steps at once, and one step."""

    def inputs(self, a: Arithmetic[N, S], x: N) -> tuple[S, ...]:
        """The parts of the pre-activations that depend on the input alone."""

    def step(self, a: Arithmetic[N, S], inputs: tuple[S, ...], state: tuple[N, ...]) -> tuple[N, ...]:
        """The next state; its first entry is the hidden state."""


class SimpleRNN:
    """h' = act(x W + b + h U)."""

    def __init__(self, weights: Weights, precision: Precision, activation: Activation) -> None:
        self.activation = activation
        self.kernel = Kernel.of(weights.kernel, precision)
        self.recurrent_kernel = Kernel.of(weights.recurrent_kernel, precision)
        self.bias = weights.biases(slice(None))

    def inputs(self, a: Arithmetic[N, S], x: N) -> tuple[S, ...]:
        """The part x W + b."""
        return (a.join(a.product(x, self.kernel), a.constant(self.bias)),)

    def step(self, a: Arithmetic[N, S], inputs: tuple[S, ...], state: tuple[N, ...]) -> tuple[N, ...]:
        """One step."""
        z = a.total(inputs[0], a.product(state[0], self.recurrent_kernel))
        return (a.activate(z, self.activation),)


class LSTM:
    """i, f, o = rec(x W + b + h U); g = act(...); c' = f c + i g; h' = o act(c'), projected where it says so."""

    def __init__(
        self, weights: Weights, precision: Precision, activation: Activation, recurrent_activation: Activation
    ) -> None:
        self.activation = self.output_activation = activation
        self.recurrent_activation = recurrent_activation
        self.kernel = Kernel.of(weights.kernel, precision)
        self.recurrent_kernel = Kernel.of(weights.recurrent_kernel, precision)
        self.bias = weights.biases(slice(None))
        self.projection = None if weights.projection is None else Kernel.of(weights.projection, precision)
        self.units = weights.kernel.shape[-1] // 4
        if weights.projection is not None:
            self.no_bias = constants((), weights.projection.shape[-1], weights.projection.shape[0])

    def inputs(self, a: Arithmetic[N, S], x: N) -> tuple[S, ...]:
        """The part x W + b."""
        return (a.join(a.product(x, self.kernel), a.constant(self.bias)),)

    def step(self, a: Arithmetic[N, S], inputs: tuple[S, ...], state: tuple[N, ...]) -> tuple[N, ...]:
        """One step."""
        h, c = state
        n = self.units
        z = a.total(inputs[0], a.product(h, self.recurrent_kernel))
        gates = a.activate(a.columns(z, slice(0, 3 * n)), self.recurrent_activation)
        i, f, o = (a.columns(gates, slice(k * n, k * n + n)) for k in range(3))
        g = a.activate(a.columns(z, slice(3 * n, 4 * n)), self.activation)
        c = a.settle(a.add(a.multiply(f, c), a.multiply(i, g)))
        h = a.multiply(o, a.activate(c, self.output_activation))
        if self.projection is not None:
            h = a.total(a.product(h, self.projection), a.constant(self.no_bias))
        return h, c


class GRU:
    """z, r = rec(x W + b + h U); n = act(x W + b + r (h U + rb)) or act(x W + b + (r h) U); h' = z h + (1 - z) n."""

    def __init__(
        self,
        weights: Weights,
        precision: Precision,
        activation: Activation,
        recurrent_activation: Activation,
        reset_after: bool,
    ) -> None:
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.reset_after = reset_after
        self.units = weights.kernel.shape[-1] // 3
        self.gates, self.candidate = slice(0, 2 * self.units), slice(2 * self.units, 3 * self.units)
        self.kernel = Kernel.of(weights.kernel, precision)
        self.recurrent_kernel = Kernel.of(weights.recurrent_kernel, precision)
        self.bias = weights.biases(self.gates)
        self.input_bias = weights.input_bias(self.candidate) if reset_after else weights.biases(self.candidate)
        self.output_bias = weights.output_bias(self.candidate)

    def inputs(self, a: Arithmetic[N, S], x: N) -> tuple[S, ...]:
        """The parts x W + b of the gates and of the candidate."""
        product = a.product(x, self.kernel)
        return (
            a.join(a.gates_of(product, self.gates), a.constant(self.bias)),
            a.join(a.gates_of(product, self.candidate), a.constant(self.input_bias)),
        )

    def step(self, a: Arithmetic[N, S], inputs: tuple[S, ...], state: tuple[N, ...]) -> tuple[N, ...]:
        """One step."""
        (h,) = state
        step = self._after if self.reset_after else self._before
        z, new = step(a, inputs, h)
        return (a.interpolate(z, h, new),)

    def _after(self, a: Arithmetic[N, S], inputs: tuple[S, ...], h: N) -> tuple[N, N]:
        recurrent = a.product(h, self.recurrent_kernel)
        z, r = self._opened(a, a.total(inputs[0], a.gates_of(recurrent, self.gates)))
        kept = a.multiply(r, a.total(a.gates_of(recurrent, self.candidate), a.constant(self.output_bias)))
        return z, a.activate(a.total(inputs[1], a.term(kept)), self.activation)

    def _before(self, a: Arithmetic[N, S], inputs: tuple[S, ...], h: N) -> tuple[N, N]:
        z, r = self._opened(a, a.total(inputs[0], a.product(h, self.recurrent_kernel.columns(self.gates))))
        kept = a.product(a.multiply(r, h), self.recurrent_kernel.columns(self.candidate))
        return z, a.activate(a.total(inputs[1], kept), self.activation)

    def _opened(self, a: Arithmetic[N, S], pre: N) -> tuple[N, N]:
        gates = a.activate(pre, self.recurrent_activation)
        return a.columns(gates, slice(0, self.units)), a.columns(gates, slice(self.units, 2 * self.units))


@dataclass(frozen=True)
class Cells:
    """The cells to compute with; others than these are wrong, and are used to find out what a mistake looks like."""

    simple_rnn: type[SimpleRNN] = SimpleRNN
    lstm: type[LSTM] = LSTM
    gru: type[GRU] = GRU


CELLS = Cells()
"""The right ones."""


def _constants(weights: Weights, biases: tuple[Floats | None, ...], units: slice) -> Terms:
    draws, _, width = weights.kernel.shape
    given = tuple(bias[:, units] for bias in biases if bias is not None)
    return constants(given, len(range(*units.indices(width))), draws)
