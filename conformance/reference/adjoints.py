"""Derivatives of the cells, with a bound on what rounding may do to them: the backward pass of one step.

The equations are those of backpropagation through time (Werbos, "Backpropagation through time: what it does and how to
do it", Proc. IEEE 78, 1990), taken of the equations in `cells`. An adjoint is the derivative of the loss with respect
to a number; adjoints are bounded as numbers are. The rounding model is that of `arithmetic`, and in addition:

* factors of a product are multiplied in any grouping, contributions to an adjoint are added in any order;
* the slope of tanh and sigmoid is taken of their output, as `1 - y y`, `(1 - y) (1 + y)`, `y (1 - y)`, or distributed
  over the product (`g - g y y`), or of their input with a relative error of no more than 3 u;
* the GRU's new state is differentiated as any of the three forms that `Bounds.interpolate` allows.

Within the error of a pre-activation from a kink, any slope between the two one-sided ones counts as correct.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from conformance.reference.activations import Activation
from conformance.reference.arithmetic import Bounds, summation_error
from conformance.reference.bounded import Bounded, Kernel, Terms, constants, scaled
from conformance.reference.cells import GRU, LSTM, Cell, SimpleRNN
from conformance.reference.precision import Precision
from conformance.reference.symbols import Symbols
from conformance.spec import Floats

_KINKS: Mapping[str, tuple[tuple[float, ...], float]] = {
    # activation -> where its slope jumps, and how far
    "relu": ((0.0,), 1.0),
    "hard_sigmoid": ((-3.0, 3.0), 1 / 6),
    "hard_sigmoid_fifth": ((-2.5, 2.5), 0.2),
}
_KINK_ROUNDING = 32.0
"""By how many u the test on which side of a kink a number lies may be off: hard_sigmoid tests v + 3 or v / 6 + 1/2."""


class Adjoints(Bounds):
    """Bounded arithmetic with what derivatives need besides. Adjoints may have symbols, forward numbers have none.

    Attributes:
        signed: whether adjoints get symbols, or intervals must do.
    """

    def __init__(self, precision: Precision, signed: bool = False) -> None:
        super().__init__(precision)
        self.signed = signed

    def begin(self, symbols: int) -> None:
        """Symbols of its own for a run through time that needs so many; 0: intervals must do."""
        self.symbols = Symbols(symbols) if self.signed and symbols else None

    def times(self, adjoint: Bounded, factor: Bounded) -> Bounded:
        """The product with a factor of the forward pass; the factors may be grouped so that others underflow."""
        product = self.multiply(adjoint, factor)
        return replace(product, box=product.box + self._underflow(adjoint))

    def slope(self, activation: Activation, z: Bounded, y: Bounded) -> Bounded:
        """The derivative of an activation with input z and output y."""
        p = self.precision
        if activation.name in ("tanh", "sigmoid"):
            return self._smooth_slope(activation.name == "tanh", y)
        value = activation.slope(z.value)
        if activation.name not in _KINKS:
            return Bounded(value, np.zeros_like(value), exact=True)
        kinks, jump = _KINKS[activation.name]
        reach = z.radius + (_KINK_ROUNDING * p.u if any(kinks) else 0.0)
        undecided = np.any([np.abs(z.value - kink) <= reach for kink in kinks], axis=0)
        rounding = 0.0 if jump == 1.0 else 3 * p.u * jump
        return Bounded(value, np.where(undecided, jump, rounding * (value > 0)))

    def _smooth_slope(self, is_tanh: bool, y: Bounded) -> Bounded:
        """1 - y^2 or y (1 - y): the error of y, and u (2 y^2 + 3 slope), more than any of the forms commits."""
        p, v, R = self.precision, y.value, y.radius
        value = 1.0 - v * v if is_tanh else v * (1.0 - v)
        steepness = 2.0 * np.abs(v) if is_tanh else np.abs(1.0 - 2.0 * v)
        carried = (steepness + R) * R
        rounding = p.u * (2.0 * y.size**2 + 3.0 * (np.abs(value) + carried)) * (1 + 4 * p.u)
        return Bounded(value, carried + rounding + 4 * p.tiny)

    def kept(self, adjoint: Bounded, z: Bounded) -> Bounded:
        """What `z h + (1 - z) n` passes on to h: `g z`, or `g - g (1 - z)`."""
        return self._share(adjoint, z, z.value)

    def changed(self, adjoint: Bounded, z: Bounded) -> Bounded:
        """What it passes on to n: `g (1 - z)`, or `g - g z`."""
        return self._share(adjoint, z, 1.0 - z.value)

    def _share(self, adjoint: Bounded, z: Bounded, share: Floats) -> Bounded:
        u, g = self.precision.u, adjoint.size
        value = adjoint.value * share
        carried = g * z.radius + adjoint.box * np.abs(share)
        rounding = u * g * (z.size + 2.0 * (np.abs(1.0 - z.value) + z.radius)) * (1 + 4 * u)
        self._flag(g * (1.0 + z.size))
        return Bounded(value, carried + rounding + 4 * self._underflow(adjoint), scaled(share, adjoint.gens))

    def gap(self, adjoint: Bounded, h: Bounded, n: Bounded) -> Bounded:
        """What it passes on to z: `g (h - n)`, or `g h - g n`."""
        u, g = self.precision.u, adjoint.size
        d = h.value - n.value
        value = adjoint.value * d
        carried = g * (h.radius + n.radius) + adjoint.box * np.abs(d)
        rounding = u * (g * (h.size + n.size) + np.abs(value) + carried + adjoint.radius * np.abs(d)) * (1 + 4 * u)
        self._flag(g * (h.size + n.size))
        return Bounded(value, carried + rounding + 4 * self._underflow(adjoint), scaled(d, adjoint.gens))

    def alone(self, terms: Terms) -> Bounded:
        """The sum of some terms, in any order."""
        return self.total(terms, constants((), terms.value.shape[-1], terms.value.shape[-3]))

    def state(self, terms: Terms) -> Bounded:
        """The same for the adjoint of a state: its error gets symbols."""
        return self.settle(self.alone(terms))

    def outer(self, left: Bounded, right: Bounded) -> Bounded:
        """The sum over time and batch of products: (T, K, B, m) and (T, K, B, n) give (K, m, n); in any order.

        With f a factor of the forward pass and g an adjoint: the errors of f times those that g can be, and f times
        the errors of g, of which those that have symbols are added up with their signs.
        """
        a, R_a = (_rows(values).swapaxes(1, 2) for values in (left.size, left.radius))
        b = _rows(right.size)
        value = _rows(left.value).swapaxes(1, 2) @ _rows(right.value)
        carried = np.abs(_rows(left.value)).swapaxes(1, 2) @ _rows(right.box) + R_a @ b
        if right.gens is not None:
            effects = np.einsum("tkbm,tkbsn->kbsmn", left.value, right.gens, optimize=True)
            carried = carried + np.abs(effects).sum(axis=(1, 2))
        return self._summed(value, a @ b, carried, a.shape[-1])

    def over_batch(self, number: Bounded) -> Bounded:
        """The sum over time and batch: (T, K, B, n) gives (K, n); in any order."""
        value, size, carried = (_rows(values).sum(axis=1) for values in (number.value, number.size, number.box))
        if number.gens is not None:
            carried = carried + np.abs(number.gens.sum(axis=0)).sum(axis=(1, 2))
        return self._summed(value, size, carried, number.value.shape[0] * number.value.shape[2])

    def _summed(self, value: Floats, magnitude: Floats, carried: Floats, count: int) -> Bounded:
        p = self.precision
        error = summation_error(p.u, magnitude, np.abs(value) + carried, count) + 2 * count * p.tiny
        lost = ~(magnitude < p.fmax / 2)
        return Bounded(value, np.where(lost, np.inf, carried + error))

    def _underflow(self, adjoint: Bounded) -> Floats:
        flushed: Floats = self.precision.tiny * (1.0 + adjoint.size)
        return flushed


def _rows(values: Floats) -> Floats:
    """(T, K, B, n) -> (K, T * B, n)."""
    draws, units = values.shape[1], values.shape[3]
    return values.swapaxes(0, 1).reshape(draws, -1, units)


def beside(numbers: Sequence[Bounded]) -> Bounded:
    """Numbers side by side, with their symbols."""
    plain = Bounded.joined(numbers)
    return replace(plain, gens=_gens(numbers, lambda gens: np.concatenate(gens, axis=-1)))


def in_a_row(numbers: Sequence[Bounded]) -> Bounded:
    """Numbers as steps of time, with their symbols."""
    value, box = (np.stack(arrays) for arrays in zip(*((n.value, n.box) for n in numbers), strict=True))
    return Bounded(value, box, _gens(numbers, np.stack))


def padded(gens: Floats | None, like: Floats, count: int) -> Floats:
    """Sensitivities (..., count, n) to all symbols of a number that does not depend on the later ones."""
    wide = np.zeros((*like.shape[:-1], count, like.shape[-1]))
    if gens is not None:
        wide[..., : gens.shape[-2], :] = gens
    return wide


def _gens(numbers: Sequence[Bounded], together: Callable[[list[Floats]], Floats]) -> Floats | None:
    counts = [number.gens.shape[-2] for number in numbers if number.gens is not None]
    return together([padded(n.gens, n.value, max(counts)) for n in numbers]) if counts else None


def transposed(kernel: Kernel, a: Bounds) -> Kernel:
    """The kernel that takes adjoints back."""
    return Kernel.of(np.ascontiguousarray(kernel.value.swapaxes(1, 2)), a.precision)


@dataclass(frozen=True)
class Step:
    """What one step passes back.

    Attributes:
        inputs: adjoint of the part of the pre-activations that the input enters, (K, B, gates * units).
        recurrent: adjoint of the part that the hidden state enters; the same, but in a GRU that resets after.
        before: contributions to the adjoints of the states before the step.
        projected: adjoint of the projected hidden state, or None.
    """

    inputs: Bounded
    recurrent: Bounded
    before: tuple[Terms, ...]
    projected: Bounded | None = None


Operands = tuple[tuple[Bounded, slice], ...]
"""Numbers (T, K, B, m) that the recurrent kernel acts on, with the units that it gives."""


class CellAdjoint(Protocol):
    """The derivatives of a cell at what the forward pass computed in all steps.

    Attributes:
        operands: what the recurrent kernel acts on.
        hidden: the number (T, K, B, n) that the projection acts on; None: there is none.
    """

    operands: Operands
    hidden: Bounded | None

    def step(self, t: int, after: tuple[Terms, ...]) -> Step:
        """The backward pass of step t, given all contributions to the adjoints of the states after it."""


def adjoint_of(a: Adjoints, cell: Cell, x: Bounded, before: tuple[Bounded, ...]) -> CellAdjoint:
    """The derivatives of a cell that read x (T, K, B, F), in the states `before` each step (T, K, B, n)."""
    if isinstance(cell, SimpleRNN):
        return _SimpleRNN(a, cell, x, before)
    if isinstance(cell, LSTM):
        return _LSTM(a, cell, x, before)
    if isinstance(cell, GRU):
        return _ResetAfter(a, cell, x, before) if cell.reset_after else _ResetBefore(a, cell, x, before)
    raise TypeError(f"no derivatives of {type(cell).__name__}")


class _SimpleRNN:
    """dz = dh act'(z)."""

    hidden: Bounded | None = None

    def __init__(self, a: Adjoints, cell: SimpleRNN, x: Bounded, before: tuple[Bounded, ...]) -> None:
        z = a.total(cell.inputs(a, x)[0], a.product(before[0], cell.recurrent_kernel))
        self.a = a
        self.slope = a.slope(cell.activation, z, a.activate(z, cell.activation))
        self.back = transposed(cell.recurrent_kernel, a)
        self.operands: Operands = ((before[0], slice(None)),)

    def step(self, t: int, after: tuple[Terms, ...]) -> Step:
        pre = self.a.times(self.a.state(after[0]), self.slope.at(t))
        return Step(pre, pre, (self.a.product(pre, self.back),))


