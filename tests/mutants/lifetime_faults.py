"""Faults that show only over time or in single elements: memory shared, things changed, results that vary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy_layers import fault
from planting import Array, every_array, every_result, instead_of, layer_of, mapped


@fault
def changes_its_input(dialect: Any) -> None:
    @instead_of(layer_of(dialect), "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        result = honest(mode, inputs)
        inputs.x[...] *= 2
        return result


@fault
def changes_its_states(dialect: Any) -> None:
    """The arrays of the initial states are used as working memory."""

    @instead_of(layer_of(dialect), "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        result = honest(mode, inputs)
        for state in inputs.initial_state or []:
            state[...] = 0
        return result


@fault
def changes_its_mask(dialect: Any) -> None:
    @instead_of(layer_of(dialect), "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        result = honest(mode, inputs)
        if inputs.mask is not None:
            inputs.mask[...] = True
        return result


@fault
def changes_its_weights(dialect: Any) -> None:
    """A training step that nobody asked for."""

    @instead_of(layer_of(dialect), "call")
    def call(honest: Any, layer: Any, mode: str, inputs: Any) -> Any:
        result = honest(mode, inputs)
        layer.weights()[-1][1][...] += 1e-3
        return result


@fault
def reuses_its_output(dialect: Any) -> None:
    """All calls write to the same memory."""
    buffers: dict[Any, Array] = {}

    def change(array: Array) -> Array:
        buffer = buffers.setdefault((array.shape, array.dtype.name), np.empty_like(array))
        buffer[...] = array
        return buffer

    every_array(dialect, change)


@fault
def depends_on_the_call(dialect: Any) -> None:
    """Every second call is one per cent off."""
    calls: list[int] = []

    def change(_layer: Any, result: Any) -> Any:
        calls.append(1)
        odd = len(calls) % 2
        return mapped(
            result, lambda array: array * array.dtype.type(1.01) if odd and array.dtype.kind == "f" else array
        )

    every_result(dialect, change)


@fault
def keeps_state(dialect: Any) -> None:
    """A second call goes on where the first one ended, though nobody asked for `stateful`."""
    kept: dict[int, Any] = {}

    @instead_of(layer_of(dialect), "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        before = kept.get(id(layer))
        if inputs.initial_state is None and before is not None and before[0].shape[0] == x.shape[0]:
            inputs = inputs._replace(initial_state=before)
        found = honest(x, inputs)
        kept[id(layer)] = [state.copy() for _, states in found for state in states]
        return found


@fault
def one_nan(dialect: Any) -> None:
    """The last element of an output of more than 20 elements."""

    def change(array: Array) -> Array:
        if array.dtype.kind != "f" or array.size <= 20:
            return array
        spoilt = np.array(array)
        spoilt.reshape(-1)[-1] = np.nan
        return spoilt

    every_array(dialect, change)


@fault
def wrong_last_row(dialect: Any) -> None:
    """The last row of a batch of five or more repeats the one before."""

    def change(layer: Any, result: Any) -> Any:
        output = result if isinstance(result, np.ndarray) else result[0]
        if isinstance(output, np.ndarray) and output.shape[0] >= 5:
            output[-1] = output[-2]
        return result

    every_result(dialect, change)


@fault
def long_sequences_cut(dialect: Any) -> None:
    """Steps after the eighth are not read."""

    @instead_of(layer_of(dialect), "runs")
    def runs(honest: Any, _layer: Any, x: Array, inputs: Any) -> Any:
        x = x.copy()
        x[:, 8:] = 0
        return honest(x, inputs)


@fault
def recurrent_kernel_first(dialect: Any) -> None:
    """The weights come in another order, recurrent kernel first, and are set in that order too."""

    @instead_of(layer_of(dialect), "weights")
    def weights(honest: Any, _layer: Any) -> Any:
        named = honest()
        return [named[i ^ 1] if i // 2 == 0 else named[i] for i in range(len(named))]
