"""Numbers with a bound on their rounding error, and the sums of products that they are made of.

A `Bounded` number stands for everything that a correct implementation may hold in its place:

    got = value + sum_k e_k gens_k + e box,   |e_k| <= 1, |e| <= 1

`gens` are signed sensitivities to m error symbols that several numbers share, so that errors may cancel (a zonotope;
Girard, "Reachability of uncertain linear systems using zonotopes", HSCC 2005); `box` is what no symbol tracks.
Without symbols this is ordinary running error analysis (Higham, "Accuracy and Stability of Numerical Algorithms",
section 3.3).

Shapes: the last axes are (draws K, batch B, units n), gens (K, B, m, n); a leading time axis may stand before them.
Every draw has its own weights: kernels are (K, inputs, units).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from conformance.reference.precision import Precision
from conformance.spec import Floats

Ints = NDArray[np.int64]

NO_GRID = -(10**6)
"""Exponent that stands for: not on a usable grid."""


@dataclass(frozen=True)
class Bounded:
    """A number and its error.

    Attributes:
        value: what exact arithmetic gives.
        box: radius that no symbol tracks.
        gens: sensitivities to symbols, or None.
        low, high: range in which every correct implementation's number lies.
        exact: that the error is known to be zero everywhere.
    """

    value: Floats
    box: Floats
    gens: Floats | None = None
    low: float = -math.inf
    high: float = math.inf
    exact: bool = False

    @classmethod
    def of(cls, value: Floats, tiny: float = 0.0) -> Bounded:
        """Data that implementations are given: exact, except that numbers below `tiny` may be read as zero."""
        size = np.abs(value)
        box = np.where(size < tiny, size, 0.0)
        return cls(value, box, exact=not box.any())

    @cached_property
    def radius(self) -> Floats:
        """Largest error."""
        return self.box if self.gens is None else spread(self.gens) + self.box

    @property
    def reach(self) -> float:
        """Largest size that the range allows."""
        return max(-self.low, self.high)

    @cached_property
    def size(self) -> Floats:
        """Largest size that a correct implementation's number can have."""
        size: Floats = np.abs(self.value) + self.radius
        return size if math.isinf(self.reach) else np.minimum(size, self.reach)

    @classmethod
    def joined(cls, numbers: Sequence[Bounded]) -> Bounded:
        """Numbers without symbols side by side."""
        return cls(
            np.concatenate([number.value for number in numbers], axis=-1),
            np.concatenate([number.box for number in numbers], axis=-1),
        )

    def at(self, step: int) -> Bounded:
        """One time step of a number without symbols."""
        return Bounded(self.value[step], self.box[step])

    def scaled(self, factors: Floats) -> Bounded:
        """A number without symbols times zeros and powers of two, which round nothing."""
        return Bounded(self.value * factors, self.box * factors)

    def columns(self, units: slice) -> Bounded:
        """Some of the units."""
        gens = None if self.gens is None else self.gens[..., units]
        return Bounded(self.value[..., units], self.box[..., units], gens, self.low, self.high, self.exact)

    def capped(self, limit: Floats) -> Bounded:
        """The same, known to be of size `limit` at most; where that says more than the bound, it replaces it."""
        top = np.abs(self.value) + limit
        over = self.radius > top
        if not over.any():
            return self
        gens = None if self.gens is None else np.where(over[..., None, :], 0.0, self.gens)
        return Bounded(self.value, np.where(over, top, self.box), gens, self.low, self.high)


@dataclass(frozen=True)
class Kernel:
    """A matrix of weights of every draw, with what bounds need of it, computed once.

    Attributes:
        value: (K, inputs, units).
        magnitude: its absolute values.
        grid: (K,) exponents q such that all weights of a draw are multiples of 2^q; None: no draw is worth the test.
        flushed: the absolute values of weights below the smallest normal number, or None.
    """

    value: Floats
    magnitude: Floats
    grid: Ints | None
    flushed: Floats | None

    @classmethod
    def of(cls, value: Floats, precision: Precision) -> Kernel:
        """The kernel of weights (K, inputs, units)."""
        magnitude = np.abs(value)
        subnormal = (magnitude < precision.tiny) & (magnitude > 0)
        return cls(
            value,
            magnitude,
            _worthwhile_grid(value, magnitude, precision),
            np.where(subnormal, magnitude, 0.0) if subnormal.any() else None,
        )

    def columns(self, units: slice) -> Kernel:
        """Some of the units."""
        flushed = None if self.flushed is None else self.flushed[..., units]
        return Kernel(self.value[..., units], self.magnitude[..., units], self.grid, flushed)


