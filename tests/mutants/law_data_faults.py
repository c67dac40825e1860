"""Faults that plain values hide: they need NaN, infinities, full masks, states of zero, or equal beginnings."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy_layers import ACTIVATIONS, fault
from planting import Array, KerasDirection, KerasLayer, TorchCell, TorchLayer, instead_of

HONEST_RUN = KerasDirection.run


def _inputs(dialect: Any, change: Any) -> None:
    """Let calls see `change(x)`; in PyTorch's dialect time first."""
    if dialect.name == "keras":
        instead_of(KerasLayer, "runs")(lambda honest, _layer, x, inputs: honest(change(x), inputs))
    else:

        @instead_of(TorchLayer, "time_first")
        def time_first(honest: Any, _layer: Any, inputs: Any) -> Any:
            x, lengths = honest(inputs)
            return change(x), lengths


def _masks(change: Any) -> None:
    """Let calls of a Keras layer that have a mask see `change(inputs)`."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, _layer: Any, x: Array, inputs: Any) -> Any:
        return honest(x, inputs if inputs.mask is None else change(inputs))


# ---------------------------------------------------------------- rows


@fault
def scaled_by_the_largest(dialect: Any) -> None:
    """Inputs are scaled by a power of two so that none is above one, and back: exact, unless one is NaN or infinite."""

    def change(x: Array) -> Array:
        with np.errstate(all="ignore"):
            scale = np.exp2(np.ceil(np.log2(np.abs(x).max())))
            return x / scale * scale

    _inputs(dialect, change)


@fault
def rows_of_nan_go_last(dialect: Any) -> None:
    """Rows that are NaN throughout are sorted to the end of the batch, and not back."""
    _inputs(dialect, lambda x: x[np.argsort(np.isnan(x).all(axis=(1, 2)), kind="stable")])


# ---------------------------------------------------------------- masks and padding


@fault
def mask_multiplies(_dialect: Any) -> None:
    """State = mask * new + (1 - mask) * old, though 0 * NaN is NaN."""

    @instead_of(KerasDirection, "carry")
    def carry(_honest: Any, _direction: Any, keep: Array, new: Any, old: Any) -> Any:
        return [_blended(keep, n, o) for n, o in zip(new, old, strict=True)]


@fault
def padding_multiplies(_dialect: Any) -> None:
    """State = valid * new + (1 - valid) * old, though 0 * NaN is NaN."""

    @instead_of(TorchLayer, "run")
    def run(_honest: Any, layer: Any, cell: Any, x: Array, lengths: Array, states: Any, *, reverse: bool) -> Any:
        outputs = np.zeros((*x.shape[:2], cell.projected), layer.dtype)
        for t in sorted(range(len(x)), reverse=reverse):
            valid = (lengths > t)[:, None]
            new = cell.step(x[t], states)
            states = [_blended(valid, n, o) for n, o in zip(new, states, strict=True)]
            outputs[t] = np.where(valid, new[0], 0)
        return outputs, states


def _blended(keep: Array, new: Array, old: Array) -> Array:
    share = keep.astype(new.dtype)
    return share * new + (1 - share) * old


@fault
def full_mask_forgets_states(_dialect: Any) -> None:
    """The fast path for a mask that is True everywhere begins with zeros."""
    _masks(lambda inputs: inputs._replace(mask=None, initial_state=None) if inputs.mask.all() else inputs)


@fault
def full_mask_reads_forwards(_dialect: Any) -> None:
    """The fast path for a mask that is True everywhere does not read backwards."""

    @instead_of(KerasDirection, "run")
    def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        if mask is None or not mask.all():
            return honest(x, mask, states)
        forwards = copy(direction)
        forwards.backwards = False
        return HONEST_RUN(forwards, x, None, states)


@fault
def equal_lengths_need_no_mask(_dialect: Any) -> None:
    """A mask that is the same in two rows or more, and in all, is left out."""

    def change(inputs: Any) -> Any:
        equal = len(inputs.mask) > 1 and (inputs.mask == inputs.mask[:1]).all()
        return inputs._replace(mask=None) if equal else inputs

    _masks(change)


@fault
def two_masked_columns_are_the_end(_dialect: Any) -> None:
    """If no row has either of the last two steps, the states are cleared."""

    @instead_of(KerasDirection, "run")
    def run(honest: Any, _direction: Any, x: Array, mask: Any, states: Any) -> Any:
        outputs, final = honest(x, mask, states)
        ended = mask is not None and mask.shape[1] > 2 and not mask[:, -2:].any()
        return outputs, [0 * state for state in final] if ended else final


# ---------------------------------------------------------------- states


@fault
def zero_states_are_replaced(_dialect: Any) -> None:
    """Zeros are taken for "not set", in whose place a learned state of one hundredth is used."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, _layer: Any, x: Array, inputs: Any) -> Any:
        given = inputs.initial_state
        if given is not None and not any(state.any() for state in given):
            inputs = inputs._replace(initial_state=[state + 0.01 for state in given])
        return honest(x, inputs)


