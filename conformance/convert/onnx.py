"""Weights and attributes of ONNX RNN, GRU and LSTM: directions are an axis, two biases in one array.

Facts from the operators' specification (opset 22; sections RNN, GRU, LSTM). A stack is a chain of nodes, their W, R, B
one after the other; `bias` says whether the nodes have an input B, `peepholes` whether they have an input P.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.convert.cells import CellWeights, Stack, apart, joined
from conformance.convert.errors import ConvertError
from conformance.convert.traits import (
    LAYERS,
    LENGTHS_ONLY,
    ONE_BY_ONE,
    Limit,
    Option,
    Traits,
    check,
    check_shape,
    count,
    count_arrays,
)
from conformance.spec import Array

TITLE = "ONNX"

_GATES = {"simple_rnn": ("n",), "gru": ("z", "r", "n"), "lstm": ("i", "o", "f", "g")}
_DEFAULT_ACTIVATIONS = {
    "simple_rnn": ("Tanh",),
    "gru": ("Sigmoid", "Tanh"),
    "lstm": ("Sigmoid", "Tanh", "Tanh"),
}

_ACTIVATIONS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    # ours -> operator, with its alpha and beta
    "tanh": ("Tanh", ()),
    "sigmoid": ("Sigmoid", ()),
    "relu": ("Relu", ()),
    "linear": ("Affine", (1.0, 0.0)),
    "hard_sigmoid": ("HardSigmoid", (1 / 6, 0.5)),
}
_PARAMETERS: Mapping[str, tuple[float | None, ...]] = {
    # operator -> defaults of its alpha and beta; None: it must be given
    "Affine": (None, None),
    "Elu": (1.0,),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01,),
    "ScaledTanh": (None, None),
    "ThresholdedRelu": (1.0,),
}

_OPTIONS: Mapping[str, tuple[tuple[str, ...], tuple[Any, ...], Option]] = {
    # name -> the layers that have it, its values (none: checked elsewhere), its default
    "num_layers": (LAYERS, (), 1),
    "direction": (LAYERS, ("forward", "reverse", "bidirectional"), "forward"),
    "hidden_size": (LAYERS, (), 0),
    "layout": (LAYERS, (0, 1), 0),
    "bias": (LAYERS, (True, False), True),
    "activations": (LAYERS, (), ()),
    "activation_alpha": (LAYERS, (), ()),
    "activation_beta": (LAYERS, (), ()),
    "clip": (LAYERS, (), 0),
    "linear_before_reset": (("gru",), (0, 1), 0),
    "peepholes": (("lstm",), (True, False), False),
    "input_forget": (("lstm",), (0, 1), 0),
}
OF_THE_MODEL = ("num_layers", "bias", "peepholes")
"""Options that are no attributes of a node."""

_LIMITS = (
    Limit("proj_size", (0,), "proj_size={}: it has no projection of the hidden state"),
    Limit("activation", tuple(_ACTIVATIONS), "the activation {}"),
    Limit("recurrent_activation", tuple(_ACTIVATIONS), "the recurrent activation {}", layers=("lstm", "gru")),
    Limit("output_activation", tuple(_ACTIVATIONS), "the output activation {}", layers=("lstm",)),
    Limit("peepholes", (False,), "peepholes here: W, R and B do not hold them, and no other API has them"),
    ONE_BY_ONE,
    LENGTHS_ONLY,
)


def complete(layer: str, given: Mapping[str, Option]) -> dict[str, Any]:
    """All attributes; `ConvertError` for one that ONNX does not have."""
    if layer not in LAYERS:
        raise ConvertError(f"{TITLE} has no layer '{layer}'; choose one of {', '.join(LAYERS)}")
    known = {name: (values, default) for name, (layers, values, default) in _OPTIONS.items() if layer in layers}
    for name, value in given.items():
        if name not in known:
            raise ConvertError(f"{TITLE} has no option '{name}'; {layer} has {', '.join(known)}")
        if (values := known[name][0]) and value not in values:
            raise ConvertError(f"{TITLE}: {name}={value} is not valid; choose one of {', '.join(map(str, values))}")
    for name in ("num_layers", "hidden_size"):
        if name in given:
            count(name, given[name])
    if not isinstance(given.get("clip", 0), (int, float)):
        raise ConvertError(f"{TITLE}: clip={given['clip']} is not valid; it is a number")
    return {name: given.get(name, default) for name, (_, default) in known.items()}


def traits(layer: str, options: Mapping[str, Any]) -> Traits:
    """What a node with these attributes does."""
    bidirectional = options["direction"] == "bidirectional"
    named = list(_activations(layer, options))
    each = len(_DEFAULT_ACTIVATIONS[layer])
    if len(named) != each * (2 if bidirectional else 1) or named[:each] != named[-each:]:
        raise ConvertError(f"{TITLE}: activations should be {each}, the same for both directions: {', '.join(named)}")
    recurrent, activation, output = {1: ("sigmoid", *named, "tanh"), 2: (*named, "tanh"), 3: named}[each][:3]
    return Traits(
        layer,
        num_layers=options["num_layers"],
        bidirectional=bidirectional,
        backwards=options["direction"] == "reverse",
        bias=bool(options["bias"]),
        activation=activation,
        output_activation=output,
        recurrent_activation=recurrent,
        reset_after=bool(options.get("linear_before_reset", 1)),
        peepholes=bool(options.get("peepholes", False)),
        clip=float(options["clip"]),
        input_forget=bool(options.get("input_forget", 0)),
        batch_first=options["layout"] == 1,
    )


def _activations(layer: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Our names of the activations; alpha and beta are used up by those that take any, one after the other."""
    both = options["direction"] == "bidirectional"
    names = options["activations"] or _DEFAULT_ACTIVATIONS[layer] * (2 if both else 1)
    given = tuple(iter(options[name]) for name in ("activation_alpha", "activation_beta"))
    for name in names:
        defaults = _PARAMETERS.get(name, ())
        values = tuple(next(left, default) for left, default in zip(given, defaults, strict=False))
        yield _our_name(name, values)


