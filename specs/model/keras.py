"""What Keras 3 returns: SimpleRNN, GRU and LSTM, alone or in `Bidirectional`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import OPEN, sequence
from .activations import ACTIVATIONS, Activation
from .gate import GATES, Gate, Matrix, Vector
from .gru import GRU
from .lstm import LSTM
from .options import Value, agree, complete
from .sequence import Cell, Pass, Shown
from .simple_rnn import SimpleRNN

Rows = Sequence[Any]
"""Nested lists; the first axis is the batch."""

BOOL = (False, True)

STATES = {"simple_rnn": ("h",), "gru": ("h",), "lstm": ("h", "c")}

EVERY_LAYER: Mapping[str, Sequence[Value]] = {
    "dtype": ("float32", "float64", "float16", "bfloat16"),
    "bidirectional": BOOL,
    "return_sequences": BOOL,
    "return_state": BOOL,
    "go_backwards": BOOL,
    "use_bias": (True, False),
    "activation": ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid"),
    "unroll": BOOL,
    "zero_output_for_mask": BOOL,
    "mask": ("none", "right", "left", "gaps", "full_rows"),
    "initial_state": BOOL,
}
GATED: Mapping[str, Sequence[Value]] = {
    "recurrent_activation": ("sigmoid", "tanh", "relu", "linear", "hard_sigmoid"),
}
ONE_LAYER: Mapping[str, Mapping[str, Sequence[Value]]] = {
    "simple_rnn": {},
    "gru": {**GATED, "reset_after": (True, False)},
    "lstm": {**GATED, "unit_forget_bias": (True, False)},
}

MERGE: Mapping[str, Callable[[float, float], float]] = {
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2.0,
}
MERGE_MODES = ("concat", *MERGE, "None")


# ---------------------------------------------------------------- the call


def run(
    layer: str,
    options: Mapping[str, Value],
    weights: Sequence[Rows],
    x: Rows,
    mask: Sequence[Sequence[bool]] | None = None,
    initial_state: Sequence[Rows] | None = None,
    activations: Mapping[str, Activation] = ACTIVATIONS,
) -> list[tuple[str, Rows]]:
    """The outputs of a call, by name and in order.

    Args:
        layer: `simple_rnn`, `gru` or `lstm`.
        options: option name -> value; options left out have their default.
        weights: as `get_weights()` gives them; of a bidirectional layer, all forward weights, then all backward ones.
        x: (batch, timesteps, features).
        mask: (batch, timesteps), True = keep.
        initial_state: one (batch, units) per state; of a bidirectional layer, forward states, then backward ones.
        activations: what their names mean.

    Raises:
        ValueError: for anything that the layer does not take.
    """
    chosen = _complete(layer, options)
    agree("mask", chosen["mask"] != "none", mask)
    agree("initial_state", bool(chosen["initial_state"]), initial_state)
    cells = _cells(layer, chosen, weights, activations)
    call = _both_directions if chosen["bidirectional"] else _one_direction
    rows = [call(layer, chosen, cells, row) for row in _rows(x, mask, initial_state, len(cells))]
    return [(name, [row[place][1] for row in rows]) for place, (name, _) in enumerate(rows[0])]


@dataclass(frozen=True)
class Row:
    """One row of the batch: no row influences another.

    Attributes:
        x: (timesteps, features).
        keep: (timesteps,), False where the step is masked.
        initial: for each cell its initial states; None: zero.
    """

    x: Matrix
    keep: Sequence[bool]
    initial: Sequence[Sequence[Vector] | None]


def _rows(
    x: Rows, mask: Sequence[Sequence[bool]] | None, initial_state: Sequence[Rows] | None, directions: int
) -> list[Row]:
    mask = [[True for _ in steps] for steps in x] if mask is None else mask
    if [len(keep) for keep in mask] != [len(steps) for steps in x]:
        raise ValueError("the mask is not (batch, timesteps)")
    if initial_state is None:
        initials: list[Sequence[Sequence[Vector] | None]] = [[None] * directions for _ in x]
    else:
        per_direction = len(initial_state) // directions
        initials = [[states[:per_direction], states[per_direction:]] for states in zip(*initial_state, strict=True)]
    return [Row(*row) for row in zip(x, mask, initials, strict=True)]


Outputs = list[tuple[str, Any]]
"""The outputs of one row, by name and in order."""


def _one_direction(layer: str, options: Mapping[str, Value], cells: Sequence[Cell], row: Row) -> Outputs:
    done = sequence.run(cells[0], row.x, row.initial[0], row.keep, backwards=bool(options["go_backwards"]))
    zero_masked = bool(options["zero_output_for_mask"])
    output: Sequence[Shown] | Shown
    if options["return_sequences"]:
        output = _zero_where_masked(done, row.keep).shown if zero_masked else done.shown
    elif zero_masked and not row.keep[done.order[-1]]:
        output = _open_like(done.shown[-1])
    else:
        output = done.shown[-1]
    return [("output", output)] + (_states(layer, "", done) if options["return_state"] else [])


def _both_directions(layer: str, options: Mapping[str, Value], cells: Sequence[Cell], row: Row) -> Outputs:
    backwards = bool(options["go_backwards"])
    forward = sequence.run(cells[0], row.x, row.initial[0], row.keep, backwards)
    backward = sequence.run(cells[1], row.x, row.initial[1], row.keep, not backwards)
    halves = [_half(options, forward, row.keep), _half(options, backward, row.keep)]
    states = _states(layer, "forward_", forward) + _states(layer, "backward_", backward)
    return _merged(options, *halves) + (states if options["return_state"] else [])


def _half(options: Mapping[str, Value], done: Pass, keep: Sequence[bool]) -> Sequence[Shown]:
    """What one direction contributes: its steps in time order, or a single one, the last that it processed.

    That last step of the backward half belongs to the first step of the input.
    """
    if not options["return_sequences"]:
        return [done.shown[-1]]
    if options["go_backwards"]:
        return [_open_like(output) for output in done.shown]
    return _zero_where_masked(done, keep).in_time_order()


def _merged(options: Mapping[str, Value], forward: Sequence[Shown], backward: Sequence[Shown]) -> Outputs:
    def packaged(steps: Sequence[Shown]) -> Sequence[Shown] | Shown:
        return steps if options["return_sequences"] else steps[0]

    mode = str(options["merge_mode"])
    if mode == "None":
        return [("forward_output", packaged(forward)), ("backward_output", packaged(backward))]
    return [("output", packaged([_merge(mode, *pair) for pair in zip(forward, backward, strict=True)]))]


def _merge(mode: str, forward: Shown, backward: Shown) -> Shown:
    if mode == "concat":
        return [*forward, *backward]
    merge = MERGE[mode]
    return [
        OPEN if f is OPEN or b is OPEN else merge(f, b)  # an open half leaves the sum open
        for f, b in zip(forward, backward, strict=True)
    ]


def _zero_where_masked(done: Pass, keep: Sequence[bool]) -> Pass:
    shown = [output if keep[t] else [0.0 for _ in output] for t, output in zip(done.order, done.shown, strict=True)]
    return Pass(done.order, shown, done.states)


def _states(layer: str, prefix: str, done: Pass) -> Outputs:
    return [(prefix + name, list(state)) for name, state in zip(STATES[layer], done.states, strict=True)]


def _open_like(output: Shown) -> Shown:
    return [OPEN for _ in output]


# ---------------------------------------------------------------- options, states, weights


def initial_bias(layer: str, options: Mapping[str, Value], units: int) -> Rows | None:
    """What the bias of a new layer holds (before anybody sets it), or None if it has no bias."""
    chosen = _complete(layer, options)
    if not chosen["use_bias"]:
        return None
    zeros = [0.0] * (GATES[layer] * units)
    if chosen.get("reset_after"):
        return [zeros, list(zeros)]
    if chosen.get("unit_forget_bias"):
        zeros[units : 2 * units] = [1.0] * units
    return zeros


def _complete(layer: str, options: Mapping[str, Value]) -> dict[str, Value]:
    if layer not in ONE_LAYER:
        raise ValueError(f"no layer '{layer}'; choose one of {', '.join(ONE_LAYER)}")
    wrapper = {"merge_mode": MERGE_MODES} if options.get("bidirectional") is True else {}
    return complete(options, {**EVERY_LAYER, **ONE_LAYER[layer], **wrapper})


def _cells(
    layer: str, options: Mapping[str, Value], weights: Sequence[Rows], activations: Mapping[str, Activation]
) -> list[Cell]:
    """One cell, or a forward and a backward one."""
    directions = 2 if options["bidirectional"] else 1
    count = 3 if options["use_bias"] else 2
    if len(weights) != directions * count:
        raise ValueError(f"{len(weights)} weights; this layer has {directions * count}")
    return [_cell(layer, options, weights[count * d : count * (d + 1)], activations) for d in range(directions)]


def _cell(
    layer: str, options: Mapping[str, Value], weights: Sequence[Rows], activations: Mapping[str, Activation]
) -> Cell:
    gates = _gates(layer, options, weights)
    activation = activations[str(options["activation"])]
    if layer == "simple_rnn":
        return SimpleRNN(gates[0], activation)
    recurrent_activation = activations[str(options["recurrent_activation"])]
    if layer == "gru":
        z, r, n = gates
        return GRU(z, r, n, activation, recurrent_activation, reset_after=bool(options["reset_after"]))
    i, f, g, o = gates
    return LSTM(i, f, g, o, activation, recurrent_activation)


def _gates(layer: str, options: Mapping[str, Value], weights: Sequence[Rows]) -> list[Gate]:
    """The gates side by side in the columns of the kernels: z, r, n of a GRU; i, f, g, o of an LSTM."""
    kernel, recurrent_kernel, *bias = weights
    units = len(recurrent_kernel)
    b: Vector = [0.0] * (GATES[layer] * units)
    rb = b
    if bias and options.get("reset_after"):
        b, rb = bias[0]
    elif bias:
        b = bias[0]
    if {len(row) for row in (*kernel, *recurrent_kernel, b, rb)} != {GATES[layer] * units}:
        raise ValueError(f"a {layer} of {units} units has kernels and biases of {GATES[layer] * units} columns")
    blocks = [slice(k * units, (k + 1) * units) for k in range(GATES[layer])]
    return [
        Gate([row[block] for row in kernel], [row[block] for row in recurrent_kernel], b[block], rb[block])
        for block in blocks
    ]
