"""The arithmetics that a cell's equations are written over: plain values, and values with error bounds.

The rounding model (`Precision`): every stored intermediate result has relative error u; sums are taken in any order and
grouping, with or without fused multiply-add; results and operands below the smallest normal number may be flushed to
zero; an activation errs by u (rel |y| + abs) + tiny. A bound holds for every implementation that keeps to it.
"""

from __future__ import annotations

import math
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from conformance.reference.activations import Activation
from conformance.reference.bounded import (
    NO_GRID,
    Bounded,
    Ints,
    Kernel,
    Terms,
    add_gens,
    grid_exponent,
    scaled,
    spread,
)
from conformance.reference.precision import Precision
from conformance.reference.symbols import Symbols
from conformance.spec import Floats

Mask = NDArray[np.bool_]
N = TypeVar("N")
S = TypeVar("S")


class Arithmetic(Protocol[N, S]):
    """What the equations of a cell need of numbers `N` and of sums `S` that are yet to be rounded."""

    def product(self, operand: N, kernel: Kernel) -> S:
        """The terms of `operand @ kernel`."""

    def constant(self, terms: Terms) -> S:
        """Biases."""

    def term(self, number: N) -> S:
        """A number as a term of a sum."""

    def join(self, left: S, right: S) -> S:
        """All terms of two sums."""

    def gates_of(self, terms: S, units: slice) -> S:
        """The terms that belong to some units."""

    def total(self, left: S, right: S) -> N:
        """The sum of all terms, in any order."""

    def columns(self, number: N, units: slice) -> N:
        """Some of the units of a number."""

    def activate(self, number: N, activation: Activation) -> N:
        """An activation."""

    def multiply(self, left: N, right: N) -> N:
        """The product, unit by unit."""

    def add(self, left: N, right: N) -> N:
        """The sum, unit by unit."""

    def interpolate(self, z: N, kept: N, new: N) -> N:
        """`z * kept + (1 - z) * new`."""

    def settle(self, number: N) -> N:
        """A number that several later results depend on."""


class Values:
    """Plain float64 arithmetic."""

    def product(self, operand: Floats, kernel: Kernel) -> Floats:
        """The product."""
        return operand @ kernel.value

    def constant(self, terms: Terms) -> Floats:
        """The sum of the biases."""
        return terms.value

    def term(self, number: Floats) -> Floats:
        """The number."""
        return number

    def join(self, left: Floats, right: Floats) -> Floats:
        """The sum."""
        return left + right

    total = add = join

    def columns(self, number: Floats, units: slice) -> Floats:
        """Some of the units."""
        return number[..., units]

    gates_of = columns

    def activate(self, number: Floats, activation: Activation) -> Floats:
        """The activation."""
        return activation.value(number)

    def multiply(self, left: Floats, right: Floats) -> Floats:
        """The product, unit by unit."""
        return left * right

    def interpolate(self, z: Floats, kept: Floats, new: Floats) -> Floats:
        """`z * kept + (1 - z) * new`."""
        return new + z * (kept - new)

    def settle(self, number: Floats) -> Floats:
        """The number."""
        return number


