"""What PyTorch's RNN, GRU and LSTM return: stacked layers, directions, layouts, packed sequences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from . import sequence
from .activations import ACTIVATIONS, sigmoid
from .gate import GATES, Gate, Matrix, Vector
from .gru import GRU
from .lstm import LSTM
from .options import Value, agree, complete
from .sequence import Cell
from .simple_rnn import SimpleRNN

Rows = Sequence[Any]
"""Nested lists."""

BOOL = (False, True)

STATES = {"simple_rnn": ("h_n",), "gru": ("h_n",), "lstm": ("h_n", "c_n")}
PACKED = ("packed", "packed_unsorted")

EVERY_LAYER: Mapping[str, Sequence[Value]] = {
    "dtype": ("float32", "float64", "float16", "bfloat16"),
    "num_layers": (1, 2, 3),
    "bidirectional": BOOL,
    "batch_first": BOOL,
    "bias": (True, False),
    "input": ("batched", "unbatched", *PACKED),
    "hx": BOOL,
}
ONE_LAYER: Mapping[str, Mapping[str, Sequence[Value]]] = {
    "simple_rnn": {"nonlinearity": ("tanh", "relu")},
    "gru": {},
    "lstm": {"proj_size": (0, 1, 2, 3)},
}


# ---------------------------------------------------------------- the call


def run(
    layer: str,
    options: Mapping[str, Value],
    weights: Sequence[Rows],
    x: Rows,
    lengths: Sequence[int] | None = None,
    initial_state: Sequence[Rows] | None = None,
) -> list[tuple[str, Rows]]:
    """The outputs of a call, by name and in order.

    Args:
        layer: `simple_rnn`, `gru` or `lstm`.
        options: option name -> value; options left out have their default.
        weights: in the order of `parameters()`.
        x: (timesteps, batch, features), (batch, timesteps, features) or (timesteps, features), as the options say;
            the padded form of a packed sequence.
        lengths: the length of every sequence, if the input is packed.
        initial_state: [h_0], or [h_0, c_0] for an LSTM, shaped as h_n and c_n.

    Raises:
        ValueError: for anything that the layer does not take.
    """
    chosen = _complete(layer, options)
    agree("hx", bool(chosen["hx"]), initial_state)
    agree("lengths", chosen["input"] in PACKED, lengths)
    stack = _stack(layer, chosen, weights)
    rows = _cut(_rows_from(chosen, x), lengths, chosen["input"] == "packed")
    outputs, finals = [], []
    for row, steps in enumerate(rows):
        output, final = _through_the_stack(stack, steps, _initial(chosen, initial_state, row))
        outputs.append(output)
        finals.append(final)
    return _output(chosen, outputs) + _final_states(layer, chosen, finals)


States = Sequence[Vector]
"""The states of one cell: [h], or [h, c]."""


def _through_the_stack(
    stack: Sequence[Sequence[Cell]], x: Matrix, initial: Sequence[States | None] | None
) -> tuple[Matrix, list[States]]:
    """The top layer's output at every step, and the final states of every layer and direction."""
    final: list[States] = []
    for cells in stack:
        halves = []
        for direction, cell in enumerate(cells):
            states = None if initial is None else initial[len(final)]
            done = sequence.run(cell, x, states, [True] * len(x), backwards=direction == 1)
            halves.append(done.in_time_order())
            final.append(done.states)
        x = [[value for half in step for value in half] for step in zip(*halves, strict=True)]
    return x, final


# ---------------------------------------------------------------- layouts


def _rows_from(options: Mapping[str, Value], x: Rows) -> list[Matrix]:
    """The sequences, each (timesteps, features)."""
    if options["input"] == "unbatched":
        return [x]
    return list(x) if options["batch_first"] else _swapped(x)


def _swapped(x: Rows) -> list[Any]:
    """The first two axes exchanged."""
    return [list(column) for column in zip(*x, strict=True)]


def _cut(rows: Sequence[Matrix], lengths: Sequence[int] | None, descending: bool) -> Sequence[Matrix]:
    """Every sequence without its padding."""
    if lengths is None:
        return rows
    if not all(1 <= length <= len(row) for row, length in zip(rows, lengths, strict=True)):
        raise ValueError(f"lengths {list(lengths)}; each must be from 1 to {len(rows[0])}")
    if descending and list(lengths) != sorted(lengths, reverse=True):
        raise ValueError(f"lengths {list(lengths)} are not sorted, longest first")
    return [row[:length] for row, length in zip(rows, lengths, strict=True)]


