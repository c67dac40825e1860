"""What is expected of an implementation: values with an allowance for rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.errors import SpecError
from conformance.reference.arithmetic import Mask
from conformance.reference.bounded import Bounded
from conformance.spec import Array, Floats, OutputContract, Tensors, WeightContract


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


def form_only(contract: OutputContract) -> Expected:
    """An output of which nothing is promised but shape and type."""
    return Expected(contract.name, None, np.zeros(contract.shape))


def stacked_weights(
    contracts: Sequence[WeightContract], draws: Sequence[Tensors]
) -> Mapping[tuple[int, int, str], Floats]:
    """The weights of all draws, (layer, direction, role) -> (K, ...) in float64; `SpecError` if a shape is wrong."""
    for tensors in draws:
        if len(tensors.weights) != len(contracts):
            raise SpecError(f"{len(tensors.weights)} weights were given; the layer has {len(contracts)}")
    return {
        (contract.layer, contract.direction, contract.role): stacked(
            f"weight {contract.name}", [tensors.weights[k] for tensors in draws], contract.shape
        )
        for k, contract in enumerate(contracts)
    }


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
