"""One direction of one layer, backwards through time: from the adjoints of its states to the gradients of its weights.

Arrays have the axes (time T, draws K, batch B, units n), in the processing order of the direction. At masked steps
adjoints are carried as states are, and nothing is rounded: all contributions between two processed steps are one sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from conformance.reference.adjoints import Adjoints, CellAdjoint, Step, adjoint_of, in_a_row, padded, transposed
from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded, Kernel, Terms, constants, spread
from conformance.reference.cells import GATES, Cell, Weights
from conformance.spec import Floats, LayerConfig

LARGEST = 2e7
"""Largest array of sensitivities to symbols, in numbers; where one would be larger, intervals must do."""


@dataclass(frozen=True)
class Pass:
    """The forward pass of one direction.

    Attributes:
        cell: the cell.
        weights: its weights.
        x: what it read (T, K, B, F); zero where masked.
        initial: its initial states (K, B, n).
        states: its states after every step (T, K, B, n).
        mask: (T, K, B), True = processed; None: all are.
    """

    cell: Cell
    weights: Weights
    x: Bounded
    initial: tuple[Bounded, ...]
    states: tuple[Bounded, ...]
    mask: Mask | None


@dataclass(frozen=True)
class Gradients:
    """The derivatives of the loss with respect to what one direction was given.

    Attributes:
        inputs: the contributions to those with respect to the input (T, K, B, F), in processing order.
        weights: with respect to the weights, by role: (K, inputs, gates * units) or (K, gates * units).
        initial: with respect to the initial states (K, B, n).
    """

    inputs: Terms
    weights: dict[str, Bounded]
    initial: tuple[Bounded, ...]


def backward(a: Adjoints, forward: Pass, shown: Bounded | None, final: Sequence[Sequence[Bounded]]) -> Gradients:
    """The gradients of a loss.

    Args:
        a: the arithmetic.
        forward: what happened.
        shown: adjoint of the hidden state after every step, by itself (T, K, B, n); None: zero.
        final: of every state, the adjoints of what was made of its final value (K, B, n).
    """
    a.begin(_affordable_symbols(forward))
    before = tuple(_before(i, s) for i, s in zip(forward.initial, forward.states, strict=True))
    cell = adjoint_of(a, forward.cell, forward.x, before)
    pending = tuple(_sum(a, state, adjoints) for state, adjoints in zip(forward.initial, final, strict=True))
    steps: list[Step] = []
    for t in reversed(range(forward.x.value.shape[0])):
        if shown is not None:
            pending = (a.join(pending[0], a.term(shown.at(t))), *pending[1:])
        step = cell.step(t, pending)
        keep = None if forward.mask is None else forward.mask[t]
        pending = tuple(_chosen(keep, new, old) for new, old in zip(step.before, pending, strict=True))
        steps.append(_silenced(step, keep))
    steps.reverse()
    inputs = in_a_row([step.inputs for step in steps])
    initial = (a.alone(terms) for terms in pending)
    read = a.product(inputs, transposed(Kernel.of(forward.weights.kernel, a.precision), a))
    return Gradients(
        replace(read, box=_box(read) if read.gens is None else _box(read) + spread(read.gens), gens=None),
        _weights(a, forward, cell, steps, inputs),
        tuple(Bounded(number.value, number.radius) for number in initial),
    )


def _affordable_symbols(forward: Pass) -> int:
    """How many symbols a run needs, one for every number of a state that is computed; 0 where those are too many."""
    timesteps, draws, batch, features = forward.x.value.shape
    needed = timesteps * sum(state.value.shape[-1] for state in forward.states)
    hidden, gates = forward.weights.recurrent_kernel.shape[1:]
    largest = draws * batch * needed * gates * max(timesteps, features, hidden)
    return needed if largest <= LARGEST else 0


def _before(initial: Bounded, after: Bounded) -> Bounded:
    """A state before every step."""
    value, box = (
        np.concatenate([i[None], s[:-1]]) for i, s in ((initial.value, after.value), (initial.box, after.box))
    )
    return Bounded(value, box)


def _sum(a: Adjoints, state: Bounded, adjoints: Sequence[Bounded]) -> Terms:
    """Several adjoints of one state."""
    draws, _, units = state.value.shape
    zero = a.term(exact(np.zeros_like(state.value)))
    total = replace(a.join(zero, constants((), units, draws)), count=0)
    for adjoint in adjoints:
        total = a.join(total, a.term(adjoint))
    return total


def _chosen(keep: Mask | None, new: Terms, old: Terms) -> Terms:
    """New contributions in rows that are processed, the old ones in the others."""
    if keep is None:
        return new
    rows = keep[..., None]
    box, gens = np.where(rows, _box(new), _box(old)), None
    if counts := [terms.gens.shape[-2] for terms in (new, old) if terms.gens is not None]:
        wide = (padded(terms.gens, terms.value, max(counts)) for terms in (new, old))
        gens = np.where(rows[..., None], *wide)
    value, magnitude = np.where(rows, new.value, old.value), np.where(rows, new.magnitude, old.magnitude)
    return Terms(value, magnitude, box, gens, max(new.count, old.count), None)


def _box(terms: Terms) -> Floats:
    return np.zeros_like(terms.value) if terms.box is None else terms.box


def _silenced(step: Step, keep: Mask | None) -> Step:
    """Nothing goes to weights and input in rows that are not processed."""
    if keep is None:
        return step
    rows = keep[..., None]

    def silenced(number: Bounded) -> Bounded:
        gens = None if number.gens is None else np.where(rows[..., None], number.gens, 0.0)
        return Bounded(np.where(rows, number.value, 0.0), np.where(rows, number.box, 0.0), gens)

    projected = None if step.projected is None else silenced(step.projected)
    return replace(step, inputs=silenced(step.inputs), recurrent=silenced(step.recurrent), projected=projected)


def _weights(
    a: Adjoints, forward: Pass, cell: CellAdjoint, steps: Sequence[Step], inputs: Bounded
) -> dict[str, Bounded]:
    """The gradients of the weights, by role, for those that there are."""
    given, recurrent = forward.weights, in_a_row([step.recurrent for step in steps])
    found = {
        "kernel": a.outer(forward.x, inputs),
        "recurrent_kernel": Bounded.joined([a.outer(left, recurrent.columns(units)) for left, units in cell.operands]),
    }
    if given.bias is not None:
        found["bias"] = a.over_batch(inputs)
    if given.recurrent_bias is not None:
        found["recurrent_bias"] = a.over_batch(recurrent)
    projected = [step.projected for step in steps if step.projected is not None]
    if cell.hidden is not None:
        found["projection"] = a.outer(cell.hidden, in_a_row(projected))
    return found


# ---------------------------------------------------------------- layouts


def exact(values: Floats) -> Bounded:
    """Numbers that are given."""
    return Bounded(values, np.zeros_like(values), exact=True)


def in_time(terms: Terms) -> Terms:
    """The other order of time."""
    box = None if terms.box is None else terms.box[::-1]
    return Terms(terms.value[::-1], terms.magnitude[::-1], box, None, terms.count, None)


def moved(number: Bounded, layout: Callable[[Floats], Floats]) -> Bounded:
    """The same numbers in another layout, or some of them."""
    return Bounded(layout(number.value), layout(number.box), exact=number.exact)


def in_api_order(config: LayerConfig, values: Floats) -> Floats:
    """The gate blocks along the last axis, from the order of `cells` to that of the dialect."""
    given, wanted = GATES[config.layer], config.rules.layers[config.layer].blocks
    blocks = values.reshape(*values.shape[:-1], len(given), -1)
    return blocks[..., [given.index(gate) for gate in wanted], :].reshape(values.shape)