class Bounds:
    """Arithmetic with error bounds; without symbols these are intervals."""

    def __init__(self, precision: Precision, symbols: Symbols | None = None) -> None:
        self.precision = precision
        self.symbols = symbols
        self._overflow: Mask | None = None

    def product(self, operand: Bounded, kernel: Kernel) -> Terms:
        """The terms of `operand @ kernel`, the operand's errors carried through."""
        value = operand.value @ kernel.value
        size = np.abs(operand.value)
        box = gens = None
        magnitude = size @ kernel.magnitude
        if not operand.exact:
            box = operand.box @ kernel.magnitude
            magnitude = magnitude + (box if operand.gens is None else operand.radius @ kernel.magnitude)
            gens = None if operand.gens is None else operand.gens @ kernel.value[:, None]
        if kernel.flushed is not None:
            flushed = (size + operand.radius) @ kernel.flushed
            box = flushed if box is None else box + flushed
        return Terms(value, magnitude, box, gens, operand.value.shape[-1], _product_grid(operand, kernel))

    def constant(self, terms: Terms) -> Terms:
        """The biases."""
        return terms

    def term(self, number: Bounded) -> Terms:
        """A number as one term, with its error."""
        return Terms(number.value, number.size, number.box, number.gens, 1, None)

    def join(self, left: Terms, right: Terms) -> Terms:
        """All terms."""
        return left + right

    def gates_of(self, terms: Terms, units: slice) -> Terms:
        """The terms of some units."""
        return terms.columns(units)

    def total(self, left: Terms, right: Terms) -> Bounded:
        """The sum of all terms with the worst error over all orders of summation (see `summation_error`).

        If all terms are multiples of 2^q and their absolute values add up to at most 2^q / u, every partial sum is
        representable and there is no error. If they add up to half the largest number, an order may overflow.
        """
        terms = left + right
        p = self.precision
        box = np.zeros_like(terms.value) if terms.box is None else terms.box
        operands = box if terms.gens is None else box + spread(terms.gens)
        size = np.abs(terms.value) + operands
        error = summation_error(p.u, terms.magnitude, size, terms.count) + 2 * terms.count * p.tiny
        if terms.grid is not None:
            error = np.where(_representable(terms.grid[..., None], terms.magnitude, p), 0.0, error)
        self._flag(terms.magnitude)
        return Bounded(terms.value, box + error, terms.gens)

    def columns(self, number: Bounded, units: slice) -> Bounded:
        """Some of the units."""
        return number.columns(units)

    def activate(self, number: Bounded, activation: Activation) -> Bounded:
        """An activation: the smaller of its Lipschitz bound and its range, or its linearisation with remainder.

        The signs of the symbols are kept unless forgetting them gains a factor of two: they are worth more later on.
        """
        v, R, p = number.value, number.radius, self.precision
        rel, absolute = activation.accuracy(p.accuracy)
        y = activation.value(v)
        farthest = np.maximum(activation.high - y, y - activation.low)
        plain = np.minimum(activation.slope(activation.steepest(v, R)) * R, farthest)
        slope = activation.slope(v)
        linear = slope * number.box + activation.remainder(v, R)
        flush = p.tiny if rel or absolute else 0.0
        local = p.u * (rel * (np.abs(y) + plain) + absolute) + flush
        overshoot = p.u * (rel + absolute) + flush
        low, high = activation.low - overshoot, activation.high + overshoot
        if number.gens is None:
            return Bounded(y, np.minimum(plain, linear) + local, None, low, high)
        gens = slope[..., None, :] * number.gens
        lost = spread(gens) + linear > 2 * plain + local
        gens = np.where(lost[..., None, :], 0.0, gens)
        return Bounded(y, np.where(lost, plain, linear) + local, gens, low, high)

    def multiply(self, left: Bounded, right: Bounded) -> Bounded:
        """The product of two numbers, rounded once."""
        a, b, p = left.value, right.value, self.precision
        box = np.abs(b) * left.box + np.abs(a) * right.box + left.radius * right.radius
        size = left.size * right.size
        rounding = p.u * size + p.tiny
        gens = add_gens(scaled(b, left.gens), scaled(a, right.gens))
        reach = left.reach * right.reach * (1 + p.u) + p.tiny
        self._flag(size)
        product = Bounded(a * b, box + rounding, gens, -reach, reach)
        return product if math.isinf(min(left.reach, right.reach)) else product.capped(size + rounding)

    def add(self, left: Bounded, right: Bounded) -> Bounded:
        """The sum of two numbers, rounded once."""
        value = left.value + right.value
        size = np.abs(value) + left.radius + right.radius
        rounding = self.precision.u * size + self.precision.tiny
        self._flag(size)
        return Bounded(value, left.box + right.box + rounding, add_gens(left.gens, right.gens))

    def interpolate(self, z: Bounded, kept: Bounded, new: Bounded) -> Bounded:
        """`z * kept + (1 - z) * new`, in whichever of the three usual ways, for any z.

        The error is taken of `new + z (kept - new)`, where z appears once. Rounding errors, with d = kept - new:
        `z*kept + (1-z)*new`: u (|z kept| + 2 |(1-z) new|); `new + z*d`: 2 u |z d|; `kept - (1-z)*d`: 3 u |(1-z) d|;
        each with u |result| more for the last sum, and a factor 1 + 4u for terms of higher order.
        """
        p = self.precision
        d = kept.value - new.value
        keep, change = np.abs(z.value), np.abs(1.0 - z.value)
        value = new.value + z.value * d
        gens = add_gens(add_gens(scaled(z.value, kept.gens), scaled(1.0 - z.value, new.gens)), scaled(d, z.gens))
        box = keep * kept.box + change * new.box + np.abs(d) * z.box + z.radius * (kept.radius + new.radius)
        rest, distance = change + z.radius, np.abs(d) + kept.radius + new.radius
        products = np.maximum(z.size * kept.size + 2 * rest * new.size, 2 * z.size * distance)
        products = np.maximum(products, 3 * rest * distance)
        result = np.abs(value) + box + (0.0 if gens is None else spread(gens))
        rounding = p.u * (products + result) * (1 + 4 * p.u) + 4 * p.tiny
        self._flag(products + result)
        blended = Bounded(value, box + rounding, gens)
        return blended if math.isinf(z.reach) else blended.capped(_blend_limit(z, kept, new) + rounding)

    def settle(self, number: Bounded) -> Bounded:
        """The same number; what no symbol tracks gets symbols of its own, so that its later uses are one error."""
        return number if self.symbols is None else self.symbols.promote(number)

    def take_overflow(self) -> Mask | None:
        """Rows (..., K, B) in which a result since the last call may overflow; None: none may."""
        overflow, self._overflow = self._overflow, None
        return overflow

    def _flag(self, size: Floats) -> None:
        """Remember rows in which a number of this size may overflow (or is not a number)."""
        limit = self.precision.fmax / 2
        if not size.max(initial=0.0) < limit:
            rows: Mask = ~np.asarray((size < limit).all(axis=-1))
            self._overflow = rows if self._overflow is None else self._overflow | rows