class _LSTM:
    """With y = act(c'): do = dh y; dc += dh o act'(c'); di = dc g; dg = dc i; df = dc c; each times its slope."""

    def __init__(self, a: Adjoints, cell: LSTM, x: Bounded, before: tuple[Bounded, ...]) -> None:
        h, self.c = before
        n = cell.units
        z = a.total(cell.inputs(a, x)[0], a.product(h, cell.recurrent_kernel))
        opened, candidate = z.columns(slice(0, 3 * n)), z.columns(slice(3 * n, 4 * n))
        gates = a.activate(opened, cell.recurrent_activation)
        self.i, self.f, self.o = (gates.columns(slice(k * n, k * n + n)) for k in range(3))
        self.g = a.activate(candidate, cell.activation)
        c = a.add(a.multiply(self.f, self.c), a.multiply(self.i, self.g))
        self.y = a.activate(c, cell.output_activation)
        slopes = a.slope(cell.recurrent_activation, opened, gates)
        self.slopes = [slopes.columns(slice(k * n, k * n + n)) for k in range(3)]
        self.slopes.append(a.slope(cell.activation, candidate, self.g))
        self.output_slope = a.slope(cell.output_activation, c, self.y)
        self.a = a
        self.back = transposed(cell.recurrent_kernel, a)
        self.unprojected = None if cell.projection is None else transposed(cell.projection, a)
        self.hidden = None if cell.projection is None else a.multiply(self.o, self.y)
        self.operands: Operands = ((h, slice(None)),)

    def step(self, t: int, after: tuple[Terms, ...]) -> Step:
        a, shown = self.a, self.a.state(after[0])
        dh = shown if self.unprojected is None else a.alone(a.product(shown, self.unprojected))
        to_c = a.times(a.times(dh, self.o.at(t)), self.output_slope.at(t))
        dc = a.state(a.join(after[1], a.term(to_c)))
        di, df, dg = (a.times(dc, factor.at(t)) for factor in (self.g, self.c, self.i))
        gates = (di, df, a.times(dh, self.y.at(t)), dg)
        pre = beside([a.times(gate, slope.at(t)) for gate, slope in zip(gates, self.slopes, strict=True)])
        before = (a.product(pre, self.back), a.term(a.times(dc, self.f.at(t))))
        return Step(pre, pre, before, None if self.unprojected is None else shown)


