"""Outputs as torch.nn.RNN, GRU and LSTM give them: layouts, stacks, projections, packed sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from conformance.errors import SpecError
from conformance.reference.activations import SIGMOID, TANH, activation
from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded
from conformance.reference.cells import GRU, LSTM, Cell, SimpleRNN, Weights
from conformance.reference.directions import Direction, flipped, reordered, run_directions
from conformance.reference.expected import Expected, Output, absent, stacked, stacked_weights
from conformance.reference.precision import Precision
from conformance.reference.scan import Policy
from conformance.spec import Floats, LayerConfig, Tensors, initial_states, weights

OPTIONS = frozenset(
    {"dtype", "num_layers", "bidirectional", "batch_first", "bias", "nonlinearity", "proj_size", "input", "hx"}
)
"""The options that this module implements."""

_BLOCKS = {"simple_rnn": (0,), "lstm": (0, 1, 3, 2), "gru": (1, 0, 2)}
"""Gate order here (i, f, g, o; r, z, n) -> that of `cells`."""

_PACKED = ("packed", "packed_unsorted")


def expected(config: LayerConfig, draws: Sequence[Tensors], p: Precision, policy: Policy) -> list[dict[str, Expected]]:
    """The outputs of every draw by name."""
    mask = _mask(config, draws)
    number = Bounded.of(_input(config, draws), p.tiny)
    states = []
    for directions in _layers(config, draws):
        traces = run_directions(partial(_cell, config, p), directions, number, mask, p, policy)
        states += [tuple((state.value[-1], state.box[-1]) for state in trace) for trace in traces]
        in_time = [trace[0] if k == 0 else flipped(trace[0]) for k, trace in enumerate(traces)]
        number = Bounded(*(np.concatenate(parts, axis=-1) for parts in zip(*((h.value, h.box) for h in in_time))))
    return _packaged(config, number, mask, states, draws)


def _cell(config: LayerConfig, p: Precision, w: Weights) -> Cell:
    if config.layer == "simple_rnn":
        return SimpleRNN(w, p, activation(config.get("nonlinearity")))
    return LSTM(w, p, TANH, SIGMOID) if config.layer == "lstm" else GRU(w, p, TANH, SIGMOID, reset_after=True)


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
    contracts = weights(config)
    values = stacked_weights(contracts, draws)
    places = sorted({(contract.layer, contract.direction) for contract in contracts})
    initial = _initial(config, draws)
    directions = [
        Direction(_weights(config, values, place), tuple(state[:, k] for state in initial), place[1] == 1)
        for k, place in enumerate(places)
    ]
    each = 2 if config.bidirectional else 1
    return [directions[k : k + each] for k in range(0, len(directions), each)]


def _weights(config: LayerConfig, values: Mapping[tuple[int, int, str], Floats], place: tuple[int, int]) -> Weights:
    def of(role: str) -> Floats | None:
        found = values.get((*place, role))
        return None if found is None else reordered(_BLOCKS[config.layer], found)

    kernel, recurrent = (
        reordered(_BLOCKS[config.layer], values[(*place, role)].swapaxes(1, 2)) for role in ("kernel", "recurrent_kernel")
    )
    projection = values.get((*place, "projection"))
    return Weights(
        kernel,
        recurrent,
        of("bias"),
        of("recurrent_bias"),
        None if projection is None else projection.swapaxes(1, 2),
    )


def _initial(config: LayerConfig, draws: Sequence[Tensors]) -> list[Floats]:
    """The initial states (K, layers * directions, B, n)."""
    contracts = initial_states(config)
    given = [tensors.initial_state for tensors in draws]
    if not config.get("hx"):
        absent("initial_state", given)
        states = [np.zeros((len(draws), *contract.shape)) for contract in contracts]
    else:
        states = [
            stacked(f"initial state {contract.name}", [None if s is None else s[k] for s in given], contract.shape)
            for k, contract in enumerate(contracts)
        ]
    return [state[:, :, None] for state in states] if config.get("input") == "unbatched" else states


# ---------------------------------------------------------------- what comes out


def _packaged(
    config: LayerConfig,
    top: Bounded,
    mask: Mask | None,
    states: Sequence[tuple[tuple[Floats, Floats], ...]],
    draws: Sequence[Tensors],
) -> list[dict[str, Expected]]:
    finals = [
        Output(*(np.stack(arrays, axis=1) for arrays in zip(*final, strict=True))) for final in zip(*states, strict=True)
    ]
    if config.get("input") == "unbatched":
        finals = [Output(final.value[:, :, 0], final.allowed[:, :, 0]) for final in finals]
    named = dict(zip(("h_n", "c_n"), finals, strict=False))
    if mask is None:
        named["output"] = Output(_laid_out(config, top.value), _laid_out(config, top.box))
    packages = [{name: output.of_draw(name, k) for name, output in named.items()} for k in range(len(draws))]
    if mask is not None:
        for k, package in enumerate(packages):
            package.update(_unpacked(config, top, mask, k))
    return packages


def _unpacked(config: LayerConfig, top: Bounded, mask: Mask, draw: int) -> dict[str, Expected]:
    """The packed output of one draw as `pad_packed_sequence` gives it: zero at padding, as long as the longest row."""
    kept = mask[:, [draw]]
    longest = int(kept.any(axis=2).sum())
    value, allowed = (
        _laid_out(config, np.where(kept[..., None], array[:, [draw]], 0.0)[:longest])[0] for array in (top.value, top.box)
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
