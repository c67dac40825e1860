"""What the probes of open questions change in valid tensors, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from conformance.generate.tensors import INVALID
from conformance.spec import Array, Tensors


def _masked(change: Callable[[Array], None]) -> Callable[[Tensors], Tensors]:
    """A mask that keeps everything but what `change` sets to False."""

    def changed(drawn: Tensors) -> Tensors:
        mask = np.ones(drawn.x.shape[:2], np.bool_)
        change(mask)
        return replace(drawn, mask=mask)

    return changed


def _drop_first_step(mask: Array) -> None:
    mask[:, 0] = False


def _drop_first_row(mask: Array) -> None:
    mask[0] = False


def _drop_last_step(mask: Array) -> None:
    mask[:, -1] = False


def _of_time_major(drawn: Tensors) -> Tensors:
    """A mask (timesteps, batch) that drops the last step, for input whose time comes first."""
    mask = np.ones(drawn.x.shape[:2], np.bool_)
    mask[-1] = False
    return replace(drawn, mask=mask)


def _states(change: Callable[[tuple[Array, ...]], tuple[Array, ...]]) -> Callable[[Tensors], Tensors]:
    return lambda drawn: replace(drawn, initial_state=change(drawn.initial_state or ()))


def _mask(change: Callable[[Array], Array]) -> Callable[[Tensors], Tensors]:
    return lambda drawn: replace(drawn, mask=None if drawn.mask is None else change(drawn.mask))


def _lengths(place: int, length: Callable[[Tensors], int]) -> Callable[[Tensors], Tensors]:
    """Another length at one place; the others are 2, so that they stay sorted and the longest is as told."""

    def changed(drawn: Tensors) -> Tensors:
        lengths = np.full_like(drawn.lengths, 2)
        lengths[place] = length(drawn)
        return replace(drawn, lengths=lengths)

    return changed


CHANGES: Mapping[str, Callable[[Tensors], Tensors]] = {
    "first_step_masked": _masked(_drop_first_step),
    "first_row_masked": _masked(_drop_first_row),
    "last_step_masked": _masked(_drop_last_step),
    "last_step_masked_time_first": _of_time_major,
    "last_step_masked_batch_first": lambda drawn: _mask(np.transpose)(_of_time_major(drawn)),
    "mask_with_extra_step": _mask(lambda mask: np.concatenate([mask, mask[:, :1]], axis=1)),
    "mask_of_integers": _mask(lambda mask: mask.astype(np.int32)),
    "one_state_only": _states(lambda states: states[:1]),
    "state_with_extra_unit": INVALID["state_with_extra_unit"],
    "state_of_one_row": _states(lambda states: tuple(state[:1] for state in states)),
    "state_without_rows": _states(lambda states: tuple(state[0] for state in states)),
    "one_state_more": _states(lambda states: (*states, states[-1])),
    "mask_of_one_row": _mask(lambda mask: mask[:1]),
    "mask_with_extra_axis": _mask(lambda mask: mask[:, :, None]),
    "first_row_alone": lambda drawn: replace(drawn, x=drawn.x[:1]),
    "no_rows_and_timesteps": lambda drawn: replace(drawn, x=drawn.x[:0, :0]),
    "no_timesteps": lambda drawn: replace(drawn, x=drawn.x[:, :0]),
    "no_rows": lambda drawn: replace(drawn, x=drawn.x[:0]),
    "whole_numbers": lambda drawn: replace(drawn, x=np.round(drawn.x).astype(np.int32)),
    "last_length_zero": _lengths(-1, lambda _: 0),
    "first_length_too_long": _lengths(0, lambda drawn: max(drawn.x.shape[:2]) + 1),
}
"""Name of a change -> what it does to valid tensors; input is (batch, timesteps, features) where axes are named."""
