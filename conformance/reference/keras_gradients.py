"""Gradients through what Keras makes of its cells: masks, merge modes, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from conformance.reference import keras
from conformance.reference.adjoints import Adjoints
from conformance.reference.arithmetic import Mask
from conformance.reference.backward import Gradients, Pass, backward, in_api_order, in_time, moved
from conformance.reference.bounded import Bounded
from conformance.reference.cells import CELLS
from conformance.reference.directions import Direction, flipped, run_directions
from conformance.reference.scan import Policy, last_processed
from conformance.spec import LayerConfig, Tensors

Cotangents = Mapping[str, Bounded]


def gradients(
    config: LayerConfig, draws: Sequence[Tensors], cotangents: Cotangents, a: Adjoints, policy: Policy
) -> dict[str, Bounded]:
    """The gradients of all draws by name: (K, ...) in the layout of the API."""
    p, mask = a.precision, keras._mask(config, draws)
    directions = keras._directions(config, draws)
    build = partial(keras._cell, config, p, CELLS)
    values = keras._input(config, draws)
    x = Bounded.of(values if mask is None else np.where(mask[..., None], values, 0.0), p.tiny)
    traces = run_directions(build, directions, x, mask, p, policy)
    found = []
    for k, (direction, trace) in enumerate(zip(directions, traces, strict=True)):
        initial = tuple(Bounded.of(state, p.tiny) for state in direction.initial)
        read = flipped(x) if direction.backwards else x
        forward = Pass(
            build(direction.weights), direction.weights, read, initial, trace, keras._in_order(mask, direction)
        )
        shown, last = _shown(config, cotangents, a, traces, mask, k)
        states = _states(config, cotangents, k)
        final = [[*last, *states[0]], *states[1:]]
        found.append((forward, backward(a, forward, shown, final)))
    return _named(config, a, directions, found)


# ---------------------------------------------------------------- from outputs to hidden states


def _prefix(config: LayerConfig, direction: int) -> str:
    return ("forward_", "backward_")[direction] if config.bidirectional else ""


def _states(config: LayerConfig, cotangents: Cotangents, direction: int) -> list[list[Bounded]]:
    """Of every state of a direction, the cotangents of its final value."""
    names = [_prefix(config, direction) + name for name in config.rules.layers[config.layer].states]
    return [[cotangents[name]] if name in cotangents else [] for name in names]


def _shown(
    config: LayerConfig,
    cotangents: Cotangents,
    a: Adjoints,
    traces: Sequence[Sequence[Bounded]],
    mask: Mask | None,
    k: int,
) -> tuple[Bounded | None, list[Bounded]]:
    """Adjoints of the hidden state of a direction by the output: after every step, and after the last one."""
    sequences, backwards = config.get("return_sequences") is True, config.get("go_backwards") is True
    halves = [_half(config, trace[0], mask, j) if sequences else trace[0].at(-1) for j, trace in enumerate(traces)]
    adjoint = _of_half(config, cotangents, a, halves, k)
    if adjoint is None:
        return None, []
    ordered = mask if mask is None or not backwards else mask[::-1]
    if config.bidirectional:
        if not sequences:
            return None, [adjoint]
        visible = _visible(adjoint, mask)
        return (flipped(visible) if k == 1 else visible), []
    if ordered is not None:
        seen = last_processed(ordered) >= 0
        kept = ordered if sequences and config.get("zero_output_for_mask") else seen
        adjoint = _visible(adjoint, kept if sequences else kept[-1])
    return (adjoint, []) if sequences else (None, [adjoint])


def _half(config: LayerConfig, h: Bounded, mask: Mask | None, direction: int) -> Bounded:
    """One half of a bidirectional sequence as it is merged: in time order, zero where masked."""
    return _visible(flipped(h) if direction == 1 else h, mask) if config.bidirectional else h


def _visible(number: Bounded, kept: Mask | None) -> Bounded:
    if kept is None:
        return number
    return Bounded(np.where(kept[..., None], number.value, 0.0), np.where(kept[..., None], number.box, 0.0))


def _of_half(
    config: LayerConfig, cotangents: Cotangents, a: Adjoints, halves: Sequence[Bounded], k: int
) -> Bounded | None:
    """The adjoint of one of the merged halves, (T, K, B, n) or (K, B, n); None: nothing of it has a weight."""
    mode, own = str(config.get("merge_mode", "")), f"{_prefix(config, k)}output"
    found = []
    if mode != "None" and "output" in cotangents:
        found.append(_of_merged(config, mode, _time_outside(config, cotangents["output"]), a, halves, k))
    if config.bidirectional and own in cotangents:
        found.append(_time_outside(config, cotangents[own]))
    if len(found) < 2:
        return found[0] if found else None
    return a.alone(a.join(*map(a.term, found)))


def _of_merged(
    config: LayerConfig, mode: str, cotangent: Bounded, a: Adjoints, halves: Sequence[Bounded], k: int
) -> Bounded:
    """The adjoint of a half by that of what both are merged to."""
    units = config.sizes.units
    if mode == "concat":
        return cotangent.columns(slice(k * units, (k + 1) * units))
    if mode == "mul":
        return a.times(cotangent, halves[1 - k])
    return Bounded(cotangent.value / 2, cotangent.box / 2 + a.precision.tiny) if mode == "ave" else cotangent


def _time_outside(config: LayerConfig, cotangent: Bounded) -> Bounded:
    """A sequence in the layout of the API as (T, K, B, n); what has no time stays."""
    if cotangent.value.ndim < 4:
        return cotangent
    axes = (1, 0, 2, 3) if config.get("time_major") is True else (2, 0, 1, 3)
    return moved(cotangent, lambda values: np.ascontiguousarray(values.transpose(axes)))


# ---------------------------------------------------------------- from gradients to the layout of the API


def _named(
    config: LayerConfig, a: Adjoints, directions: Sequence[Direction], found: Sequence[tuple[Pass, Gradients]]
) -> dict[str, Bounded]:
    terms = [
        in_time(got.inputs) if direction.backwards else got.inputs
        for (_, got), direction in zip(found, directions, strict=True)
    ]
    x = a.alone(terms[0] if len(terms) == 1 else a.join(*terms))
    inside = (1, 0, 2, 3) if config.get("time_major") is True else (1, 2, 0, 3)
    named = {"x": moved(x, lambda values: values.transpose(inside))}
    for k, (_, got) in enumerate(found):
        prefix = config.rules.weight_prefixes[k] if config.bidirectional else ""
        named |= {prefix + role: number for role, number in _weights(config, got.weights).items()}
        states = config.rules.layers[config.layer].states
        named |= {f"initial_{_prefix(config, k)}{n}": number for n, number in zip(states, got.initial, strict=True)}
    return named


def _weights(config: LayerConfig, weights: Mapping[str, Bounded]) -> dict[str, Bounded]:
    """In the dialect's order of gates; two biases as rows of one."""
    ordered = {role: moved(number, lambda values: in_api_order(config, values)) for role, number in weights.items()}
    second = ordered.pop("recurrent_bias", None)
    if second is not None:
        first = ordered["bias"]
        ordered["bias"] = Bounded(
            np.stack([first.value, second.value], axis=1), np.stack([first.box, second.box], axis=1)
        )
    return ordered