@dataclass(frozen=True)
class Terms:
    """Terms of a sum that is yet to be rounded; the order of summation is the implementation's.

    Attributes:
        value: their exact sum.
        magnitude: sum of their absolute values, errors of operands included.
        box, gens: error of the sum by errors of operands.
        count: number of terms.
        grid: exponents q such that all terms of a row are multiples of 2^q; None: not known.
    """

    value: Floats
    magnitude: Floats
    box: Floats | None
    gens: Floats | None
    count: int
    grid: Ints | None

    def __add__(self, other: Terms) -> Terms:
        """All terms together."""
        return Terms(
            self.value + other.value,
            self.magnitude + other.magnitude,
            _plus(self.box, other.box),
            add_gens(self.gens, other.gens),
            self.count + other.count,
            None if self.grid is None or other.grid is None else np.minimum(self.grid, other.grid),
        )

    def columns(self, units: slice) -> Terms:
        """The terms of some of the units."""
        return Terms(
            self.value[..., units],
            self.magnitude[..., units],
            None if self.box is None else self.box[..., units],
            None if self.gens is None else self.gens[..., units],
            self.count,
            self.grid,
        )

    def at(self, step: int) -> Terms:
        """The terms of one time step, of terms that have a leading time axis and no symbols."""
        return Terms(
            self.value[step],
            self.magnitude[step],
            None if self.box is None else self.box[step],
            None,
            self.count,
            None if self.grid is None else self.grid[step],
        )


def constants(values: tuple[Floats, ...], units: int, draws: int) -> Terms:
    """Biases (K, units) as terms: none, one or several of them, added separately or merged beforehand."""
    zero = np.zeros((draws, 1, units))
    rows = [value[:, None, :] for value in values]
    magnitude = sum((np.abs(row) for row in rows), start=zero)
    grids = [grid_exponent(row) for row in rows]
    grid = np.minimum.reduce(grids) if grids else np.full((draws, 1), -NO_GRID)
    return Terms(sum(rows, start=zero), magnitude, None, None, len(rows), grid)


def spread(gens: Floats) -> Floats:
    """Largest joint effect of all symbols: the sum of absolute sensitivities."""
    total: Floats = np.abs(gens).sum(axis=-2)
    return total


def scaled(factor: Floats, gens: Floats | None) -> Floats | None:
    """Sensitivities of `factor` times a number, `factor` (..., n) being exact."""
    return None if gens is None else factor[..., None, :] * gens


def add_gens(left: Floats | None, right: Floats | None) -> Floats | None:
    """Sensitivities of a sum; a number that lacks the later symbols does not depend on them."""
    if left is None or right is None:
        return right if left is None else left
    if left.shape[-2] < right.shape[-2]:
        left, right = right, left
    if left.shape[-2] == right.shape[-2]:
        return left + right
    total = left.copy()
    total[..., : right.shape[-2], :] += right
    return total


def grid_exponent(value: Floats) -> Ints:
    """The largest q such that all numbers along the last axis are multiples of 2^q; zero is a multiple of anything."""
    mantissa, exponent = np.frexp(value)
    digits = np.ldexp(mantissa, 53).astype(np.int64)
    lowest_bit = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    q = np.where(digits == 0, -NO_GRID, lowest_bit + exponent - 53)
    smallest: Ints = np.min(q, axis=-1, initial=-NO_GRID).astype(np.int64)
    return smallest


def _worthwhile_grid(value: Floats, magnitude: Floats, precision: Precision) -> Ints | None:
    """Grids of kernels whose weights have bits to spare; with full mantissas no product can be exact."""

    def of_some(rows: slice) -> Ints | None:
        q = grid_exponent(value[:, rows].reshape(value.shape[0], -1))
        largest = magnitude[:, rows].max(axis=(1, 2), initial=0.0)
        spare = largest * precision.u < np.ldexp(1.0, np.clip(q, -1000, 900))
        return np.where(spare, q, NO_GRID) if spare.any() else None

    # what the first row rules out, all rows rule out
    return None if of_some(slice(0, 1)) is None else of_some(slice(None))


def _plus(left: Floats | None, right: Floats | None) -> Floats | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right
