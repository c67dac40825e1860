"""A cell run through time, with the policies for the error bound.

Arrays have the axes (time T, draws K, batch B, units n), in processing order: a caller that reads backwards reverses
the input and the mask. At masked steps all states are carried over, values and bounds alike: nothing is computed there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from conformance.reference.arithmetic import Bounds, Mask, Values
from conformance.reference.bounded import Bounded, Terms
from conformance.reference.cells import Cell
from conformance.reference.precision import Precision
from conformance.reference.symbols import Symbols
from conformance.spec import Floats

Policy = Literal["step", "interval", "signed"]
"""How errors of earlier steps enter the bound.

`step`: not at all: each step's own allowance, started from the exact state. Never above the others, and all steps are
done at once: an error within it settles a case at little cost. Not a bound by itself.
`interval`: as boxes. Rigorous and cheap, but grows like the product of absolute Jacobians.
`signed`: the smaller of `interval` and a zonotope. Rigorous and tight; costs much more.
"""

WORK = 2e8
"""Largest zonotope, in multiplications per draw: B T m n (gates n). Larger cases get fewer symbols, or none at last."""


def run(
    cell: Cell, x: Bounded, initial: tuple[Bounded, ...], mask: Mask | None, precision: Precision, policy: Policy
) -> tuple[Bounded, ...]:
    """All states after every step, with radius in `box`; infinite in rows where a number may have overflowed.

    Args:
        cell: the cell, its first state being the hidden state.
        x: (T, K, B, F); its errors count as independent of each other.
        initial: states (K, B, n).
        mask: (T, K, B), True = processed; None: all are.
        precision: the rounding model.
        policy: see `Policy`.
    """
    if policy == "step":
        return _local(cell, x, initial, mask, precision)
    interval = _propagate(cell, x, initial, mask, Bounds(precision))
    symbols = _affordable_symbols(x.value.shape, [state.value.shape[-1] for state in initial])
    if policy == "interval" or not symbols:
        return interval
    signed = _propagate(cell, x, initial, mask, Bounds(precision, Symbols(symbols)))
    return tuple(replace(a, box=np.fmin(a.box, b.box)) for a, b in zip(interval, signed, strict=True))


def _local(
    cell: Cell, x: Bounded, initial: tuple[Bounded, ...], mask: Mask | None, precision: Precision
) -> tuple[Bounded, ...]:
    """The values step by step, then the bounds of all steps at once, each started from the exact state."""
    bounds = Bounds(precision)
    inputs = cell.inputs(bounds, x)
    after = _values(cell, inputs, tuple(state.value for state in initial), mask)
    before = (np.concatenate([first.value[None], states[:-1]]) for first, states in zip(initial, after, strict=True))
    exact = tuple(Bounded(states, np.zeros_like(states), exact=True) for states in before)
    steps = cell.step(bounds, inputs, exact)
    overflow = bounds.take_overflow()
    void = None if overflow is None else _from_then_on(overflow, mask)
    return tuple(
        Bounded(values, with_void(_carried(step.radius, mask), void)) for values, step in zip(after, steps, strict=True)
    )


def _values(cell: Cell, inputs: tuple[Terms, ...], state: tuple[Floats, ...], mask: Mask | None) -> tuple[Floats, ...]:
    """The states after every step, without bounds."""
    values = Values()
    trace = []
    for t in range(inputs[0].value.shape[0]):
        new = cell.step(values, tuple(terms.value[t] for terms in inputs), state)
        if mask is not None:
            keep = mask[t, ..., None]
            new = tuple(np.where(keep, a, b) for a, b in zip(new, state, strict=True))
        state = new
        trace.append(state)
    return tuple(np.stack(states) for states in zip(*trace, strict=True))


def _propagate(
    cell: Cell, x: Bounded, state: tuple[Bounded, ...], mask: Mask | None, bounds: Bounds
) -> tuple[Bounded, ...]:
    """Values and bounds step by step."""
    inputs = cell.inputs(bounds, x)
    void: Mask = np.zeros(x.value.shape[1:3], dtype=bool)
    trace = []
    for t in range(x.value.shape[0]):
        new = cell.step(bounds, tuple(terms.at(t) for terms in inputs), state)
        overflow = bounds.take_overflow()
        if overflow is not None:
            void = void | (overflow if mask is None else overflow & mask[t])
        if mask is not None:
            new = tuple(_select(mask[t], a, b) for a, b in zip(new, state, strict=True))
        state = new if bounds.symbols is None else bounds.symbols.carry(new)
        trace.append([Bounded(number.value, with_void(number.radius, void)) for number in state])
    return tuple(
        Bounded(np.stack([number.value for number in numbers]), np.stack([number.box for number in numbers]))
        for numbers in zip(*trace, strict=True)
    )


def _select(keep: Mask, new: Bounded, old: Bounded) -> Bounded:
    """The new state in rows that are processed, the old one in the others."""
    rows = keep[..., None]
    gens = None
    if new.gens is not None or old.gens is not None:
        count = max(number.gens.shape[-2] for number in (new, old) if number.gens is not None)
        gens = np.where(rows[..., None], _padded(new, count), _padded(old, count))
    return Bounded(np.where(rows, new.value, old.value), np.where(rows, new.box, old.box), gens)


def _padded(number: Bounded, count: int) -> Floats:
    gens = np.zeros((*number.value.shape[:-1], count, number.value.shape[-1]))
    if number.gens is not None:
        gens[..., : number.gens.shape[-2], :] = number.gens
    return gens


def last_processed(mask: Mask) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """For every step and row, the last step up to it that was processed; -1 if there is none."""
    steps = np.arange(mask.shape[0]).reshape(-1, *[1] * (mask.ndim - 1))
    return np.maximum.accumulate(np.where(mask, steps, -1), axis=0)


def _carried(radius: Floats, mask: Mask | None) -> Floats:
    """The radius of each row's last processed step; before the first one the state is as given."""
    if mask is None:
        return radius
    last = last_processed(mask)[..., None]
    return np.where(last < 0, 0.0, np.take_along_axis(radius, np.maximum(last, 0), axis=0))


def _from_then_on(overflow: Mask, mask: Mask | None) -> Mask:
    void: Mask = np.logical_or.accumulate(overflow if mask is None else overflow & mask, axis=0)
    return void


def with_void(radius: Floats, void: Mask | None) -> Floats:
    """The radius, infinite in void rows and where it was lost to the range of float64."""
    if void is not None:
        radius = np.where(void[..., None], np.inf, radius)
    return np.where(np.isnan(radius), np.inf, radius)


def _affordable_symbols(shape: tuple[int, ...], units: list[int]) -> int:
    """How many symbols to use: 16 per unit, no more than can arise or be paid for; 0 where those would be too few."""
    timesteps, _, batch, _ = shape
    hidden, widest = units[0], max(units)
    useful = min(sum(units) * timesteps, max(64, 16 * widest))
    affordable = int(WORK / (batch * timesteps * hidden * 4 * widest))
    fewest = min(useful, 2 * sum(units))
    return min(useful, affordable) if affordable >= fewest else 0
