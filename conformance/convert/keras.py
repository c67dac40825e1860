"""Weights and options of Keras: kernels act from the right, one bias, both of them only in a GRU that resets after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from conformance.convert.cells import CellWeights, Gates, Stack, apart, joined, merged, no_bias
from conformance.convert.errors import ConvertError
from conformance.convert.traits import Limit, Option, Traits, check, completed, named_arrays
from conformance.spec import Array, Value, load_dialect

TITLE = load_dialect("keras").title
EXTRA = ("num_layers",)
OF_THE_MODEL = ("num_layers", "bidirectional", "merge_mode")
"""Options that are no arguments of the layer's constructor."""

_LIMITS = (
    Limit("proj_size", (0,), "proj_size={}: it has no projection of the hidden state"),
    Limit("peepholes", (False,), "peepholes: its gates do not see the cell state"),
    Limit("clip", (0,), "clip={}: it does not clamp the inputs of activations"),
    Limit("input_forget", (False,), "input_forget: it does not couple the input and forget gates"),
    Limit("activation", load_dialect("keras").options["activation"].values, "the activation {}"),
    Limit(
        "recurrent_activation",
        load_dialect("keras").options["recurrent_activation"].values,
        "the recurrent activation {}",
        layers=("lstm", "gru"),
    ),
    Limit("one_activation", (True,), "different activations of the candidate and of the cell state"),
)


def complete(layer: str, given: Mapping[str, Option]) -> dict[str, Value]:
    """All options; `ConvertError` for one that Keras does not have."""
    return completed("keras", layer, given, EXTRA)


def traits(layer: str, options: Mapping[str, Value]) -> Traits:
    """What a layer with these options does."""
    activation = str(options["activation"])
    return Traits(
        layer,
        num_layers=int(options["num_layers"]),
        bidirectional=options["bidirectional"] is True,
        backwards=options["go_backwards"] is True,
        bias=options["use_bias"] is True,
        activation=activation,
        output_activation=activation,
        recurrent_activation=str(options.get("recurrent_activation", "sigmoid")),
        reset_after=options.get("reset_after", True) is True,
        merge_mode=str(options.get("merge_mode", "concat")),
        mask=str(options["mask"]),
    )


def options_for(wanted: Traits) -> dict[str, Value]:
    """The options of a layer with these traits, one that shows all that other APIs show."""
    check(TITLE, _LIMITS, wanted)
    gated: dict[str, Value] = {"recurrent_activation": wanted.recurrent_activation}
    return {
        "num_layers": wanted.num_layers,
        "bidirectional": wanted.bidirectional,
        **({"merge_mode": wanted.merge_mode} if wanted.bidirectional else {}),
        "return_sequences": True,
        "return_state": True,
        "go_backwards": wanted.backwards,
        "use_bias": wanted.bias,
        "activation": wanted.activation,
        **({} if wanted.layer == "simple_rnn" else gated),
        **({"reset_after": wanted.reset_after} if wanted.layer == "gru" else {}),
    }


def arguments(options: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of the layer's constructor."""
    return {name: value for name, value in options.items() if name not in OF_THE_MODEL}


def read(options: Mapping[str, Value], given: Traits, arrays: Sequence[Array]) -> Stack:
    """The cells of `get_weights()`, of the layers one after the other; `ConvertError` if arrays do not fit."""
    if len(arrays) < 2 or arrays[0].ndim != 2 or arrays[1].ndim != 2:
        raise ConvertError(f"these are not the weights of a {TITLE} {given.layer}: they begin with two matrices")
    roles: dict[tuple[int, int], dict[str, Array]] = defaultdict(dict)
    for contract, array in named_arrays("keras", options, given, arrays, arrays[0].shape[0], arrays[1].shape[0]):
        roles[contract.layer, contract.direction][contract.role] = array
    return [
        [_cell(given.layer, roles[layer, direction]) for direction in range(given.directions)]
        for layer in range(given.num_layers)
    ]


def write(wanted: Traits, stack: Stack) -> list[Array]:
    """What `set_weights()` takes."""
    return [array for layer in stack for cell in layer for array in _arrays(wanted, cell)]


def _cell(layer: str, roles: Mapping[str, Array]) -> CellWeights:
    order = _order(layer)
    kernel, recurrent_kernel = apart(roles["kernel"], order), apart(roles["recurrent_kernel"], order)
    if "bias" not in roles:
        return CellWeights(kernel, recurrent_kernel)
    bias = roles["bias"]
    if bias.ndim == 2:
        return CellWeights(kernel, recurrent_kernel, apart(bias[0], order), apart(bias[1], order))
    one = apart(bias, order)
    return CellWeights(kernel, recurrent_kernel, one, no_bias(one))


def _arrays(wanted: Traits, cell: CellWeights) -> list[Array]:
    order = _order(wanted.layer)
    kernels = [joined(cell.kernel, order), joined(cell.recurrent_kernel, order)]
    if cell.bias is None or cell.recurrent_bias is None:
        return kernels
    return [*kernels, _bias(wanted, cell.bias, cell.recurrent_bias)]


def _bias(wanted: Traits, bias: Gates, recurrent_bias: Gates) -> Array:
    order = _order(wanted.layer)
    if wanted.layer == "gru" and wanted.reset_after:
        return np.stack([joined(bias, order), joined(recurrent_bias, order)])
    return joined(merged(bias, recurrent_bias), order)


def _order(layer: str) -> tuple[str, ...]:
    return load_dialect("keras").layers[layer].blocks