class _GRU:
    """What both GRUs share: h' = z h + (1 - z) n."""

    hidden: Bounded | None = None

    def __init__(self, a: Adjoints, cell: GRU, opened: Bounded, h: Bounded) -> None:
        gates = a.activate(opened, cell.recurrent_activation)
        slopes = a.slope(cell.recurrent_activation, opened, gates)
        first, second = slice(0, cell.units), slice(cell.units, 2 * cell.units)
        self.a, self.cell, self.h = a, cell, h
        self.z, self.r = gates.columns(first), gates.columns(second)
        self.z_slope, self.r_slope = slopes.columns(first), slopes.columns(second)

    def candidate(self, pre: Bounded) -> None:
        """Remember n and its slope."""
        self.n = self.a.activate(pre, self.cell.activation)
        self.n_slope = self.a.slope(self.cell.activation, pre, self.n)

    def opened(self, t: int, after: tuple[Terms, ...]) -> tuple[Bounded, Bounded, Terms]:
        """The adjoints of the pre-activations of z and n, and what goes to h directly."""
        a, z, dh = self.a, self.z.at(t), self.a.state(after[0])
        dz = a.times(a.gap(dh, self.h.at(t), self.n.at(t)), self.z_slope.at(t))
        return dz, a.times(a.changed(dh, z), self.n_slope.at(t)), a.term(a.kept(dh, z))