@fault
def zero_hx_skips_the_recurrent_bias(_dialect: Any) -> None:
    """The product with a state that was given as zeros is left out, and with it the bias."""

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, inputs: Any, batch: int) -> Any:
        given = inputs.initial_state
        for cells in layer.stack:
            for cell in cells:
                cell.zeros_given = given is not None and not any(state.any() for state in given)
        return honest(inputs, batch)

    @instead_of(TorchCell, "products")
    def products(honest: Any, cell: Any, x: Array, h: Array) -> Any:
        from_x, from_h = honest(x, h)
        return from_x, 0 * from_h if cell.zeros_given and not h.any() else from_h


# ---------------------------------------------------------------- causality


@fault
def remembered_beginning_is_one_step_off(dialect: Any) -> None:
    """Steps that the last call had too are not computed again; the last of them comes from the step after it."""
    last: dict[int, tuple[Any, Array]] = {}

    def shown(owner: Any, known: Any, x: Array, outputs: Array) -> Array:
        """`x` and `outputs` in processing order, steps first."""
        before, old = last.get(id(owner), (None, outputs))
        last[id(owner)] = (known, x), outputs.copy()
        if before is None or before[0] != known or before[1].shape != x.shape:
            return outputs
        equal = (before[1] == x).all(axis=(1, 2)).argmin()  # the first step that differs; 0 if none does
        if equal:
            outputs = outputs.copy()
            outputs[equal - 1] = old[equal]
        return outputs

    if dialect.name == "keras":

        @instead_of(KerasDirection, "run")
        def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
            outputs, final = honest(x, mask, states)
            if mask is not None:
                return outputs, final
            known = _bytes([*direction.cell.weights, *states])
            read = x[:, list(direction.order(x.shape[1]))].swapaxes(0, 1)
            return shown(direction, known, read, outputs.swapaxes(0, 1)).swapaxes(0, 1), final

    else:

        @instead_of(TorchLayer, "run")
        def run_torch(honest: Any, _layer: Any, cell: Any, x: Array, lengths: Array, states: Any, **way: bool) -> Any:
            outputs, final = honest(cell, x, lengths, states, **way)
            if way["reverse"]:
                return outputs, final
            return shown(cell, _bytes([*cell.weights, *states, lengths]), x, outputs), final


def _bytes(arrays: Any) -> bytes:
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


# ---------------------------------------------------------------- unusual numbers


@fault
def tanh_clips_nan(_dialect: Any) -> None:
    """Tanh is clipped by functions that prefer numbers to NaN."""
    ACTIVATIONS["tanh"] = lambda x: np.fmax(np.fmin(np.tanh(x), 1), -1)


@fault
def zeroes_by_multiplication(_dialect: Any) -> None:
    """Output = mask * output, though 0 * NaN is NaN."""
    instead_of(KerasDirection, "show")(
        lambda _honest, direction, keep, shown: shown * keep if direction.zero_output_for_mask else shown
    )


@fault
def nan_counts_as_zero(dialect: Any) -> None:
    """NaN in the input is replaced by zero."""
    _inputs(dialect, lambda x: np.where(np.isnan(x), 0, x).astype(x.dtype))


@fault
def tanh_overflows(_dialect: Any) -> None:
    """Tanh is (e^2x - 1) / (e^2x + 1)."""

    def tanh(x: Array) -> Array:
        with np.errstate(all="ignore"):
            e = np.exp(2 * x)
            return (e - 1) / (e + 1)

    ACTIVATIONS["tanh"] = tanh


@fault
def sigmoid_overflows(_dialect: Any) -> None:
    """The sigmoid is e^x / (1 + e^x)."""

    def sigmoid(x: Array) -> Array:
        with np.errstate(all="ignore"):
            e = np.exp(x)
            return e / (1 + e)

    ACTIVATIONS["sigmoid"] = sigmoid


@fault
def infinite_inputs_ignored(dialect: Any) -> None:
    """Infinities in the input are replaced by zero."""
    _inputs(dialect, lambda x: np.where(np.isinf(x), 0, x).astype(x.dtype))
