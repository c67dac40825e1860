"""What is expected of an implementation: values with an allowance for rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from conformance.errors import SpecError
from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded
from conformance.spec import (
    Array,
    Floats,
    LayerConfig,
    OutputContract,
    Tensors,
    WeightContract,
    initial_states,
    outputs,
    weights,
)


@dataclass(frozen=True)
class Expected:
    """One output of one call.

    Attributes:
        name: as in `conformance.spec.outputs`.
        value: what exact arithmetic gives; None where the contract judges the form only.
        allowed: largest error that rounding can explain, >= 0; infinite where a number may have overflowed.
        specified: False where the specification leaves the value open; None: it leaves nothing open.
    """

    name: str
    value: Floats | None
    allowed: Floats
    specified: Mask | None = None


@dataclass(frozen=True)
class Output:
    """An output of all draws: the first axis of each array is the draw."""

    value: Floats
    allowed: Floats
    specified: Mask | None = None

    @classmethod
    def of(cls, number: Bounded) -> Output:
        """A number without symbols."""
        return cls(number.value, number.box)

    def of_draw(self, name: str, draw: int) -> Expected:
        """The output of one draw."""
        specified = None if self.specified is None else self.specified[draw]
        if specified is not None and specified.all():
            specified = None
        return Expected(name, self.value[draw], self.allowed[draw], specified)


@lru_cache(maxsize=1024)
def output_contracts(config: LayerConfig, lengths: tuple[int, ...] | None) -> tuple[OutputContract, ...]:
    """As `conformance.spec.outputs`; many draws of a configuration ask for the same."""
    return outputs(config, lengths)


@lru_cache(maxsize=256)
def weight_contracts(config: LayerConfig) -> tuple[WeightContract, ...]:
    """As `conformance.spec.weights`."""
    return weights(config)


@lru_cache(maxsize=256)
def state_contracts(config: LayerConfig) -> tuple[OutputContract, ...]:
    """As `conformance.spec.initial_states`."""
    return initial_states(config)


def form_only(contract: OutputContract) -> Expected:
    """An output of which nothing is promised but shape and type."""
    return Expected(contract.name, None, np.zeros(contract.shape))


def stacked_weights(config: LayerConfig, draws: Sequence[Tensors]) -> Mapping[tuple[int, int, str], Floats]:
    """The weights of all draws, (layer, direction, role) -> (K, ...) in float64; `SpecError` if a shape is wrong."""
    contracts = weight_contracts(config)
    for tensors in draws:
        if len(tensors.weights) != len(contracts):
            raise SpecError(f"{len(tensors.weights)} weights were given; the layer has {len(contracts)}")
    return {
        (contract.layer, contract.direction, contract.role): stacked(
            f"weight {contract.name}", [tensors.weights[k] for tensors in draws], contract.shape
        )
        for k, contract in enumerate(contracts)
    }


def stacked_states(config: LayerConfig, draws: Sequence[Tensors], given: bool) -> list[Floats]:
    """The initial states of all draws, each (K, ...), in call order; zeros if the configuration gives none."""
    contracts, states = state_contracts(config), [tensors.initial_state for tensors in draws]
    if not given:
        absent("initial_state", states)
        return [np.zeros((len(draws), *contract.shape)) for contract in contracts]
    for state in states:
        if state is not None and len(state) != len(contracts):
            raise SpecError(f"{len(state)} initial states were given; the layer takes {len(contracts)}")
    return [
        stacked(f"initial state {contract.name}", [None if s is None else s[k] for s in states], contract.shape)
        for k, contract in enumerate(contracts)
    ]


def stacked(what: str, arrays: Sequence[Array | None], shape: tuple[int, ...]) -> Floats:
    """Arrays of all draws as one float64 array (K, ...); `SpecError` if one is missing or has another shape."""
    present = [array for array in arrays if array is not None]
    if len(present) != len(arrays):
        raise SpecError(f"{what} is missing; the configuration asks for it")
    for array in present:
        if array.shape != shape:
            raise SpecError(f"{what} has shape {array.shape}; the configuration asks for {shape}")
    return np.stack([np.asarray(array, dtype=np.float64) for array in present])


def absent(what: str, arrays: Sequence[object]) -> None:
    """`SpecError` if a draw has something that the configuration does not ask for."""
    if any(array is not None for array in arrays):
        raise SpecError(f"{what} was given; the configuration asks for none")
