"""Rows and steps of tensors, wherever a dialect's layout puts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conformance.errors import SpecError
from conformance.laws.relations import Index
from conformance.spec import Array, LayerConfig, OutputContract, Tensors, initial_states, input_axes


def at(axes: Sequence[str], **chosen: object) -> Index:
    """The index that picks `chosen[axis]` on the named axes and everything on the others."""
    return tuple(chosen.get(axis, slice(None)) for axis in axes)


def x_at(config: LayerConfig, **chosen: object) -> Index:
    """As `at`, for the input."""
    return at(input_axes(config), **chosen)


def steps_at(output: OutputContract, steps: object) -> Index:
    """Some steps of an output."""
    return tuple(steps if axis == output.steps else slice(None) for axis in range(len(output.axes)))


def rows_at(output: OutputContract, rows: object) -> Index:
    """Some rows of an output."""
    return at(output.axes, batch=rows)


def rows_of(config: LayerConfig, tensors: Tensors, rows: Array) -> Tensors:
    """The tensors of some rows of a batch."""
    states = tensors.initial_state
    if states is not None:
        contracts = initial_states(config)
        states = tuple(state[rows_at(due, rows)] for state, due in zip(states, contracts, strict=True))
    return replace(
        tensors,
        x=tensors.x[x_at(config, batch=rows)],
        mask=None if tensors.mask is None else tensors.mask[rows],
        lengths=None if tensors.lengths is None else tensors.lengths[rows],
        initial_state=states,
    )


def steps_of(config: LayerConfig, tensors: Tensors, steps: slice) -> Tensors:
    """The tensors of some steps; not for packed input."""
    mask = tensors.mask
    return replace(
        tensors,
        x=np.ascontiguousarray(tensors.x[x_at(config, timesteps=steps)]),
        mask=None if mask is None else np.ascontiguousarray(mask[:, steps]),
    )


def sized(config: LayerConfig, **sizes: int) -> LayerConfig | None:
    """The configuration with other sizes; None if an option forbids them."""
    try:
        return config.with_sizes(**sizes)
    except SpecError:
        return None


REVERSED = slice(None, None, -1)


def halves(axis: int, output: OutputContract) -> tuple[Index, Index]:
    """The forward and the backward half of an axis on which two directions are joined."""
    middle = output.shape[axis] // 2
    before, after = (slice(None),) * axis, (slice(None),) * (len(output.axes) - axis - 1)
    return (*before, slice(None, middle), *after), (*before, slice(middle, None), *after)


def refined(index: Index, axis: int, chosen: object) -> Index:
    """The index with another choice on one axis."""
    return (*index[:axis], chosen, *index[axis + 1 :])
