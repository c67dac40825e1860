"""Weights, options and states of recurrent layers moved between Keras, PyTorch and ONNX.

    weights("lstm", layer.get_weights(), source="keras", target="torch", bidirectional=True)

Arrays come and go as a flat list in the order of each API:

* `keras`: `get_weights()` of the layer (of `Bidirectional`: of the wrapper), or of a `Sequential` model of such layers;
* `torch`: `parameters()` of `nn.RNN`, `nn.GRU` or `nn.LSTM`, or the values of its `state_dict()`;
* `onnx`: W, R and B of the node; of a chain of nodes one after the other.

Options are those of the *source*, in its own words and with its own defaults; a stack of Keras layers or ONNX nodes
says `num_layers`. Layers are `simple_rnn`, `lstm` and `gru`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from conformance.convert import keras, onnx, torch
from conformance.convert import states as _states
from conformance.convert.cells import Stack
from conformance.convert.errors import ConvertError
from conformance.convert.notes import notes
from conformance.convert.traits import Option, Traits
from conformance.spec import Array

__all__ = ["ConvertError", "Counterpart", "options", "states", "weights"]


class _Api(Protocol):
    """What the module of an API offers."""

    def complete(self, layer: str, given: Mapping[str, Option]) -> dict[str, Any]: ...
    def traits(self, layer: str, options: Mapping[str, Any]) -> Traits: ...
    def options_for(self, wanted: Traits) -> dict[str, Any]: ...
    def arguments(self, options: Mapping[str, Any]) -> dict[str, Any]: ...
    def read(self, options: Mapping[str, Any], given: Traits, arrays: list[Array]) -> Stack: ...
    def write(self, wanted: Traits, stack: Stack) -> list[Array]: ...


_APIS: Mapping[str, _Api] = {"keras": keras, "torch": torch, "onnx": onnx}


@dataclass(frozen=True)
class Counterpart:
    """The layer of the target that computes what a layer of the source computes.

    Attributes:
        options: its options, in the words of the target; with them, `weights` finds the way back.
        arguments: those of them that its constructor takes, or that are attributes of an ONNX node. Sizes are not
            among them, nor what is said in other ways: `Bidirectional`, the number of layers or nodes.
        notes: what else differs: layouts, outputs, states, training; one sentence each.
    """

    options: Mapping[str, Any]
    arguments: Mapping[str, Any]
    notes: tuple[str, ...]


def weights(layer: str, arrays: Iterable[ArrayLike], *, source: str, target: str, **options: Option) -> list[Array]:
    """Weights of a layer of one API as weights of the layer of another that computes the same.

    Args:
        layer: `simple_rnn`, `lstm` or `gru`.
        arrays: the weights, as the module says; they are left alone, the result shares no memory with them.
        source: `keras`, `torch` or `onnx`: whose arrays these are.
        target: likewise: for whom arrays are wanted.
        options: the options of the source that differ from its defaults.

    Raises:
        ConvertError: if the target cannot express the layer, an option is not one of the source's, or the arrays are
            not those of such a layer; the message says why.
    """
    chosen, given = _described(source, layer, options)
    wanted = _wanted(target, given)
    stack = _api(source).read(chosen, given, [np.asarray(array) for array in arrays])
    return [np.array(array, order="C") for array in _api(target).write(wanted, stack)]


def options(layer: str, *, source: str, target: str, **options: Option) -> Counterpart:
    """The options of the target's layer for a layer of the source, and what differs around it.

    Args:
        layer: as for `weights`.
        source: likewise.
        target: likewise.
        options: likewise.

    Raises:
        ConvertError: if the target cannot express the layer, or an option is not one of the source's.
    """
    chosen, given = _described(source, layer, options)
    api = _api(target)
    found = api.options_for(given)
    return Counterpart(found, api.arguments(found), notes(source, target, layer, chosen))


def states(layer: str, arrays: Iterable[ArrayLike], *, source: str, target: str, **options: Option) -> list[Array]:
    """Initial or final states of a layer of one API in the form of another.

    Keras: (batch, units) each, forward states before backward ones, layer by layer. PyTorch: h, or h and c, each
    (layers * directions, batch, units). ONNX: h, or h and c, of every node, each (directions, batch, units), or
    (batch, directions, units) with `layout=1`.

    Args:
        layer: as for `weights`.
        arrays: the states.
        source: as for `weights`.
        target: likewise.
        options: likewise.

    Raises:
        ConvertError: as `weights`.
    """
    _, given = _described(source, layer, options)
    wanted = _wanted(target, given)
    first = {source: given.batch_first, target: wanted.batch_first} if source != target else {source: given.batch_first}
    return _states.convert(given, first, [np.asarray(array) for array in arrays], source, target)


def _described(source: str, layer: str, options: Mapping[str, Option]) -> tuple[dict[str, Any], Traits]:
    chosen = _api(source).complete(layer, options)
    return chosen, _api(source).traits(layer, chosen)


def _wanted(target: str, given: Traits) -> Traits:
    """The traits of the target's layer: those of the source, as far as they concern it."""
    api = _api(target)
    return api.traits(given.layer, api.complete(given.layer, api.options_for(given)))


def _api(name: str) -> _Api:
    if name not in _APIS:
        raise ConvertError(f"unknown API '{name}'; choose one of {', '.join(_APIS)}")
    return _APIS[name]