class _ResetAfter(_GRU):
    """n = act(x W + b + r q), q = h U + rb: dr = dn q; dq = dn r."""

    def __init__(self, a: Adjoints, cell: GRU, x: Bounded, before: tuple[Bounded, ...]) -> None:
        gates, candidate = cell.inputs(a, x)
        recurrent = a.product(before[0], cell.recurrent_kernel)
        super().__init__(a, cell, a.total(gates, a.gates_of(recurrent, cell.gates)), before[0])
        self.q = a.total(a.gates_of(recurrent, cell.candidate), a.constant(cell.output_bias))
        self.candidate(a.total(candidate, a.term(a.multiply(self.r, self.q))))
        self.back = transposed(cell.recurrent_kernel, a)
        self.operands: Operands = ((before[0], slice(None)),)

    def step(self, t: int, after: tuple[Terms, ...]) -> Step:
        a = self.a
        dz, dn, direct = self.opened(t, after)
        dr = a.times(a.times(dn, self.q.at(t)), self.r_slope.at(t))
        recurrent = beside([dz, dr, a.times(dn, self.r.at(t))])
        return Step(beside([dz, dr, dn]), recurrent, (a.join(a.product(recurrent, self.back), direct),))


class _ResetBefore(_GRU):
    """n = act(x W + b + (r h) U): dk = dn U^T for k = r h; dr = dk h; dh += dk r."""

    def __init__(self, a: Adjoints, cell: GRU, x: Bounded, before: tuple[Bounded, ...]) -> None:
        (h,), (gates, candidate) = before, cell.inputs(a, x)
        kernels = [cell.recurrent_kernel.columns(units) for units in (cell.gates, cell.candidate)]
        super().__init__(a, cell, a.total(gates, a.product(h, kernels[0])), h)
        reset = a.multiply(self.r, h)
        self.candidate(a.total(candidate, a.product(reset, kernels[1])))
        self.back = [transposed(kernel, a) for kernel in kernels]
        self.operands: Operands = ((h, cell.gates), (reset, cell.candidate))

    def step(self, t: int, after: tuple[Terms, ...]) -> Step:
        a = self.a
        dz, dn, direct = self.opened(t, after)
        dk = a.alone(a.product(dn, self.back[1]))
        dr = a.times(a.times(dk, self.h.at(t)), self.r_slope.at(t))
        gates = beside([dz, dr])
        before = a.join(a.product(gates, self.back[0]), a.join(direct, a.term(a.times(dk, self.r.at(t)))))
        pre = beside([gates, dn])
        return Step(pre, pre, (before,))
