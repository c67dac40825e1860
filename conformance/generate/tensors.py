"""Tensors from seeds: every number of a case follows from the case alone.

Data are distinguishing by default: no constants and no zero states, so that exchanged gates, transposed kernels and
wrong initial states show. Kinds go from simple to hard; each shows faults that others hide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from conformance.errors import SpecError
from conformance.generate.bits import Stream
from conformance.spec import (
    Array,
    Case,
    Floats,
    LayerConfig,
    Tensors,
    WeightContract,
    initial_states,
    input_axes,
    weights,
)

_UNBOUNDED = {"relu", "linear"}
"""Activations without an upper limit: recurrences with them grow, so their data are kept smaller."""


def tensors(case: Case) -> Tensors:
    """The tensors of a case, in the dialect's layout and types."""
    if case.data.kind == WORKED_EXAMPLE:
        return worked_example(case.config)
    if case.data.kind not in KINDS:
        raise SpecError(f"unknown kind of data '{case.data.kind}'; choose one of {', '.join(KINDS)}")
    drawn = _draw(case)
    if case.rejection is None:
        return drawn
    change = case.config.rules.rejections[case.rejection].data
    return INVALID[change](drawn) if change else drawn


def _draw(case: Case) -> Tensors:
    config, kind, seed = case.config, case.data.kind, case.data.seed
    dtype = np.dtype(config.dtype)
    fill = KINDS[kind]
    gain = _gain(Stream(seed, kind, "gain"), config)
    given = initial_states(config) if states_given(config) else ()
    return Tensors(
        weights=tuple(_weight(weight, kind, seed, gain).astype(dtype) for weight in weights(config)),
        x=fill(Stream(seed, kind, "x"), input_shape(config), "x").astype(dtype),
        mask=mask_of(case),
        lengths=_lengths(config, Stream(seed, "lengths")),
        initial_state=tuple(
            fill(Stream(seed, kind, "state", state.name), state.shape, "state").astype(dtype) for state in given
        )
        or None,
    )


def _weight(weight: WeightContract, kind: str, seed: int, gain: float) -> Floats:
    values = KINDS[kind](Stream(seed, kind, weight.name), weight.shape, weight.role)
    return values * _scale(weight, kind, gain)


def states_given(config: LayerConfig) -> bool:
    """Whether the call hands over initial states."""
    return config.get(config.rules.initial_state["option"]) is True


def input_shape(config: LayerConfig) -> tuple[int, ...]:
    """The shape of the input, in the layout that the configuration asks for."""
    return tuple(getattr(config.sizes, axis) for axis in input_axes(config))


# ---------------------------------------------------------------- kinds


def _generic(stream: Stream, shape: tuple[int, ...], role: str) -> Floats:
    """All bits of the significand in use."""
    return stream.symmetric(*shape) * (0.5 if "bias" in role else 1.0)


def _lattice(stream: Stream, shape: tuple[int, ...], role: str) -> Floats:
    """Multiples of 1/8, never zero: sums of a few products are exact, so nothing but activations may round."""
    return _signed(stream, stream.integers(1, 4 if "bias" in role else 8, *shape) / 8)


def _integers(stream: Stream, shape: tuple[int, ...], _role: str) -> Floats:
    """-2, -1, 1 and 2: easy to follow by hand."""
    return _signed(stream, stream.integers(1, 2, *shape).astype(np.float64))


def _saturated(stream: Stream, shape: tuple[int, ...], role: str) -> Floats:
    """Large inputs, biases and states: gates at their ends, where cheap approximations are clipped."""
    return stream.symmetric(*shape) * {"x": 8.0, "bias": 12.0, "recurrent_bias": 4.0, "state": 4.0}.get(role, 1.0)


def _wide(stream: Stream, shape: tuple[int, ...], _role: str) -> Floats:
    """Magnitudes from 2^-12 to 2^2 side by side: rounding in too few bits shows."""
    return _signed(stream, np.exp2(np.floor(stream.unit(*shape) * 14) - 12) * (1 + stream.unit(*shape)) / 2)


def _signed(stream: Stream, magnitude: Floats) -> Floats:
    return np.where(stream.unit(*magnitude.shape) < 0.5, -magnitude, magnitude)


