"""Outputs as torch.nn.RNN, GRU and LSTM give them: layouts, stacks, projections, packed sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from conformance.errors import SpecError
from conformance.reference.activations import SIGMOID, TANH, activation
from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded
from conformance.reference.cells import Cell, Cells, Weights
from conformance.reference.directions import Direction, flipped, reordered, run_directions
from conformance.reference.expected import Expected, Output, absent, stacked, stacked_states, stacked_weights
from conformance.reference.precision import Precision
from conformance.reference.scan import Policy
from conformance.spec import Floats, LayerConfig, Tensors

OPTIONS = frozenset(
    {"dtype", "num_layers", "bidirectional", "batch_first", "bias", "nonlinearity", "proj_size", "input", "hx"}
)
"""The options that this module implements."""

_MATRICES = ("kernel", "recurrent_kernel", "projection")
_VECTORS = ("bias", "recurrent_bias")

_PACKED = ("packed", "packed_unsorted")


def expected(
    config: LayerConfig, draws: Sequence[Tensors], p: Precision, policy: Policy, cells: Cells
) -> list[dict[str, Expected]]:
    """The outputs of every draw by name."""
    mask = _mask(config, draws)
    number = Bounded.of(_input(config, draws), p.tiny)
    finals: list[tuple[Output, ...]] = []
    between = _between(config, draws)
    for layer, directions in enumerate(_layers(config, draws)):
        traces = run_directions(partial(_cell, config, p, cells), directions, number, mask, p, policy)
        finals += [tuple(Output.of(state.at(-1)) for state in trace) for trace in traces]
        in_time = [trace[0] if k == 0 else flipped(trace[0]) for k, trace in enumerate(traces)]
        number = Bounded.joined(in_time)
        if between is not None and layer < len(between):
            number = number.scaled(between[layer])
    return _packaged(config, number, mask, finals)


def _cell(config: LayerConfig, p: Precision, cells: Cells, w: Weights) -> Cell:
    if config.layer == "simple_rnn":
        return cells.simple_rnn(w, p, activation(config.get("nonlinearity")))
    if config.layer == "lstm":
        return cells.lstm(w, p, TANH, SIGMOID)
    return cells.gru(w, p, TANH, SIGMOID, reset_after=True)


# ---------------------------------------------------------------- what goes in


def _input(config: LayerConfig, draws: Sequence[Tensors]) -> Floats:
    """(T, K, B, F)."""
    s = config.sizes
    given = [tensors.x for tensors in draws]
    if config.get("input") == "unbatched":
        return stacked("x", given, (s.timesteps, s.features)).swapaxes(0, 1)[:, :, None]
    if config.get("batch_first"):
        return stacked("x", given, (s.batch, s.timesteps, s.features)).transpose(2, 0, 1, 3)
    return stacked("x", given, (s.timesteps, s.batch, s.features)).swapaxes(0, 1)


def _between(config: LayerConfig, draws: Sequence[Tensors]) -> Floats | None:
    """The factors on what goes to the next layer: (layers - 1, T, K, B, n)."""
    given = [tensors.between for tensors in draws]
    if all(factors is None for factors in given):
        return None
    layers, s = int(config.get("num_layers") or 1), config.sizes
    width = (2 if config.bidirectional else 1) * (int(config.get("proj_size") or 0) or s.units)
    return np.moveaxis(stacked("between", given, (layers - 1, s.timesteps, s.batch, width)), 0, 2)


def _mask(config: LayerConfig, draws: Sequence[Tensors]) -> Mask | None:
    """(T, K, B): the steps within each row's length."""
    absent("mask", [tensors.mask for tensors in draws])
    given = [tensors.lengths for tensors in draws]
    if config.get("input") not in _PACKED:
        absent("lengths", given)
        return None
    lengths = stacked("lengths", given, (config.sizes.batch,))
    if lengths.min() < 1 or lengths.max() > config.sizes.timesteps:
        raise SpecError(f"lengths must be from 1 to {config.sizes.timesteps}, the timesteps of the configuration")
    return np.arange(config.sizes.timesteps)[:, None, None] < lengths


