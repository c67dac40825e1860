"""Gradients through what PyTorch makes of its cells: layouts, stacks, projections, packed sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from conformance.reference import torch
from conformance.reference.adjoints import Adjoints
from conformance.reference.arithmetic import Mask
from conformance.reference.backward import Gradients, Pass, backward, in_api_order, in_time, moved
from conformance.reference.bounded import Bounded
from conformance.reference.cells import CELLS
from conformance.reference.directions import Direction, flipped, run_directions
from conformance.reference.scan import Policy
from conformance.spec import Floats, LayerConfig, Tensors, weights

Cotangents = Mapping[str, Bounded]


def gradients(
    config: LayerConfig, draws: Sequence[Tensors], cotangents: Cotangents, a: Adjoints, policy: Policy
) -> dict[str, Bounded]:
    """The gradients of all draws by name: (K, ...) in the layout of the API."""
    layers = torch._layers(config, draws)
    passes = _forward(config, draws, layers, a, policy)
    shown = _output_adjoint(config, cotangents, torch._mask(config, draws))
    found: dict[tuple[int, int], Gradients] = {}
    for n, (directions, forward) in reversed(list(enumerate(zip(layers, passes, strict=True)))):
        halves = _halves(shown, directions)
        got = [
            backward(a, one, half, _final(config, cotangents, n * len(directions) + k))
            for k, (one, half) in enumerate(zip(forward, halves, strict=True))
        ]
        found |= {(n, k): one for k, one in enumerate(got)}
        shown = _read(a, directions, list(zip(forward, got, strict=True)))
    x = {} if shown is None else {"x": moved(shown, partial(torch._laid_out, config))}
    return x | _named(config, found)


def _forward(
    config: LayerConfig, draws: Sequence[Tensors], layers: Sequence[Sequence[Direction]], a: Adjoints, policy: Policy
) -> list[list[Pass]]:
    """The forward pass of every direction of every layer."""
    p, mask = a.precision, torch._mask(config, draws)
    build = partial(torch._cell, config, p, CELLS)
    x = Bounded.of(_silent(torch._input(config, draws), mask), p.tiny)
    passes = []
    for directions in layers:
        traces = run_directions(build, directions, x, mask, p, policy)
        passes.append(
            [
                Pass(
                    build(direction.weights),
                    direction.weights,
                    flipped(x) if direction.backwards else x,
                    tuple(Bounded.of(state, p.tiny) for state in direction.initial),
                    trace,
                    mask[::-1] if mask is not None and direction.backwards else mask,
                )
                for direction, trace in zip(directions, traces, strict=True)
            ]
        )
        x = Bounded.joined([trace[0] if k == 0 else flipped(trace[0]) for k, trace in enumerate(traces)])
        x = Bounded(_silent(x.value, mask), _silent(x.box, mask))
    return passes


def _silent(values: Floats, mask: Mask | None) -> Floats:
    return values if mask is None else np.where(mask[..., None], values, 0.0)


def _output_adjoint(config: LayerConfig, cotangents: Cotangents, mask: Mask | None) -> Bounded | None:
    """Adjoint of the top layer's output (T, K, B, directions * n), which is zero at padding; None: it has no weight."""
    for name in ("output", "output.padded"):
        if name in cotangents:
            return moved(cotangents[name], lambda values: _silent(_in_steps(config, values), mask))
    return None


def _in_steps(config: LayerConfig, values: Floats) -> Floats:
    """(K, ...) in the layout of the API -> (T, K, B, n)."""
    if config.get("input") == "unbatched":
        return values.swapaxes(0, 1)[:, :, None]
    return values.transpose(2, 0, 1, 3) if config.get("batch_first") else values.swapaxes(0, 1)


def _halves(shown: Bounded | None, directions: Sequence[Direction]) -> list[Bounded | None]:
    """The adjoint of the output of every direction, in its processing order."""
    if shown is None:
        return [None] * len(directions)
    width = shown.value.shape[-1] // len(directions)
    parts = [shown.columns(slice(k * width, (k + 1) * width)) for k in range(len(directions))]
    return [flipped(part) if direction.backwards else part for part, direction in zip(parts, directions, strict=True)]


def _final(config: LayerConfig, cotangents: Cotangents, place: int) -> list[list[Bounded]]:
    """Of every state of a direction, the cotangent of its final value."""
    names = ("h_n", "c_n")[: len(config.rules.layers[config.layer].states)]
    of_batch = (
        (lambda state: state[:, place, None]) if config.get("input") == "unbatched" else (lambda state: state[:, place])
    )
    return [[moved(cotangents[name], of_batch)] if name in cotangents else [] for name in names]


def _read(a: Adjoints, directions: Sequence[Direction], found: Sequence[tuple[Pass, Gradients]]) -> Bounded:
    """The adjoint of what a layer read (T, K, B, F), in time order."""
    terms = [
        in_time(got.inputs) if direction.backwards else got.inputs
        for (_, got), direction in zip(found, directions, strict=True)
    ]
    return a.alone(terms[0] if len(terms) == 1 else a.join(*terms))


def _named(config: LayerConfig, found: Mapping[tuple[int, int], Gradients]) -> dict[str, Bounded]:
    named = {
        contract.name: _laid_out(
            config, contract.role, found[contract.layer, contract.direction].weights[contract.role]
        )
        for contract in weights(config)
    }
    places = sorted(found)
    for k, name in enumerate(("h_n", "c_n")[: len(found[places[0]].initial)]):
        states = [found[place].initial[k] for place in places]
        if config.get("input") == "unbatched":
            states = [Bounded(state.value[:, 0], state.box[:, 0]) for state in states]
        named[f"initial_{name}"] = Bounded(
            np.stack([state.value for state in states], axis=1), np.stack([state.box for state in states], axis=1)
        )
    return named


def _laid_out(config: LayerConfig, role: str, number: Bounded) -> Bounded:
    """A weight's gradient (K, ...) as PyTorch has it: gates and outputs first."""
    ordered = number if role == "projection" else moved(number, partial(in_api_order, config))
    return moved(ordered, lambda values: values.swapaxes(1, 2)) if ordered.value.ndim == 3 else ordered