KINDS: Mapping[str, Callable[[Stream, tuple[int, ...], str], Floats]] = {
    "integers": _integers,
    "lattice": _lattice,
    "generic": _generic,
    "saturated": _saturated,
    "wide": _wide,
}
"""Kinds of data, from simple to hard."""

_ROTATION = ("generic", "lattice", "saturated", "generic", "wide", "integers", "generic", "lattice")

_LONG = 30
"""Timesteps from which on a sequence counts as long."""

_EXACT = {"integers": 1.6, "lattice": 0.63}
"""Kinds whose values must keep few bits, with their root mean square: they are scaled by powers of two only."""


def kinds_for(config: LayerConfig, count: int) -> tuple[str, ...]:
    """The kinds of `count` successive draws for one configuration; unbounded layers are not driven into saturation."""
    usable = [kind for kind in _ROTATION if kind != "saturated" or not unbounded(config)]
    return tuple(usable[index % len(usable)] for index in range(count))


def activations(config: LayerConfig) -> set[str]:
    """The activations that can be chosen, by name; those that cannot are tanh and sigmoid."""
    chosen = (config.get(name) for name in ("activation", "recurrent_activation", "nonlinearity"))
    return {str(name) for name in chosen if name is not None}


def unbounded(config: LayerConfig) -> bool:
    """Whether some activation of the layer has no upper limit."""
    return bool(activations(config) & _UNBOUNDED)


def _gain(stream: Stream, config: LayerConfig) -> float:
    """Spectral gain of the recurrence: log-uniform in [0.05, 1.2], one in ten short sequences up to 3.

    Long sequences stay below one: a recurrence that magnifies rounding errors for so long leaves nothing to judge.
    """
    choice, place = stream.unit(2)
    top = 3.0 if choice < 0.1 and config.sizes.timesteps <= 10 else 1.2
    if config.sizes.timesteps > _LONG:
        top = 0.8
    if unbounded(config):
        top = 0.6
    return math.exp(math.log(0.05) + place * (math.log(top) - math.log(0.05)))


def _scale(weight: WeightContract, kind: str, gain: float) -> float:
    """Factor that gives kernels the wanted gain whatever their size; sqrt(3) because uniform numbers vary by 1/3."""
    if "bias" in weight.role:
        return 1.0
    fan_in = max(weight.shape[0] if weight.role == "kernel" else min(weight.shape), 1)
    if kind in _EXACT:
        return 2.0 ** -math.ceil(math.log2(_EXACT[kind] * math.sqrt(fan_in)))
    return math.sqrt(3 / fan_in) * (gain if weight.role == "recurrent_kernel" else 1.0)


# ---------------------------------------------------------------- masks and lengths


def mask_of(case: Case) -> Array | None:
    """The mask of a case, (batch, timesteps) of bool, True = keep; None: it has none.

    At least one row shows the pattern that the option `mask` names.
    """
    name, sizes = case.config.get("mask", "none"), case.config.sizes
    return None if name == "none" else MASKS[str(name)](Stream(case.data.seed, "mask"), sizes.batch, sizes.timesteps)


def _right(stream: Stream, batch: int, timesteps: int) -> Array:
    lengths = stream.integers(1, timesteps, batch)
    lengths[stream.integer(0, batch - 1)] = stream.integer(1, timesteps - 1)
    return np.arange(timesteps) < lengths[:, None]


def _left(stream: Stream, batch: int, timesteps: int) -> Array:
    return _right(stream, batch, timesteps)[:, ::-1].copy()


def _gaps(stream: Stream, batch: int, timesteps: int) -> Array:
    mask = stream.unit(batch, timesteps) < 0.6
    row, gap = stream.integer(0, batch - 1), stream.integer(1, timesteps - 2)
    mask[row, [gap - 1, gap, gap + 1]] = True, False, True
    return mask


def _full_rows(stream: Stream, batch: int, timesteps: int) -> Array:
    mask = stream.unit(batch, timesteps) < 0.7
    first = stream.integer(0, batch - 1)
    mask[first] = False
    if batch > 1:
        mask[(first + 1) % batch, stream.integer(0, timesteps - 1)] = True
    return mask


