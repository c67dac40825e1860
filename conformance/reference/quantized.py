"""Cells whose products are made of eight bits: how far quantization may take a correct implementation.

The scheme is that of dynamic quantization: weights are rounded to int8 with one scale for a matrix, the operand of
every product to unsigned integers with one scale for all that is multiplied at once, and sums of integers are exact.
Nothing is assumed of the directions of these errors, so any way of rounding within half a step is within the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from conformance.reference.arithmetic import Bounds
from conformance.reference.bounded import Bounded, Kernel, Terms
from conformance.reference.cells import GRU, LSTM, Cells, SimpleRNN
from conformance.spec import Floats

WEIGHT_STEPS = 127.5
"""The largest weight of a matrix is so many steps (`MinMaxObserver`, qint8, per_tensor_symmetric)."""

OPERAND_STEPS = 127.0
"""The range of an operand, 0 included, has so many steps at least: some processors have room for seven bits only."""

SMALLEST_STEP = 2.0**-13
"""Smaller steps of an operand are made larger, to some 6.1e-5."""

_SLACK = 1 + 2.0**-10
"""Steps are computed in float32."""


@dataclass(frozen=True)
class _EightBits:
    """Arithmetic with bounds in which the operands of products are quantized."""

    exact: Bounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exact, name)

    def product(self, operand: Bounded, kernel: Kernel) -> Terms:
        """The terms of a product: the operand errs by half a step, and every weight by half of its own."""
        half = _half_step(operand)
        coarse = replace(operand, box=operand.box + half, exact=False)
        terms = self.exact.product(coarse, kernel)
        largest = kernel.magnitude.max(axis=(1, 2), initial=0.0)[:, None, None]
        by_weights = _SLACK * largest / (2 * WEIGHT_STEPS) * (operand.size + half).sum(axis=-1, keepdims=True)
        box = by_weights if terms.box is None else terms.box + by_weights
        return replace(terms, magnitude=terms.magnitude + by_weights, box=box, grid=None)


def _half_step(operand: Bounded) -> Floats:
    """Of the scale for everything in a draw that is multiplied at once: all rows, and all steps if they are there."""
    axes = tuple(axis for axis in range(operand.value.ndim) if axis != operand.value.ndim - 3)
    high = np.maximum((operand.value + operand.radius).max(axis=axes, keepdims=True), 0.0)
    low = np.minimum((operand.value - operand.radius).min(axis=axes, keepdims=True), 0.0)
    half: Floats = _SLACK / 2 * np.maximum((high - low) / OPERAND_STEPS, SMALLEST_STEP)
    return half


class _Coarse:
    """A cell with coarse products, put before the class whose equations are right."""

    def inputs(self, a: Any, x: Any) -> Any:
        return cast(Any, super()).inputs(_coarse(a), x)

    def step(self, a: Any, inputs: Any, state: Any) -> Any:
        return cast(Any, super()).step(_coarse(a), inputs, state)


class _SimpleRNN(_Coarse, SimpleRNN):
    pass


class _LSTM(_Coarse, LSTM):
    pass


class _GRU(_Coarse, GRU):
    pass


def _coarse(a: Any) -> Any:
    """The arithmetic with coarse products, if it has bounds."""
    return _EightBits(a) if isinstance(a, Bounds) else a


EIGHT_BITS = Cells(_SimpleRNN, _LSTM, _GRU)
"""The cells, with what quantization may do to them in their bounds; the values are those of exact weights."""
