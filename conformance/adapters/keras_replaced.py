"""What the worker for Keras builds: its own layers, a class in the place of one, or a cell in `keras.layers.RNN`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING or __package__:
    from conformance.adapters import claims, sources
else:
    import claims
    import sources

CLASSES = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}

CELLS = {"simple_rnn": "SimpleRNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}

CELL_OPTIONS = ("dtype", "use_bias", "activation", "recurrent_activation", "unit_forget_bias", "reset_after")

LOOP_OPTIONS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
"""Constructor options of `keras.layers.RNN` around a cell."""

# The values of the kernels are always set before they count, and zeros need no random generator to be compiled.
# The bias keeps its default, so that its initial value can be seen.
INITIALIZERS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}

OWN_INITIALIZERS = dict.fromkeys(INITIALIZERS, claims.DEFAULT)
"""What a layer has if nobody says anything."""


def own(keras: Any, known: claims.Options) -> sources.Source:
    """The layers of Keras itself. They are given every argument, and do all that the dialect says."""

    def make(kind: Any, inner: Dict[str, Any], arguments: Dict[str, Any]) -> Any:
        return kind(**claims.given(INITIALIZERS, inner, arguments))

    makers = {layer: functools.partial(make, getattr(keras.layers, name)) for layer, name in CLASSES.items()}
    return sources.Source(makers, claims.Claims(list(CLASSES), known, {}, *[True] * 7), {})


def replaced(keras: Any, known: claims.Options, stands_in: sources.Replacement) -> sources.Source:
    """A class in the place of one of Keras, and nothing else. It is given the arguments that are not default."""
    name, kind, given = stands_in
    cell = name in CELLS.values()
    layer = next(layer for names in (CLASSES, CELLS) for layer, known_as in names.items() if known_as == name)
    claims.check_constructor(kind, units=1)
    taken = claims.constructor_arguments(kind, getattr(keras.layers, name))
    possible = claims.narrowed(known, functools.partial(_cell_has if cell else _layer_has, kind, taken))
    said = claims.claims_of(kind, known, possible, {**given, "layers": [layer]})
    initial = {name: value for name, value in INITIALIZERS.items() if taken is None or name in taken}
    make = functools.partial(_make_cell, keras, kind) if cell else kind

    def make_layer(inner: Dict[str, Any], arguments: Dict[str, Any]) -> Any:
        return make(**claims.given(initial, claims.not_default(known, inner), arguments))

    if cell:  # what must be refused is written of layers
        said = said._replace(rejections=False)
    return sources.Source({layer: make_layer}, said, {getattr(kind, "__name__", ""): kind})


def _make_cell(keras: Any, kind: Any, **arguments: Any) -> Any:
    """A cell in the loop that Keras has for cells of one's own."""
    loop = {name: value for name, value in arguments.items() if name == "dtype" or name in LOOP_OPTIONS}
    cell = {name: value for name, value in arguments.items() if name not in LOOP_OPTIONS}
    return keras.layers.RNN(kind(**cell), **loop)


def _layer_has(kind: Any, taken: sources.Taken, option: str) -> bool:
    if option in ("mask", "initial_state"):
        return claims.takes(getattr(kind, "call", kind), option)
    if option in ("bidirectional", "merge_mode"):  # the second direction is a layer that goes backwards
        option = "go_backwards"
    return taken is None or option in taken


def _cell_has(_kind: Any, taken: sources.Taken, option: str) -> bool:
    return taken is None or option in taken or option not in CELL_OPTIONS