def _layers(config: LayerConfig, draws: Sequence[Tensors]) -> list[list[Direction]]:
    """The directions of every layer, lowest layer first."""
    values = stacked_weights(config, draws)
    places = sorted({(layer, direction) for layer, direction, _ in values})
    initial = _initial(config, draws)
    directions = [
        Direction(_weights(config, values, place), tuple(state[:, k] for state in initial), place[1] == 1)
        for k, place in enumerate(places)
    ]
    each = 2 if config.bidirectional else 1
    return [directions[k : k + each] for k in range(0, len(directions), each)]


def _weights(config: LayerConfig, values: Mapping[tuple[int, int, str], Floats], place: tuple[int, int]) -> Weights:
    order = partial(reordered, config)
    transposed = {role: values[(*place, role)].swapaxes(1, 2) for role in _MATRICES if (*place, role) in values}
    biases = {role: order(values[(*place, role)]) for role in _VECTORS if (*place, role) in values}
    return Weights(
        order(transposed["kernel"]),
        order(transposed["recurrent_kernel"]),
        biases.get("bias"),
        biases.get("recurrent_bias"),
        transposed.get("projection"),
    )


def _initial(config: LayerConfig, draws: Sequence[Tensors]) -> list[Floats]:
    """The initial states (K, layers * directions, B, n)."""
    states = stacked_states(config, draws, config.get("hx") is True)
    return [state[:, :, None] for state in states] if config.get("input") == "unbatched" else states


# ---------------------------------------------------------------- what comes out


def _packaged(
    config: LayerConfig,
    top: Bounded,
    mask: Mask | None,
    finals: Sequence[tuple[Output, ...]],
) -> list[dict[str, Expected]]:
    """The top layer's output and the final states of all layers and directions, by draw and name."""
    named = {
        name: _final(config, states) for name, states in zip(("h_n", "c_n"), zip(*finals, strict=True), strict=False)
    }
    if mask is None:
        named["output"] = Output(_laid_out(config, top.value), _laid_out(config, top.box))
    packages = [{name: output.of_draw(name, k) for name, output in named.items()} for k in range(top.value.shape[1])]
    return packages if mask is None else [p | _unpacked(config, top, mask, k) for k, p in enumerate(packages)]


def _final(config: LayerConfig, states: Sequence[Output]) -> Output:
    """One state of all layers and directions: (K, layers * directions, B, n), without B for unbatched input."""
    value, allowed = (np.stack(arrays, axis=1) for arrays in zip(*((s.value, s.allowed) for s in states), strict=True))
    if config.get("input") == "unbatched":
        value, allowed = value[:, :, 0], allowed[:, :, 0]
    return Output(value, allowed)


def _unpacked(config: LayerConfig, top: Bounded, mask: Mask, draw: int) -> dict[str, Expected]:
    """The packed output of one draw as `pad_packed_sequence` gives it: zero at padding, as long as the longest row."""
    kept = mask[:, [draw]]
    longest = int(kept.any(axis=2).sum())
    value, allowed = (
        _laid_out(config, np.where(kept[..., None], of_all[:, [draw]], 0.0)[:longest])[0]
        for of_all in (top.value, top.box)
    )
    batch_sizes, lengths = (kept[:longest, 0].sum(axis=axis).astype(np.float64) for axis in (1, 0))
    return {
        "output.padded": Expected("output.padded", value, allowed),
        "output.batch_sizes": Expected("output.batch_sizes", batch_sizes, np.zeros_like(batch_sizes)),
        "output.lengths": Expected("output.lengths", lengths, np.zeros_like(lengths)),
    }


def _laid_out(config: LayerConfig, values: Floats) -> Floats:
    """(T, K, B, n) -> draws first, then the layout of the configuration."""
    if config.get("input") == "unbatched":
        return values[:, :, 0].swapaxes(0, 1)
    return values.transpose(1, 2, 0, 3) if config.get("batch_first") else values.swapaxes(0, 1)