def summation_error(u: float, magnitude: Floats, size: Floats, count: int) -> Floats:
    """Worst error of a sum of `count` products over all orders and groupings of summation.

    Each product errs by u times its size, u M in total with M the sum of their magnitudes. A summation tree has
    count - 1 nodes; each holds the sum of some terms, which is at most max(P, N) = (M + |S|) / 2 with P and N the sums
    of the positive and of the negative terms and S = P - N. Errors of partial sums feed back into partial sums:
    1 / (1 - count u) <= 1 + 2 count u for count u <= 1/2. Twice as tight as the textbook's count u M (Higham, section
    3.1), which holds without that condition (Jeannerod and Rump, "Improved error bounds for inner products in
    floating-point arithmetic", SIAM J. Matrix Anal. Appl. 34, 2013).

    Args:
        u: unit roundoff of the accumulation.
        magnitude: M, with the errors of the operands.
        size: |S|, likewise.
        count: number of terms.
    """
    if count * u > 0.1:
        return count * u * magnitude
    nodes = max(count - 1, 0)
    return u * (1 + 2 * count * u) * (magnitude + nodes / 2 * (magnitude + size))


def _blend_limit(z: Bounded, kept: Bounded, new: Bounded) -> Floats:
    """Largest size of `z kept + (1 - z) new` for z in its range: with z in [0, 1] no more than both have."""
    convex = max(abs(end) + abs(1 - end) for end in (z.low, z.high))
    either = np.maximum(kept.size, new.size) * convex
    limit: Floats = np.minimum(either, z.reach * kept.size + (1 + z.reach) * new.size)
    return limit


def _product_grid(operand: Bounded, kernel: Kernel) -> Ints | None:
    """Grids on which the terms of a product lie, for the rows whose operands have no error."""
    if kernel.grid is None or (not operand.exact and operand.radius.all()):
        return None
    weights = kernel.grid[:, None]
    q = np.where(weights == NO_GRID, NO_GRID, grid_exponent(operand.value) + weights)
    return q if operand.exact else np.where(operand.radius.any(axis=-1), NO_GRID, q)


def _representable(grid: Ints, magnitude: Floats, precision: Precision) -> Mask:
    """Whether every partial sum of terms on these grids can be stored exactly, in the normal range."""
    normal = grid >= math.log2(precision.tiny)
    fits: Mask = normal & (magnitude <= np.ldexp(1 / precision.u, np.clip(grid, -1000, 900)))
    return fits
