"""The weights of a cell with its gates apart: what all APIs have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.spec import Array

Gates = Mapping[str, Array]
"""Gate, named as in the equations (n; z r n; i f g o) -> its block (..., units)."""


@dataclass(frozen=True)
class CellWeights:
    """The weights of one direction of one layer.

    Attributes:
        kernel: acts on the input, (inputs, units) for every gate.
        recurrent_kernel: acts on the hidden state, (units, units), or (projected, units).
        bias: the bias beside the input, (units,) for every gate; None: the layer has none.
        recurrent_bias: the bias beside the hidden state, likewise.
        projection: acts on the LSTM's hidden state, (units, projected); None: it is not projected.
    """

    kernel: Gates
    recurrent_kernel: Gates
    bias: Gates | None = None
    recurrent_bias: Gates | None = None
    projection: Array | None = None


Stack = Sequence[Sequence[CellWeights]]
"""Layers, lowest first; of each its directions, forward first."""


def apart(array: Array, order: Sequence[str]) -> Gates:
    """The gates of an array (..., gates * units)."""
    return dict(zip(order, np.split(array, len(order), axis=-1), strict=True))


def joined(gates: Gates, order: Sequence[str]) -> Array:
    """The inverse of `apart`, as an array of its own."""
    return np.concatenate([gates[gate] for gate in order], axis=-1)


def no_bias(gates: Gates) -> Gates:
    """Zeros in place of a bias that an API merges into the other one."""
    return {gate: np.zeros_like(block) for gate, block in gates.items()}


def merged(one: Gates, other: Gates) -> Gates:
    """The sum of two biases."""
    return {gate: one[gate] + other[gate] for gate in one}
