"""A layer of PyTorch in parts: cell by cell, layer by layer, step by step, row by row, mapped by vmap; and packed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence

if TYPE_CHECKING or __package__:
    from conformance.adapters import torch_cells
    from conformance.adapters.torch_calls import PACKED, UNPACKED, Call, Route, States, flat, handed, returned
else:
    import torch_cells
    from torch_calls import PACKED, UNPACKED, Call, Route, States, flat, handed, returned

PADDING = 0.5
"""A padding value that every type has."""

APPENDED = 3
"""Steps."""


class Taken(NamedTuple):
    """A packed sequence that was taken apart."""

    data: Any
    batch_sizes: Any
    padded: Any
    lengths: Any


# ---------------------------------------------------------------- a layer in parts


def cells(call: Call) -> Any:
    """A loop over `nn.LSTMCell`, `nn.GRUCell` or `nn.RNNCell` for every layer and direction."""
    return _loop(call, lambda cell: cell)


def _loop(call: Call, around: Callable[[Any], Any]) -> Any:
    """The loop, with each cell as `around` makes it."""
    output, finals, shape = call.x, [], [(call.output_size,), (call.module.hidden_size,)]
    for layer in range(call.module.num_layers):
        made = [around(_cell(call, "l%d%s" % (layer, suffix))) for suffix in ("", "_reverse")[: call.directions]]
        count = 2 if isinstance(call.module, call.torch.nn.LSTM) else 1
        loop = torch_cells.CellLoop(call.torch, made, call.batch_first, shape[:count])
        states = call.states_of_layer(layer)
        output, ends = loop(output, None if states is None else tuple(states))
        finals.append(flat(ends))
    return returned(output, _joined(call, finals, 0))


def _cell(call: Call, suffix: str) -> Any:
    """The cell that has the weights of one layer and direction; `suffix` as in the names of parameters."""
    torch, module = call.torch, call.module
    more = {"nonlinearity": module.nonlinearity} if isinstance(module, torch.nn.RNN) else {}
    kernel, recurrent = (getattr(module, "weight_%s_%s" % (which, suffix)) for which in ("ih", "hh"))
    units = module.hidden_size
    kind = getattr(torch.nn, type(module).__name__ + "Cell")
    cell = kind(kernel.shape[1], units, bias=module.bias, dtype=kernel.dtype, **more)
    weights = {"weight_ih": kernel, "weight_hh": torch.nn.functional.pad(recurrent, (0, units - recurrent.shape[1]))}
    if module.bias:
        weights.update({name: getattr(module, "%s_%s" % (name, suffix)) for name in ("bias_ih", "bias_hh")})
    cell.load_state_dict(weights)
    return _projected(torch, cell, getattr(module, "weight_hr_" + suffix)) if call.options.get("proj_size") else cell


def _projected(torch: Any, cell: Any, projection: Any) -> Any:
    """`nn.LSTMCell` has no `proj_size`: its hidden state is projected after a step, and filled up with zeros before."""

    class Projected(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any, states: Optional[States] = None) -> States:
            if states is not None:
                h, c = states
                states = torch.nn.functional.pad(h, (0, cell.hidden_size - h.shape[-1])), c
            h, c = cell(x, states)
            return torch.nn.functional.linear(h, projection), c

    return Projected()


def layer_by_layer(call: Call) -> Any:
    """Stacked layers as modules of one layer each."""
    module, weights = call.module, call.module.state_dict()
    output, finals = call.arguments[0], []
    for layer in range(module.num_layers):
        one = call.made(num_layers=1, input_size=call.directions * call.output_size if layer else module.input_size)
        one.load_state_dict({name: weights[name.replace("_l0", "_l%d" % layer)] for name in one.state_dict()})
        output, ends = one(*handed(output, call.states_of_layer(layer)))
        finals.append(flat(ends))
    return returned(output, _joined(call, finals, 0))


def step_by_step(call: Call) -> Any:
    """A call for every step, with the states of the one before it."""
    states: Optional[Sequence[Any]] = call.states
    outputs = []
    for step in call.x.split(1, call.time_axis):
        output, ends = call.module(*handed(step, states))
        states = flat(ends)
        outputs.append(output)
    return returned(call.torch.cat(outputs, call.time_axis), states or ())


def _joined(call: Call, finals: Sequence[States], axis: int) -> List[Any]:
    """States of parts behind each other."""
    return [call.torch.cat(state, axis) for state in zip(*finals)]


# ---------------------------------------------------------------- rows and axes


def unbatched_rows(call: Call) -> Any:
    """Every row alone, without a batch axis."""
    outputs, finals = [], []
    for number, row in enumerate(call.rows()):
        states = None if call.states is None else [state[:, number] for state in call.states]
        output, ends = call.module(*handed(row, states))
        outputs.append(output)
        finals.append(tuple(state.unsqueeze(1) for state in flat(ends)))
    return returned(call.torch.stack(outputs, call.batch_axis), _joined(call, finals, 1))


def batch_of_one(call: Call) -> Any:
    """An unbatched sequence as a batch of one."""
    axis = call.batch_axis
    states = None if call.states is None else [state.unsqueeze(1) for state in call.states]
    output, ends = call.module(*handed(call.x.unsqueeze(axis), states))
    return returned(output.squeeze(axis), [state.squeeze(1) for state in flat(ends)])


def other_layout(call: Call) -> Any:
    """A layer with the other value of `batch_first`, called with the transposed input."""
    other = call.made(batch_first=not call.batch_first)
    other.load_state_dict(call.module.state_dict())
    if call.form != "batched":  # there is no batch axis
        return call.plain(other)
    output, states = other(*handed(call.x.transpose(0, 1), call.states))
    return output.transpose(0, 1), states


# ---------------------------------------------------------------- packed sequences


def packed(call: Call, enforce_sorted: bool) -> Any:
    """A batch as packed sequences that all have full length; padded two steps further than needed."""
    utilities, steps, rows = call.torch.nn.utils.rnn, call.x.shape[call.time_axis], call.x.shape[call.batch_axis]
    sequences = utilities.pack_padded_sequence(
        call.x, call.torch.full((rows,), steps), batch_first=call.batch_first, enforce_sorted=enforce_sorted
    )
    output, states = call.module(*handed(sequences, call.states))
    padded, _ = utilities.pad_packed_sequence(output, batch_first=call.batch_first, total_length=steps + 2)
    return padded.narrow(call.time_axis, 0, steps), states


def pack_sequence(call: Call) -> Any:
    """Packed from a list of sequences of different lengths."""
    sequences = call.torch.nn.utils.rnn.pack_sequence(call.rows(), enforce_sorted=call.form == "packed")
    return call.module(*handed(sequences, call.states))


def lengths_in_list(call: Call) -> Any:
    """Packed with lengths that are a list."""
    return call._replace(lengths=call.lengths.tolist()).plain()


def batched_rows(call: Call) -> Any:
    """Every packed row alone, as a batch of one without its padding."""
    outputs, finals, axis = [], [], call.batch_axis
    for number, row in enumerate(call.rows()):
        states = None if call.states is None else [state.narrow(1, number, 1) for state in call.states]
        output, ends = call.module(*handed(row.unsqueeze(axis), states))
        outputs.append(output.squeeze(axis))
        finals.append(flat(ends))
    sequences = call.torch.nn.utils.rnn.pack_sequence(outputs, enforce_sorted=call.form == "packed")
    return returned(sequences, _joined(call, finals, 1))


def sorted_by_hand(call: Call) -> Any:
    """Unsorted rows brought into order before they are packed, and back afterwards."""
    utilities, order = call.torch.nn.utils.rnn, call.torch.argsort(call.lengths, descending=True)
    back, rows = call.torch.argsort(order), call.rows()
    states = None if call.states is None else [state[:, order] for state in call.states]
    output, ends = call.module(*handed(utilities.pack_sequence([rows[row] for row in order]), states))
    outputs = utilities.unpack_sequence(output)
    sequences = utilities.pack_sequence([outputs[row] for row in back], enforce_sorted=False)
    return returned(sequences, [state[:, back] for state in flat(ends)])


def total_length(call: Call) -> Any:
    """Padded to a total length of more steps with a value of its own: the shorter one, with padding appended.

    What stands at padding is compared with that value by taking it away, and what was appended is added up; so this is
    what a plain call gives, padded as usual, if all of it is that value.
    """
    output, states = call.plain()
    padded, lengths = call.torch.nn.utils.rnn.pad_packed_sequence(
        output, batch_first=call.batch_first, padding_value=PADDING, total_length=int(call.lengths.max()) + APPENDED
    )
    steps = call.torch.arange(padded.shape[call.time_axis])
    beyond = steps >= lengths[:, None] if call.batch_first else steps[:, None] >= lengths
    padded = call.torch.where(beyond.unsqueeze(-1), padded - PADDING, padded)
    shorter, appended = padded.split([len(steps) - APPENDED, APPENDED], call.time_axis)
    padded = shorter + appended.sum(call.time_axis, keepdim=True)
    return Taken(output.data, output.batch_sizes, padded, lengths), states


# ---------------------------------------------------------------- torch.func.vmap


def mapped(call: Call) -> Any:
    """`torch.func.vmap` over the rows of a batch, as unbatched sequences."""
    in_dims = handed(call.batch_axis, None if call.states is None else [1] * len(call.states))
    out_dims = returned(call.batch_axis, [1] * (2 if isinstance(call.module, call.torch.nn.LSTM) else 1))
    return call.torch.func.vmap(call.module, in_dims, out_dims)(*call.arguments)


def mapped_cells(call: Call) -> Any:
    """The loop over cells, each of them mapped over the rows of a batch by `torch.func.vmap`."""

    class Mapped(call.torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, cell: Any) -> None:
            super().__init__()
            self.cell = cell

        def forward(self, *arguments: Any) -> Any:
            return call.torch.func.vmap(self.cell)(*arguments)

    return _loop(call, Mapped)


def ensemble(call: Call) -> Any:
    """The first of two modules that are called at once: `torch.func.vmap` over their stacked parameters.

    These are put into a third, as PyTorch's tutorial does it: `functional_call` leaves traces in the module.
    """
    func, base = call.torch.func, call.made()
    parameters, _ = func.stack_module_state([call.module, call.made()])
    output, states = func.vmap(lambda own: func.functional_call(base, own, call.arguments))(parameters)
    return returned(output[0], [state[0] for state in flat(states)])


# ---------------------------------------------------------------- all of them

ROUTES: Dict[str, Route] = {
    "cells": Route(cells, {"input": UNPACKED}),
    "layer_by_layer": Route(layer_by_layer, {"num_layers": [2, 3]}),
    "step_by_step": Route(step_by_step, {"input": UNPACKED, "bidirectional": [False]}),
    "unbatched_rows": Route(unbatched_rows, {"input": ["batched"]}),
    "batch_of_one": Route(batch_of_one, {"input": ["unbatched"]}),
    "other_layout": Route(other_layout),
    "packed": Route(functools.partial(packed, enforce_sorted=True), {"input": ["batched"]}),
    "packed_unsorted": Route(functools.partial(packed, enforce_sorted=False), {"input": ["batched"]}),
    "pack_sequence": Route(pack_sequence, {"input": PACKED}),
    "lengths_in_list": Route(lengths_in_list, {"input": PACKED}),
    "batched_rows": Route(batched_rows, {"input": PACKED}),
    "sorted_by_hand": Route(sorted_by_hand, {"input": ["packed_unsorted"]}),
    "total_length": Route(total_length, {"input": PACKED}),
    "vmap": Route(mapped, {"input": ["batched"]}, since=(2, 0)),
    "vmap_cells": Route(mapped_cells, {"input": ["batched"]}, since=(2, 0)),
    "vmap_ensemble": Route(ensemble, {"input": UNPACKED}, since=(2, 0)),
}
