"""How accurate are an implementation's tanh and sigmoid? Measured once, through its public layers.

One-unit layers whose gates are held open or shut by large biases show a bare activation (NUMERICS, section 3). The
accuracy found, with a margin, is what all cases are then judged by; it is never better than one unit of rounding nor
worse than the cap for unknown implementations, so a wrong activation is not excused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.checks import Reply
from conformance.engine.requests import Hello
from conformance.engine.session import Modes, Session
from conformance.generate.tensors import input_shape
from conformance.reference import CAPS, Accuracy, Precision, precision
from conformance.spec import Array, Dialect, Floats, LayerConfig, Sizes, Tensors, Value, initial_states, weights

MARGIN = 1.25
"""Factor on what was measured, since finitely many points were."""

_POINTS = 4096
_ABSOLUTE = (0.0, 0.05, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
_OPEN, _SHUT = 200.0, -200.0


@dataclass(frozen=True)
class Probe:
    """A one-unit layer that computes one activation of its points.

    Attributes:
        activation: `tanh` or `sigmoid`.
        config: the layer; its batch is the number of points.
        tensors: what to call it with.
        points: the arguments of the activation, one a row.
    """

    activation: str
    config: LayerConfig
    tensors: Tensors
    points: Floats


@dataclass(frozen=True)
class Setting:
    """How a layer shows an activation: which block reads the input, biases by block, the initial states."""

    layer: str
    activation: str
    reads: str | None
    biases: Mapping[str, float]
    states: tuple[float | None, ...]


SETTINGS = (
    Setting("simple_rnn", "tanh", "n", {}, (0.0,)),
    Setting("gru", "tanh", "n", {"z": _SHUT}, (0.0,)),
    Setting("gru", "sigmoid", "z", {}, (1.0,)),
    Setting("lstm", "tanh", None, {"f": _OPEN, "i": _SHUT, "o": _OPEN}, (0.0, None)),
    Setting("lstm", "sigmoid", "o", {"f": _OPEN, "i": _SHUT}, (0.0, 20.0)),
)
"""`None` among the states: the points themselves (the LSTM's output is tanh of its cell state)."""


def probes(dialect: Dialect, dtype: str) -> Iterator[Probe]:
    """The probes of a dialect for one type."""
    magnitudes = np.exp2(np.linspace(np.log2(1e-6), np.log2(100), _POINTS))
    points = np.concatenate([-magnitudes[::-1], magnitudes]).astype(dtype).astype(np.float64)
    for setting in SETTINGS:
        options: dict[str, Value] = {"dtype": dtype, dialect.initial_state["option"]: True}
        config = LayerConfig.of(dialect.name, setting.layer, options, Sizes(len(points), 1, 1, 1))
        yield Probe(setting.activation, config, _tensors(setting, config, points), points)


def _tensors(setting: Setting, config: LayerConfig, points: Floats) -> Tensors:
    blocks = config.rules.layers[setting.layer].blocks
    biases = np.array([setting.biases.get(block, 0.0) for block in blocks])
    kernel = np.array([1.0 if block == setting.reads else 0.0 for block in blocks])

    def weight(role: str, shape: tuple[int, ...]) -> Array:
        filled = np.zeros(shape)
        if role == "kernel":
            filled[...] = kernel.reshape(shape)
        elif role == "bias":
            filled.reshape(-1, len(blocks))[0] = biases
        return filled.astype(config.dtype)

    states = (
        np.broadcast_to(points if value is None else value, (len(points),)).reshape(state.shape).astype(config.dtype)
        for value, state in zip(setting.states, initial_states(config), strict=True)
    )
    return Tensors(
        tuple(weight(contract.role, contract.shape) for contract in weights(config)),
        points.reshape(input_shape(config)).astype(config.dtype),
        initial_state=tuple(states),
    )


def fit(measured: Iterable[tuple[Probe, Floats]], dtype: str) -> Accuracy:
    """The accuracy that explains what was measured, with a margin, within [1, cap]."""
    exact = precision(dtype)
    errors: dict[str, list[tuple[Floats, Floats]]] = {"tanh": [], "sigmoid": []}
    for probe, got in measured:
        true = _TRUE[probe.activation](probe.points)
        error = np.maximum(np.abs(got - true) - exact.tiny, 0) / exact.u
        errors[probe.activation].append((np.abs(true), np.where(np.isnan(error), np.inf, error)))
    cap = CAPS[dtype]
    return Accuracy(tanh=_profile(errors["tanh"], cap.tanh), sigmoid=_profile(errors["sigmoid"], cap.sigmoid))


def _profile(samples: Sequence[tuple[Floats, Floats]], cap: tuple[float, float]) -> tuple[float, float]:
    """(relative, absolute) in units of rounding that covers all samples, with the least absolute part; else the cap."""
    if not samples:
        return cap
    size = np.concatenate([true for true, _ in samples])
    error = np.concatenate([found for _, found in samples])
    for absolute in _ABSOLUTE:
        relative = MARGIN * float((np.maximum(error - absolute, 0) / np.maximum(size, 1e-300)).max())
        if relative <= cap[0] and MARGIN * absolute <= cap[1]:
            return max(1.0, relative), MARGIN * absolute
    return cap


def _sigmoid(x: Floats) -> Floats:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, 1.0) / (1 + e))


_TRUE: Mapping[str, Callable[[Floats], Floats]] = {"tanh": np.tanh, "sigmoid": _sigmoid}


def precisions(dialect: Dialect, accuracies: Mapping[str, Accuracy]) -> dict[str, Precision]:
    """Type -> accuracy that an implementation is held to; the cap where nothing was measured."""
    return {str(dtype): precision(str(dtype), accuracies.get(str(dtype))) for dtype in dialect.options["dtype"].values}


def calibrate(session: Session, dialect: Dialect, hello: Hello, modes: Modes) -> dict[str, Accuracy]:
    """Type -> accuracy of the activations, for the types that the implementation claims and answers rightly for."""
    found = {}
    for dtype in dialect.options["dtype"].values:
        asked = [probe for probe in probes(dialect, str(dtype)) if hello.missing(probe.config) is None]
        measured = []
        for probe in asked:
            for mode in dict.fromkeys((modes.first, modes.later)):
                reply = session.call_once(probe.config, probe.tensors, mode)
                if isinstance(reply, Reply) and reply.outputs and reply.outputs[0].size == probe.points.size:
                    measured.append((probe, reply.outputs[0].reshape(-1).astype(np.float64)))
        if measured:
            found[str(dtype)] = fit(measured, str(dtype))
    return found