def _output(options: Mapping[str, Value], rows: Sequence[Matrix]) -> list[tuple[str, Rows]]:
    if options["input"] == "unbatched":
        return [("output", rows[0])]
    if options["input"] == "batched":
        return [("output", rows if options["batch_first"] else _swapped(rows))]
    lengths = [len(row) for row in rows]
    longest = max(lengths)
    zeros = [0.0] * len(rows[0][0])
    padded = [[*row, *[zeros] * (longest - len(row))] for row in rows]
    return [
        ("output.batch_sizes", [sum(length > t for length in lengths) for t in range(longest)]),
        ("output.padded", padded if options["batch_first"] else _swapped(padded)),
        ("output.lengths", lengths),
    ]


def _initial(options: Mapping[str, Value], initial_state: Sequence[Rows] | None, row: int) -> list[States] | None:
    """The initial states of one sequence, for every layer and direction; None: zero."""
    if initial_state is None:
        return None
    if options["input"] != "unbatched":
        initial_state = [[cell[row] for cell in state] for state in initial_state]
    return [list(states) for states in zip(*initial_state, strict=True)]


def _final_states(layer: str, options: Mapping[str, Value], rows: Sequence[Sequence[States]]) -> list[tuple[str, Rows]]:
    """h_n (and c_n): layer 0 forward, layer 0 backward, layer 1 forward and so on; the batch is the second axis."""
    batched = options["input"] != "unbatched"
    final: list[tuple[str, Rows]] = []
    for place, name in enumerate(STATES[layer]):
        cells = [[states[cell][place] for states in rows] for cell in range(len(rows[0]))]
        final.append((name, cells if batched else [cell[0] for cell in cells]))
    return final


# ---------------------------------------------------------------- options and weights


def _complete(layer: str, options: Mapping[str, Value]) -> dict[str, Value]:
    if layer not in ONE_LAYER:
        raise ValueError(f"no layer '{layer}'; choose one of {', '.join(ONE_LAYER)}")
    return complete(options, {**EVERY_LAYER, **ONE_LAYER[layer]})


def _stack(layer: str, options: Mapping[str, Value], weights: Sequence[Rows]) -> list[list[Cell]]:
    """The cells, layer by layer: a forward one and perhaps a backward one."""
    directions = 2 if options["bidirectional"] else 1
    layers = int(options["num_layers"])
    count = 2 + (2 if options["bias"] else 0) + (1 if options.get("proj_size") else 0)
    if len(weights) != layers * directions * count:
        raise ValueError(f"{len(weights)} weights; this layer has {layers * directions * count}")
    cells = [_cell(layer, options, weights[start : start + count]) for start in range(0, len(weights), count)]
    return [cells[n * directions : (n + 1) * directions] for n in range(layers)]


def _cell(layer: str, options: Mapping[str, Value], weights: Sequence[Rows]) -> Cell:
    projection = weights[-1] if options.get("proj_size") else None
    gates = _gates(layer, options, weights)
    if layer == "simple_rnn":
        return SimpleRNN(gates[0], ACTIVATIONS[str(options["nonlinearity"])])
    if layer == "gru":
        r, z, n = gates
        return GRU(z, r, n, math.tanh, sigmoid, reset_after=True)
    i, f, g, o = gates
    return LSTM(i, f, g, o, math.tanh, sigmoid, projection)


def _gates(layer: str, options: Mapping[str, Value], weights: Sequence[Rows]) -> list[Gate]:
    """The gates above one another in the rows of the weights: r, z, n of a GRU; i, f, g, o of an LSTM."""
    weight_ih, weight_hh, *rest = weights
    units = len(weight_ih) // GATES[layer]
    zeros = [0.0] * len(weight_ih)
    b, rb = rest[:2] if options["bias"] else (zeros, zeros)
    if {len(weight_ih), len(weight_hh), len(b), len(rb)} != {GATES[layer] * units}:
        raise ValueError(f"a {layer} of {units} hidden units has weights of {GATES[layer] * units} rows")
    blocks = [slice(k * units, (k + 1) * units) for k in range(GATES[layer])]
    return [Gate(_swapped(weight_ih[block]), _swapped(weight_hh[block]), b[block], rb[block]) for block in blocks]