MASKS: Mapping[str, Callable[[Stream, int, int], Array]] = {
    "right": _right,
    "left": _left,
    "gaps": _gaps,
    "full_rows": _full_rows,
}


def _lengths(config: LayerConfig, stream: Stream) -> Array | None:
    """(batch,) of int64 for packed sequences: sorted downwards, or with at least one pair out of order."""
    form = config.get("input")
    if form not in ("packed", "packed_unsorted"):
        return None
    batch, timesteps = config.sizes.batch, config.sizes.timesteps
    lengths = np.sort(stream.integers(1, timesteps, batch))[::-1].copy()
    if form == "packed":
        return lengths
    lengths = lengths[np.argsort(stream.unit(batch), kind="stable")]
    if not np.any(np.diff(lengths) > 0):
        lengths[0], lengths[-1] = stream.integer(1, timesteps - 1), timesteps
    return lengths


# ---------------------------------------------------------------- the worked example

WORKED_EXAMPLE = "worked_example"

_WORKED_INPUT = [
    [0.1, 4.2, 1.5, 1.1, 2.8],
    [1.0, 3.1, 2.5, 0.7, 1.1],
    [0.3, 2.1, 1.5, 2.1, 0.1],
    [2.2, 1.4, 0.5, 0.9, 1.1],
]


def worked_example(config: LayerConfig) -> Tensors:
    """The example that this project began with: kernels of 0.1, biases zero but for a forget bias of one.

    Needs an LSTM with an input of shape (1, 4, 5).
    """
    sizes = config.sizes
    if config.layer != "lstm" or input_shape(config) != (1, 4, 5):
        raise SpecError("the worked example is an LSTM with an input of shape (1, 4, 5)")
    dtype = np.dtype(config.dtype)

    def value(weight: WeightContract) -> Array:
        filled = np.full(weight.shape, 0.1, dtype)
        if weight.role == "bias":
            filled[:] = 0
            filled[sizes.units : 2 * sizes.units] = 1
        return filled

    return Tensors(tuple(value(weight) for weight in weights(config)), np.array([_WORKED_INPUT], dtype))


# ---------------------------------------------------------------- invalid tensors, by the names used in specs/


def _extra_row(states: Array) -> Array:
    return np.concatenate([states, states[:, :1]], axis=1)


def _other_float(x: Array) -> Array:
    return x.astype(np.float32 if x.dtype == np.float64 else np.float64)


def _with_states(change: Callable[[Array], Array]) -> Callable[[Tensors], Tensors]:
    return lambda drawn: replace(drawn, initial_state=tuple(change(state) for state in drawn.initial_state or ()))


def _with_x(change: Callable[[Array], Array]) -> Callable[[Tensors], Tensors]:
    return lambda drawn: replace(drawn, x=change(drawn.x))


INVALID: Mapping[str, Callable[[Tensors], Tensors]] = {
    "x_without_time": _with_x(lambda x: x[:, 0]),
    "x_with_extra_axis": _with_x(lambda x: x[..., None]),
    "x_one_axis": _with_x(lambda x: x[0, 0]),
    "x_with_extra_feature": _with_x(lambda x: np.concatenate([x, x[..., :1]], axis=-1)),
    "x_of_other_float": _with_x(_other_float),
    "x_of_integers": _with_x(lambda x: np.ones(x.shape, np.int64)),
    "state_with_extra_row": _with_states(_extra_row),
    "state_with_extra_unit": _with_states(lambda state: np.concatenate([state, state[..., :1]], axis=-1)),
    "state_without_batch": _with_states(lambda state: state[:, 0]),
    "lengths_unsorted": lambda drawn: _unsorted(drawn),
}
"""Name of a change, as in `data` of a rejection -> what it does to valid tensors."""


def _unsorted(drawn: Tensors) -> Tensors:
    """The lengths turned round, so that they rise; equal ones are made unequal first."""
    if drawn.lengths is None:
        raise SpecError("only packed sequences have lengths to leave unsorted")
    lengths = drawn.lengths[::-1].copy()
    if lengths[0] == lengths[-1]:
        lengths[0], lengths[-1] = 1, 2
    return replace(drawn, lengths=lengths)
