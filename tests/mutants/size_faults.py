"""Faults that need a size: remainders of vector loops, blocks, buffers, batches of one, errors that add up."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy_layers import FAULTS, fault
from planting import Array, cell_of, every_result, instead_of, layer_of, mapped, weights_read_as

# ---------------------------------------------------------------- units and features


def _units_lost(wrong: Any, dialect: Any) -> None:
    """The recurrent kernel is not read for the units that `wrong(units)` names."""

    def change(cell: Any, role: str, blocks: Array) -> Array:
        if role != "recurrent_kernel" or getattr(cell, "projected", cell.units) != cell.units:
            return blocks
        short = blocks.copy()
        short[:, :, wrong(cell.units)] = 0
        return short

    weights_read_as(dialect, change)


def _remainder(lanes: int, units: int) -> slice:
    """What is left over by a vector loop."""
    return slice(units // lanes * lanes, units)


def _remainder_after_a_block(lanes: int, units: int) -> slice:
    """Likewise; fewer units than lanes go another way, which is right."""
    return _remainder(lanes, units) if units > lanes else slice(0, 0)


FAULTS["remainder_of_eight_lost"] = partial(_units_lost, partial(_remainder, 8))
FAULTS["remainder_after_sixteen_lost"] = partial(_units_lost, partial(_remainder_after_a_block, 16))
FAULTS["units_after_32_lost"] = partial(_units_lost, lambda units: slice(32, units))
FAULTS["last_unit_of_full_blocks_lost"] = partial(
    _units_lost, lambda units: slice(units - 1, units) if units % 16 == 0 else slice(0, 0)
)
FAULTS["seventeen_units_wrong"] = partial(_units_lost, lambda units: slice(0, 1) if units == 17 else slice(0, 0))


@fault
def features_after_64_lost(dialect: Any) -> None:
    """A buffer for 64 features of the input."""

    @instead_of(layer_of(dialect), "runs" if dialect.name == "keras" else "run")
    def run(honest: Any, layer: Any, *args: Any, **kwargs: Any) -> Any:
        place = 0 if dialect.name == "keras" else 1
        x = args[place].copy()
        x[..., 64:] = 0
        return honest(*args[:place], x, *args[place + 1 :], **kwargs)


@fault
def more_features_than_units(dialect: Any) -> None:
    """The input is copied into a buffer that is as wide as the state."""

    def change(cell: Any, role: str, blocks: Array) -> Array:
        if role != "kernel":
            return blocks
        short = blocks.copy()
        short[:, :, cell.units :] = 0
        return short

    weights_read_as(dialect, change)


# ---------------------------------------------------------------- batch


@fault
def batch_of_one_scaled(dialect: Any) -> None:
    """A path of its own for one row, with a mistake in it."""

    def change(_layer: Any, result: Any) -> Any:
        output = result if isinstance(result, np.ndarray) else result[0]
        one = isinstance(output, np.ndarray) and output.shape[0] == 1
        return mapped(result, lambda array: array * array.dtype.type(1.001)) if one else result

    every_result(dialect, change)


@fault
def rows_after_32_repeat(dialect: Any) -> None:
    """Rows are computed in blocks of 32, and the second block gets the input of the first."""

    @instead_of(layer_of(dialect), "runs")
    def runs(honest: Any, _layer: Any, x: Array, inputs: Any) -> Any:
        return honest(x[np.arange(len(x)) % 32], inputs)


# ---------------------------------------------------------------- time


def _steps_lost(first: int, dialect: Any) -> None:
    """Steps from `first` on are not read."""

    @instead_of(layer_of(dialect), "runs" if dialect.name == "keras" else "run")
    def run(honest: Any, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if dialect.name == "keras":
            x = args[0].copy()
            x[:, first:] = 0
            return honest(x, *args[1:], **kwargs)
        x = args[1].copy()
        x[first:] = 0
        return honest(args[0], x, *args[2:], **kwargs)


FAULTS["buffer_of_64_steps"] = partial(_steps_lost, 64)


@fault
def state_lost_between_chunks(dialect: Any) -> None:
    """Chunks of 32 steps, each begun from a state of zero."""
    counts: dict[int, int] = {}

    @instead_of(cell_of(dialect), "step")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        counts[id(cell)] = counts.get(id(cell), 0) + 1
        begun = counts[id(cell)] > 1 and counts[id(cell)] % 32 == 1
        return honest(x, [0 * state for state in states] if begun else states)

    @instead_of(layer_of(dialect), "call")
    def call(honest: Any, _layer: Any, *args: Any) -> Any:
        counts.clear()
        return honest(*args)


@fault
def float32_sums_of_long_sequences(dialect: Any) -> None:
    """States of float64 layers are kept in float32 in sequences of more than 100 steps."""
    long: list[bool] = []

    @instead_of(layer_of(dialect), "runs")
    def runs(honest: Any, _layer: Any, x: Array, inputs: Any) -> Any:
        long[:] = [x.shape[1] > 100]
        return honest(x, inputs)

    @instead_of(cell_of(dialect), "step")
    def step(honest: Any, _cell: Any, x: Array, states: list[Array]) -> Any:
        new = honest(x, states)
        return [state.astype(np.float32).astype(x.dtype) for state in new] if long[0] else new


# ---------------------------------------------------------------- masks


@fault
def zeros_shown_at_masked_steps(_dialect: Any) -> None:
    """In place of the output before, also without `zero_output_for_mask`, and as the last output."""
    from planting import KerasDirection

    @instead_of(KerasDirection, "show")
    def show(_honest: Any, _direction: Any, keep: Array, shown: Array) -> Array:
        return np.where(keep, shown, 0).astype(shown.dtype)


@fault
def states_and_outputs_zeroed(_dialect: Any) -> None:
    """States are multiplied by the mask, and so is what is shown."""
    from planting import KerasDirection

    @instead_of(KerasDirection, "run")
    def run(_honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        outputs = []
        for t in direction.order(x.shape[1]):
            states = direction.cell.step(x[:, t], states)
            if mask is not None:
                states = [state * mask[:, t, None].astype(state.dtype) for state in states]
            outputs.append(states[0])
        return np.stack(outputs, axis=1), states


@fault
def mask_ignored_forward(_dialect: Any) -> None:
    """In the first direction of a bidirectional layer."""
    from keras_faults import _know_their_layer, _mask_seen

    _know_their_layer()
    _mask_seen(lambda direction, mask: None if direction.options["bidirectional"] and not direction.second else mask)


@fault
def gaps_shift_states(_dialect: Any) -> None:
    """At the end of a gap the state is the one from before it, halved."""
    from planting import KerasDirection

    @instead_of(KerasDirection, "run")
    def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        if mask is None:
            return honest(x, mask, states)
        seen = np.maximum.accumulate(mask, axis=1) & np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
        gap = (seen & ~mask).any(axis=1)[:, None]
        outputs, states = honest(x, mask, states)
        return np.where(gap[..., None], outputs / 2, outputs).astype(outputs.dtype), states
