"""What Keras 2 returns, where it differs from Keras 3: time may come first, and `hard_sigmoid` is another line."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import keras
from .activations import KERAS_2
from .options import Value, agree

Rows = Sequence[Any]
"""Nested lists."""


def run(
    layer: str,
    options: Mapping[str, Value],
    weights: Sequence[Rows],
    x: Rows,
    mask: Sequence[Sequence[bool]] | None = None,
    initial_state: Sequence[Rows] | None = None,
) -> list[tuple[str, Rows]]:
    """The outputs of a call, by name and in order.

    Args:
        layer: as for Keras 3.
        options: as for Keras 3, and `time_major`: input and sequences are (timesteps, batch, ...).
        weights: as for Keras 3.
        x: (batch, timesteps, features), or time first.
        mask: as for Keras 3.
        initial_state: as for Keras 3.

    Raises:
        ValueError: for anything that the layer does not take.
    """
    others = dict(options)
    time_major = bool(others.pop("time_major", False))
    if not time_major:
        return keras.run(layer, others, weights, x, mask, initial_state, KERAS_2)
    others["mask"] = "none"
    agree("mask", wanted=False, argument=mask)  # the layout of a mask is not promised then
    outputs = keras.run(layer, others, weights, _swapped(x), None, initial_state, KERAS_2)
    return [(name, _swapped(rows) if _is_sequence(name, others) else rows) for name, rows in outputs]


def _is_sequence(name: str, options: Mapping[str, Value]) -> bool:
    return bool(options.get("return_sequences")) and name.endswith("output")


def _swapped(x: Rows) -> list[Any]:
    """The first two axes exchanged."""
    return [list(column) for column in zip(*x, strict=True)]