def _our_name(name: str, values: tuple[float | None, ...]) -> str:
    """`tanh` for `Tanh`; an activation that no other API has keeps its name and parameters."""
    if None in values:
        raise ConvertError(f"{TITLE}: {name} needs activation_alpha and activation_beta")
    for ours, (operator, wanted) in _ACTIVATIONS.items():
        same = operator == name and len(values) == len(wanted)
        if same and all(math.isclose(a or 0.0, b, rel_tol=1e-6) for a, b in zip(values, wanted, strict=True)):
            return ours
    said = [f"{what}={value:g}" for what, value in zip(("alpha", "beta"), values, strict=False)]
    return f"{name}({', '.join(said)})" if said else name


def options_for(wanted: Traits) -> dict[str, Any]:
    """The attributes of nodes with these traits, time first as most runtimes want it."""
    check(TITLE, _LIMITS, wanted)
    one_way = "reverse" if wanted.backwards else "forward"
    return {
        "num_layers": wanted.num_layers,
        "direction": "bidirectional" if wanted.bidirectional else one_way,
        "layout": 0,
        "bias": wanted.bias,
        **_attributes(wanted),
        **({"clip": wanted.clip} if wanted.clip else {}),
        **({"linear_before_reset": int(wanted.reset_after)} if wanted.layer == "gru" else {}),
        **({"input_forget": int(wanted.input_forget)} if wanted.layer == "lstm" else {}),
    }


def _attributes(wanted: Traits) -> dict[str, Any]:
    ours = {
        "simple_rnn": (wanted.activation,),
        "gru": (wanted.recurrent_activation, wanted.activation),
        "lstm": (wanted.recurrent_activation, wanted.activation, wanted.output_activation),
    }[wanted.layer]
    operators = [_ACTIVATIONS[name] for name in ours] * wanted.directions
    parameters = {
        name: [values[k] for _, values in operators if values]
        for k, name in enumerate(("activation_alpha", "activation_beta"))
    }
    return {
        "activations": [operator for operator, _ in operators],
        **{name: values for name, values in parameters.items() if values},
    }


def arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of each node, but for hidden_size, which is known from the weights."""
    return {name: value for name, value in options.items() if name not in OF_THE_MODEL}


def read(options: Mapping[str, Any], given: Traits, arrays: Sequence[Array]) -> Stack:
    """The cells of W, R and B of every node; `ConvertError` if arrays do not fit."""
    each = 3 if given.bias else 2
    count_arrays(TITLE, given, len(arrays), each * given.num_layers)
    if arrays[0].ndim != 3 or arrays[1].ndim != 3:
        raise ConvertError(f"these are not the weights of an {TITLE} {given.layer}: W and R have three axes")
    features, units = arrays[0].shape[2], arrays[1].shape[2]
    if options["hidden_size"] not in (0, units):
        raise ConvertError(f"hidden_size is {options['hidden_size']}, but R is of {units} units")
    nodes = [arrays[k : k + each] for k in range(0, len(arrays), each)]
    return [_node(given, node, given.inputs(k, features, units), units, k) for k, node in enumerate(nodes)]


def _node(given: Traits, node: Sequence[Array], inputs: int, units: int, layer: int) -> list[CellWeights]:
    order, directions = _GATES[given.layer], given.directions
    rows = len(order) * units
    shapes = {"W": (directions, rows, inputs), "R": (directions, rows, units), "B": (directions, 2 * rows)}
    for (name, shape), array in zip(shapes.items(), node, strict=False):
        check_shape(f"{name} of layer {layer}", array, shape)
    kernels = [(apart(W.T, order), apart(R.T, order)) for W, R in zip(*node[:2], strict=True)]
    if not given.bias:
        return [CellWeights(*pair) for pair in kernels]
    biases = [(apart(B[:rows], order), apart(B[rows:], order)) for B in node[2]]
    return [CellWeights(*pair, *halves) for pair, halves in zip(kernels, biases, strict=True)]


def write(wanted: Traits, stack: Stack) -> list[Array]:
    """W, R and B of every node."""
    return [array for layer in stack for array in _arrays(wanted, layer)]


def _arrays(wanted: Traits, layer: Sequence[CellWeights]) -> list[Array]:
    order = _GATES[wanted.layer]
    kernels = [
        np.stack([joined(cell.kernel, order).T for cell in layer]),
        np.stack([joined(cell.recurrent_kernel, order).T for cell in layer]),
    ]
    biases = [
        np.concatenate([joined(cell.bias, order), joined(cell.recurrent_bias, order)])
        for cell in layer
        if cell.bias is not None and cell.recurrent_bias is not None
    ]
    return [*kernels, np.stack(biases)] if biases else kernels
