"""Outputs as the recurrent layers of Keras give them: masks, merge modes, states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from conformance.reference.activations import Activation, activation
from conformance.reference.arithmetic import Bounds, Mask
from conformance.reference.bounded import Bounded
from conformance.reference.cells import Cell, Cells, Weights
from conformance.reference.directions import Direction, flipped, reordered, run_directions
from conformance.reference.expected import Expected, Output, absent, stacked, stacked_states, stacked_weights
from conformance.reference.precision import Precision
from conformance.reference.scan import Policy, last_processed, with_void
from conformance.spec import Array, Floats, LayerConfig, Tensors

OPTIONS = frozenset(
    {
        "dtype", "bidirectional", "merge_mode", "return_sequences", "return_state", "go_backwards", "use_bias",
        "activation", "recurrent_activation", "unit_forget_bias", "reset_after", "unroll", "zero_output_for_mask",
        "mask", "initial_state", "time_major",
    }
)  # fmt: skip
"""The options that this module implements; `unroll` and `unit_forget_bias` have no effect once weights are set."""

_MERGES = {"sum": Bounds.add, "mul": Bounds.multiply, "ave": Bounds.add}


def expected(
    config: LayerConfig, draws: Sequence[Tensors], p: Precision, policy: Policy, cells: Cells
) -> list[dict[str, Expected]]:
    """The outputs of every draw by name."""
    named = {name: _laid_out(config, output) for name, output in _outputs(config, draws, p, policy, cells).items()}
    return [{name: output.of_draw(name, k) for name, output in named.items()} for k in range(len(draws))]


def _outputs(
    config: LayerConfig, draws: Sequence[Tensors], p: Precision, policy: Policy, cells: Cells
) -> dict[str, Output]:
    """The outputs of all draws by name."""
    x = _input(config, draws)
    mask = _mask(config, draws)
    directions = _directions(config, draws)
    traces = run_directions(partial(_cell, config, p, cells), directions, Bounded.of(x, p.tiny), mask, p, policy)
    prefixes = ("forward_", "backward_") if config.bidirectional else ("",)
    states = {
        prefix + name: Output.of(state.at(-1))
        for prefix, trace in zip(prefixes, traces, strict=True)
        for name, state in zip(config.rules.layers[config.layer].states, trace, strict=True)
    }
    if not config.bidirectional:
        shown = _sequence if config.get("return_sequences") else _last
        return states | {"output": shown(config, traces[0][0], _in_order(mask, directions[0]), directions[0])}
    merge = partial(_merged, str(config.get("merge_mode")), p)
    halves = _both_sequences if config.get("return_sequences") else _both_last
    return states | halves([trace[0] for trace in traces], mask, directions, merge)


def _cell(config: LayerConfig, p: Precision, cells: Cells, w: Weights) -> Cell:
    act = _activation(config, "activation")
    if config.layer == "simple_rnn":
        return cells.simple_rnn(w, p, act)
    rec = _activation(config, "recurrent_activation")
    if config.layer == "lstm":
        return cells.lstm(w, p, act, rec)
    return cells.gru(w, p, act, rec, config.get("reset_after") is True)


def _activation(config: LayerConfig, option: str) -> Activation:
    name = str(config.get(option))
    return activation(config.rules.activations.get(name, name))


# ---------------------------------------------------------------- what goes in


def _input(config: LayerConfig, draws: Sequence[Tensors]) -> Floats:
    """(T, K, B, F)."""
    s = config.sizes
    if config.get("time_major") is True:
        x = stacked("x", [tensors.x for tensors in draws], (s.timesteps, s.batch, s.features))
        return np.ascontiguousarray(x.swapaxes(0, 1))
    x = stacked("x", [tensors.x for tensors in draws], (s.batch, s.timesteps, s.features))
    return np.ascontiguousarray(x.transpose(2, 0, 1, 3))


def _mask(config: LayerConfig, draws: Sequence[Tensors]) -> Mask | None:
    """(T, K, B)."""
    absent("lengths", [tensors.lengths for tensors in draws])
    masks = [tensors.mask for tensors in draws]
    if config.get("mask", "none") == "none":
        absent("mask", masks)
        return None
    kept = stacked("mask", masks, (config.sizes.batch, config.sizes.timesteps))
    mask: Mask = np.ascontiguousarray(kept.transpose(2, 0, 1)) != 0
    return mask


def _in_order(mask: Mask | None, direction: Direction) -> Mask | None:
    return mask[::-1] if mask is not None and direction.backwards else mask


def _directions(config: LayerConfig, draws: Sequence[Tensors]) -> list[Direction]:
    values = stacked_weights(config, draws)
    initial = tuple(stacked_states(config, draws, config.get("initial_state") is True))
    each = len(config.rules.layers[config.layer].states)
    backwards = config.get("go_backwards") is True
    return [
        Direction(_weights(config, values, k), initial[k * each : (k + 1) * each], backwards != (k == 1))
        for k in range(2 if config.bidirectional else 1)
    ]


def _weights(config: LayerConfig, values: Mapping[tuple[int, int, str], Floats], direction: int) -> Weights:
    order = partial(reordered, config)
    kernel, recurrent = (order(values[0, direction, role]) for role in ("kernel", "recurrent_kernel"))
    if not config.get("use_bias"):
        return Weights(kernel, recurrent)
    bias = order(values[0, direction, "bias"])
    return Weights(kernel, recurrent, bias[:, 0], bias[:, 1]) if bias.ndim == 3 else Weights(kernel, recurrent, bias)


# ---------------------------------------------------------------- what comes out


def _shown(h: Bounded, mask: Mask, direction: Direction) -> tuple[Bounded, Mask]:
    """Outputs in processing order, repeated at masked steps; and where they are open (T, K, B).

    Before a row's first unmasked step they are zero if its initial state is zero, else the specification is silent.
    """
    seen = last_processed(mask) >= 0
    return _zeroed(h, seen), ~seen & _given(direction)


def _given(direction: Direction) -> Mask:
    """Rows (K, B) whose initial state is not zero."""
    given: Mask = np.any([state.any(axis=-1) for state in direction.initial], axis=0)
    return given


def _zeroed(h: Bounded, kept: Mask) -> Bounded:
    rows = kept[..., None]
    return Bounded(np.where(rows, h.value, 0.0), np.where(rows, h.box, 0.0))


def _sequence(config: LayerConfig, h: Bounded, mask: Mask | None, direction: Direction) -> Output:
    if mask is None:
        return _output(h)
    if config.get("zero_output_for_mask"):
        return _output(_zeroed(h, mask))
    shown, opened = _shown(h, mask, direction)
    return _output(shown, opened)


def _last(config: LayerConfig, h: Bounded, mask: Mask | None, direction: Direction) -> Output:
    if mask is None:
        return _output(h.at(-1))
    shown, opened = _shown(h, mask, direction)
    silent = opened[-1] | ~mask[-1] if config.get("zero_output_for_mask") else opened[-1]
    return _output(shown.at(-1), silent)


Merge = Callable[[Bounded, Bounded, Mask, Mask], dict[str, tuple[Bounded, Mask]]]


def _both_sequences(
    h: Sequence[Bounded], mask: Mask | None, directions: Sequence[Direction], merge: Merge
) -> dict[str, Output]:
    """Both halves in time order, zero at masked steps; open if the layer itself reads backwards."""
    opened = np.full(h[0].value.shape[:3], directions[0].backwards)
    merged = merge(h[0], flipped(h[1]), opened, opened)
    return {
        name: _output(number if mask is None else _zeroed(number, mask), silent)
        for name, (number, silent) in merged.items()
    }


def _both_last(
    h: Sequence[Bounded], mask: Mask | None, directions: Sequence[Direction], merge: Merge
) -> dict[str, Output]:
    """Made of both final states; open in rows without any unmasked step if their initial state is not zero."""
    empty = np.zeros(h[0].value.shape[1:3], dtype=bool) if mask is None else ~mask.any(axis=0)
    opened = [empty & _given(direction) for direction in directions]
    merged = merge(h[0].at(-1), h[1].at(-1), opened[0], opened[1])
    return {name: _output(number, silent) for name, (number, silent) in merged.items()}


def _merged(
    mode: str, p: Precision, f: Bounded, b: Bounded, open_f: Mask, open_b: Mask
) -> dict[str, tuple[Bounded, Mask]]:
    """The outputs of a merge mode, with the elements (of the number) that are open."""
    wide_f, wide_b = (np.broadcast_to(o[..., None], f.value.shape) for o in (open_f, open_b))
    if mode == "None":
        return {"forward_output": (f, wide_f), "backward_output": (b, wide_b)}
    if mode == "concat":
        return {"output": (Bounded.joined([f, b]), np.concatenate([wide_f, wide_b], axis=-1))}
    bounds = Bounds(p)
    number = _MERGES[mode](bounds, f, b)
    box = with_void(number.box, bounds.take_overflow())
    # halving is exact but for underflow
    half = Bounded(number.value / 2, box / 2 + p.tiny) if mode == "ave" else Bounded(number.value, box)
    return {"output": (half, wide_f | wide_b)}


def _output(number: Bounded, opened: Mask | None = None) -> Output:
    """An output (K, B, n) or (K, B, T, n) of a number (..., K, B, n)."""
    if opened is None or not opened.any():
        return Output(_time_inside(number.value), _time_inside(number.box))
    wide = opened if opened.ndim == number.value.ndim else np.broadcast_to(opened[..., None], number.value.shape)
    return Output(_time_inside(number.value), _time_inside(number.box), _time_inside(~wide))


def _laid_out(config: LayerConfig, output: Output) -> Output:
    """A sequence time first, (K, T, B, n), if the layer is asked for that."""
    if config.get("time_major") is not True or output.value.ndim != 4:
        return output
    specified = None if output.specified is None else output.specified.swapaxes(1, 2)
    return Output(output.value.swapaxes(1, 2), output.allowed.swapaxes(1, 2), specified)


def _time_inside(values: Array) -> Array:
    return values.transpose(1, 2, 0, 3) if values.ndim == 4 else values
