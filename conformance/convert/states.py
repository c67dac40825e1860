"""Initial and final states, from the form of one API into that of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from conformance.convert.errors import ConvertError
from conformance.convert.traits import Traits
from conformance.spec import Array, load_dialect

States = Sequence[Sequence[Sequence[Array]]]
"""(batch, units) of every layer, direction and state."""


def convert(
    given: Traits, batch_first: Mapping[str, bool], arrays: Sequence[Array], source: str, target: str
) -> list[Array]:
    """States of one API in the form of another.

    Args:
        given: the layer.
        batch_first: for source and target, whether the batch is the first axis; only that of ONNX moves its states.
        arrays: the states in the form of `source`.
        source: name of the API that they come from.
        target: name of the API that they are for.
    """
    return _WRITE[target](_READ[source](given, arrays, batch_first[source]), batch_first[target])


def _names(given: Traits) -> tuple[str, ...]:
    return load_dialect("keras").layers[given.layer].states


def _counted(given: Traits, arrays: Sequence[Array], wanted: int, axes: int) -> None:
    """`ConvertError` if there are not so many arrays with so many axes."""
    got = [array.ndim for array in arrays]
    if got != [axes] * wanted:
        what = f"{wanted} array{'s' if wanted > 1 else ''} of {axes} axes"
        raise ConvertError(f"the states of this {given.layer} are {what}; {len(got)} were given, of {got} axes")


def _from_keras(given: Traits, arrays: Sequence[Array], _: bool) -> States:
    each, directions = len(_names(given)), given.directions
    _counted(given, arrays, given.num_layers * directions * each, 2)
    cells = [arrays[k : k + each] for k in range(0, len(arrays), each)]
    return [cells[k : k + directions] for k in range(0, len(cells), directions)]


def _to_keras(states: States, _: bool) -> list[Array]:
    return [np.array(state) for layer in states for direction in layer for state in direction]


def _from_torch(given: Traits, arrays: Sequence[Array], _: bool) -> States:
    _counted(given, arrays, len(_names(given)), 3)
    rows = given.num_layers * given.directions
    if any(array.shape[0] != rows for array in arrays):
        raise ConvertError(f"the first axis of these states is {arrays[0].shape[0]}; layers times directions is {rows}")
    cells = list(zip(*arrays, strict=True))
    return [cells[k : k + given.directions] for k in range(0, rows, given.directions)]


def _to_torch(states: States, _: bool) -> list[Array]:
    cells = [direction for layer in states for direction in layer]
    return [np.stack(state) for state in zip(*cells, strict=True)]


def _from_onnx(given: Traits, arrays: Sequence[Array], batch_first: bool) -> States:
    each = len(_names(given))
    _counted(given, arrays, given.num_layers * each, 3)
    first = [array.swapaxes(0, 1) if batch_first else array for array in arrays]
    if any(array.shape[0] != given.directions for array in first):
        raise ConvertError(f"these states are of {first[0].shape[0]} directions; the layer has {given.directions}")
    return [list(zip(*first[k : k + each], strict=True)) for k in range(0, len(first), each)]


def _to_onnx(states: States, batch_first: bool) -> list[Array]:
    nodes = [np.stack(state) for layer in states for state in zip(*layer, strict=True)]
    return [np.ascontiguousarray(node.swapaxes(0, 1)) if batch_first else node for node in nodes]


_READ: Mapping[str, Callable[[Traits, Sequence[Array], bool], States]] = {
    "keras": _from_keras,
    "torch": _from_torch,
    "onnx": _from_onnx,
}
_WRITE: Mapping[str, Callable[[States, bool], list[Array]]] = {
    "keras": _to_keras,
    "torch": _to_torch,
    "onnx": _to_onnx,
}
