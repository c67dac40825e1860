"""Faults of layers that follow Keras 2 in part only: what somebody would write who knows Keras 3."""

from __future__ import annotations

from typing import Any

import numpy_layers
from numpy_layers import Keras2Layer, fault
from planting import instead_of


@fault
def tuple_of_results(_dialect: Any) -> None:
    """Several outputs come as a tuple, as in Keras 3."""

    @instead_of(Keras2Layer, "packaged")
    def packaged(honest: Any, _layer: Any, parts: list[Any]) -> Any:
        result = honest(parts)
        return tuple(result) if isinstance(result, list) else result


@fault
def hard_sigmoid_of_keras_3(_dialect: Any) -> None:
    """clip(x / 6 + 0.5), for both activations."""
    numpy_layers.ACTIVATIONS_2.clear()


@fault
def time_major_for_input_alone(_dialect: Any) -> None:
    """The input is read time first; full sequences come back batch first."""

    @instead_of(Keras2Layer, "packaged")
    def packaged(_honest: Any, _layer: Any, parts: list[Any]) -> Any:
        return parts[0] if len(parts) == 1 else list(parts)


@fault
def time_major_ignored(_dialect: Any) -> None:
    """The first axis is taken for the batch, of input and sequences alike."""

    @instead_of(Keras2Layer, "call")
    def call(_honest: Any, layer: Any, mode: str, inputs: Any) -> Any:
        return super(Keras2Layer, layer).call(mode, inputs)
