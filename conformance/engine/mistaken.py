"""Cells with a mistake in their equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.reference import Cells
from conformance.reference.activations import LINEAR, Activation
from conformance.reference.arithmetic import Arithmetic, N, S
from conformance.reference.cells import GRU, LSTM
from conformance.spec import LayerConfig


class _InvertedUpdate(GRU):
    """h' = z n + (1 - z) h."""

    def step(self, a: Arithmetic[N, S], inputs: tuple[S, ...], state: tuple[N, ...]) -> tuple[N, ...]:
        (h,) = state
        z, new = (self._after if self.reset_after else self._before)(a, inputs, h)
        return (a.interpolate(z, new, h),)


class _OtherReset(GRU):
    """The reset gate acts on the state where it should act on the recurrent product, and the other way round."""

    def __init__(
        self, weights: Any, precision: Any, activation: Any, recurrent_activation: Any, reset_after: bool
    ) -> None:
        super().__init__(weights, precision, activation, recurrent_activation, not reset_after)


class _BareOutput(LSTM):
    """h' = o c'."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.output_activation = LINEAR


class _GatedCandidate:
    """The candidate goes through the activation of the gates."""

    recurrent_activation: Activation

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.activation = self.recurrent_activation


class _GatedCandidateLSTM(_GatedCandidate, LSTM):
    pass


class _GatedCandidateGRU(_GatedCandidate, GRU):
    pass


class _ExchangedLSTM(LSTM):
    """The two activations in each other's place."""

    def __init__(self, weights: Any, precision: Any, activation: Any, recurrent_activation: Any) -> None:
        super().__init__(weights, precision, recurrent_activation, activation)


class _ExchangedGRU(GRU):
    """The two activations in each other's place."""

    def __init__(
        self, weights: Any, precision: Any, activation: Any, recurrent_activation: Any, reset_after: bool
    ) -> None:
        super().__init__(weights, precision, recurrent_activation, activation, reset_after)


@dataclass(frozen=True)
class MistakenCells:
    """Cells with one mistake.

    Attributes:
        name: the mistake, for people.
        cells: with it made.
        applies: whether a configuration can show it.
    """

    name: str
    cells: Cells
    applies: Callable[[LayerConfig], bool]


def _gru(config: LayerConfig) -> bool:
    return config.layer == "gru"


def _lstm(config: LayerConfig) -> bool:
    return config.layer == "lstm"


def _gated(config: LayerConfig) -> bool:
    return config.layer != "simple_rnn"


MISTAKEN_CELLS = (
    MistakenCells("the update gate is inverted", Cells(gru=_InvertedUpdate), _gru),
    MistakenCells(
        "the reset gate is applied before the recurrent product",
        Cells(gru=_OtherReset),
        lambda config: _gru(config) and config.get("reset_after") is not False,
    ),
    MistakenCells(
        "the reset gate is applied after the recurrent product",
        Cells(gru=_OtherReset),
        lambda config: _gru(config) and config.get("reset_after") is False,
    ),
    MistakenCells("the activation of the output is missing", Cells(lstm=_BareOutput), _lstm),
    MistakenCells(
        "the candidate goes through the activation of the gates",
        Cells(lstm=_GatedCandidateLSTM, gru=_GatedCandidateGRU),
        _gated,
    ),
    MistakenCells(
        "activation and recurrent_activation are exchanged", Cells(lstm=_ExchangedLSTM, gru=_ExchangedGRU), _gated
    ),
)
