"""Weights and options of PyTorch: kernels act from the left, two biases, a projection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from conformance.convert.cells import CellWeights, Stack, apart, joined
from conformance.convert.errors import ConvertError
from conformance.convert.traits import LENGTHS_ONLY, ONE_BY_ONE, Limit, Option, Traits, check, completed, named_arrays
from conformance.spec import Array, Value, load_dialect

TITLE = load_dialect("torch").title

_GATED = ("lstm", "gru")
_LIMITS = (
    Limit("reset_after", (True,), "reset_after={}: its GRU resets after the recurrent product"),
    Limit("activation", ("tanh",), "the activation {}: its LSTM and GRU have tanh", layers=_GATED),
    Limit("activation", ("tanh", "relu"), "the activation {}: its RNN has tanh or relu", layers=("simple_rnn",)),
    Limit("output_activation", ("tanh",), "the output activation {}: its LSTM has tanh", layers=("lstm",)),
    Limit("recurrent_activation", ("sigmoid",), "the recurrent activation {}: it has sigmoid", layers=_GATED),
    Limit("peepholes", (False,), "peepholes: its gates do not see the cell state"),
    Limit("clip", (0,), "clip={}: it does not clamp the inputs of activations"),
    Limit("input_forget", (False,), "input_forget: it does not couple the input and forget gates"),
    ONE_BY_ONE,
    LENGTHS_ONLY,
    Limit("merged_stack", (False,), "a stack whose halves are not concatenated between the layers"),
)


def complete(layer: str, given: Mapping[str, Option]) -> dict[str, Value]:
    """All options; `ConvertError` for one that PyTorch does not have."""
    return completed("torch", layer, given)


def traits(layer: str, options: Mapping[str, Value]) -> Traits:
    """What a layer with these options does."""
    return Traits(
        layer,
        num_layers=int(options["num_layers"]),
        bidirectional=options["bidirectional"] is True,
        bias=options["bias"] is True,
        activation=str(options.get("nonlinearity", "tanh")),
        proj_size=int(options.get("proj_size", 0)),
        batch_first=options["batch_first"] is True,
    )


def options_for(wanted: Traits) -> dict[str, Value]:
    """The options of a layer with these traits."""
    check(TITLE, _LIMITS, wanted)
    return {
        "num_layers": wanted.num_layers,
        "bidirectional": wanted.bidirectional,
        "batch_first": wanted.batch_first,
        "bias": wanted.bias,
        **({"nonlinearity": wanted.activation} if wanted.layer == "simple_rnn" else {}),
        **({"proj_size": wanted.proj_size} if wanted.layer == "lstm" else {}),
    }


def arguments(options: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of the layer's constructor."""
    return dict(options)


def read(options: Mapping[str, Value], given: Traits, arrays: Sequence[Array]) -> Stack:
    """The cells of `parameters()`; `ConvertError` if arrays do not fit."""
    gates = len(_order(given.layer))
    if len(arrays) < 2 or arrays[0].ndim != 2 or arrays[1].ndim != 2 or arrays[1].shape[0] % gates:
        raise ConvertError(f"these are not the parameters of a {TITLE} {given.layer}: they begin with two matrices")
    features, units = arrays[0].shape[1], arrays[1].shape[0] // gates
    roles: dict[tuple[int, int], dict[str, Array]] = defaultdict(dict)
    for contract, array in named_arrays("torch", options, given, arrays, features, units):
        roles[contract.layer, contract.direction][contract.role] = array.T
    return [
        [_cell(given.layer, roles[layer, direction]) for direction in range(given.directions)]
        for layer in range(given.num_layers)
    ]


def write(wanted: Traits, stack: Stack) -> list[Array]:
    """The parameters, in the order of `parameters()`."""
    return [array for layer in stack for cell in layer for array in _arrays(wanted, cell)]


def _cell(layer: str, roles: Mapping[str, Array]) -> CellWeights:
    gates = {role: apart(array, _order(layer)) for role, array in roles.items() if role != "projection"}
    return CellWeights(**gates, projection=roles.get("projection"))


def _arrays(wanted: Traits, cell: CellWeights) -> list[Array]:
    order = _order(wanted.layer)
    gated = (cell.kernel, cell.recurrent_kernel, cell.bias, cell.recurrent_bias)
    arrays = [joined(gates, order).T for gates in gated if gates is not None]
    return arrays if cell.projection is None else [*arrays, cell.projection.T]


def _order(layer: str) -> tuple[str, ...]:
    return load_dialect("torch").layers[layer].blocks
