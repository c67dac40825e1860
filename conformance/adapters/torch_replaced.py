"""What the worker for PyTorch builds: its own layers, a class in the place of one of them, or a loop over a cell."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING or __package__:
    from conformance.adapters import claims, sources, torch_cells
else:
    import claims
    import sources
    import torch_cells

CLASSES = {"simple_rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}

CELLS = {"simple_rnn": "RNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}


def own(torch: Any, known: claims.Options) -> sources.Source:
    """The modules of PyTorch itself. They are given every argument, and do all that the dialect says."""

    def make(kind: Any, inner: Dict[str, Any], arguments: Dict[str, Any]) -> Any:
        return kind(**{**inner, "dtype": getattr(torch, inner["dtype"]), **arguments})

    makers = {layer: functools.partial(make, getattr(torch.nn, name)) for layer, name in CLASSES.items()}
    return sources.Source(makers, claims.Claims(list(CLASSES), known, {}, *[True] * 7), {})


def replaced(torch: Any, known: claims.Options, stands_in: sources.Replacement) -> sources.Source:
    """A class in the place of one of PyTorch, and nothing else. It is given the arguments that are not default."""
    name, kind, given = stands_in
    layer = next(layer for names in (CLASSES, CELLS) for layer, known_as in names.items() if known_as == name)
    cell = name in CELLS.values()
    claims.check_constructor(kind, input_size=1, hidden_size=1)
    taken = claims.constructor_arguments(kind, getattr(torch.nn, name))
    if cell:
        known = {**known, **torch_cells.OPTIONS}
    possible = claims.narrowed(known, functools.partial(_cell_has if cell else _layer_has, kind, taken))
    said = claims.claims_of(kind, known, possible, {**given, "layers": [layer]})
    typed = functools.partial(_typed, torch, kind, taken)
    make = functools.partial(torch_cells.loop, torch, typed, 2 if layer == "lstm" else 1) if cell else typed

    def make_layer(inner: Dict[str, Any], arguments: Dict[str, Any]) -> Any:
        return make(**{**claims.not_default(known, inner), **arguments})

    if cell:  # what must be refused is written of layers
        said = said._replace(rejections=False)
    return sources.Source({layer: make_layer}, said, {name: kind})


def _typed(torch: Any, kind: Any, taken: sources.Taken, dtype: str = "float32", **arguments: Any) -> Any:
    """A module of the wanted type; converted to it where the constructor does not take one."""
    if dtype == "float32":
        return kind(**arguments)
    wanted = getattr(torch, dtype)
    return kind(**arguments, dtype=wanted) if taken is None or "dtype" in taken else kind(**arguments).to(wanted)


def _layer_has(kind: Any, taken: sources.Taken, option: str) -> bool:
    if option == "hx":
        return claims.binds(getattr(kind, "forward", kind), None, None, None)
    return taken is None or option in taken or option in ("dtype", "input")


def _cell_has(_kind: Any, taken: sources.Taken, option: str) -> bool:
    return taken is None or option in taken or option not in ("bias", "nonlinearity", "input")
