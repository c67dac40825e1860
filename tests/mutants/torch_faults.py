"""Faults in what a PyTorch module does around its cells: stacks, layouts, packed sequences, arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy_layers import Packed, fault
from planting import Array, TorchCell, TorchDialect, TorchLayer, every_result, instead_of

# ---------------------------------------------------------------- initial and final states


@fault
def hx_ignored(_dialect: Any) -> None:
    instead_of(TorchLayer, "initial")(
        lambda honest, _l, inputs, batch: honest(inputs._replace(initial_state=None), batch)
    )


@fault
def hx_ignored_backward(_dialect: Any) -> None:
    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, *args: Any) -> Any:
        found = honest(*args)
        if not layer.options["bidirectional"]:
            return found
        return [[0 * state for state in states] if i % 2 else states for i, states in enumerate(found)]


@fault
def hx_h_and_c_exchanged(_dialect: Any) -> None:
    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, *args: Any) -> Any:
        plain = layer.layer == "lstm" and not layer.options["proj_size"]
        return [states[::-1] if plain else states for states in honest(*args)]


@fault
def hx_of_directions_exchanged(_dialect: Any) -> None:
    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, *args: Any) -> Any:
        found = honest(*args)
        return [found[i ^ 1] for i in range(len(found))] if layer.options["bidirectional"] else found


@fault
def hx_only_of_the_first_layer(_dialect: Any) -> None:
    """Only with three layers in both directions."""

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, *args: Any) -> Any:
        found = honest(*args)
        if layer.options["num_layers"] != 3 or not layer.options["bidirectional"]:
            return found
        return [[0 * state for state in states] if i >= 2 else states for i, states in enumerate(found)]


def _finals(change: Any) -> None:
    """Let h_n and c_n be `change(layer, state)`."""

    @instead_of(TorchLayer, "packaged")
    def packaged(honest: Any, layer: Any, output: Array, lengths: Array, finals: list[Array]) -> Any:
        return honest(output, lengths, [change(layer, final) for final in finals])


@fault
def h_n_by_direction(_dialect: Any) -> None:
    """First all forward states, then all backward ones."""

    def change(layer: Any, final: Array) -> Array:
        count = 2 if layer.options["bidirectional"] else 1
        return np.concatenate([final[direction::count] for direction in range(count)])

    _finals(change)


@fault
def h_n_highest_layer_first(_dialect: Any) -> None:
    def change(layer: Any, final: Array) -> Array:
        count = 2 if layer.options["bidirectional"] else 1
        return np.concatenate([final[i : i + count] for i in range(0, len(final), count)][::-1])

    _finals(change)


@fault
def h_n_batch_first(_dialect: Any) -> None:
    """`batch_first` is applied to the states too."""

    def change(layer: Any, final: Array) -> Array:
        turned = layer.options["batch_first"] and layer.options["input"] != "unbatched"
        return final.swapaxes(0, 1) if turned else final

    _finals(change)


@fault
def h_n_of_the_last_layer_only(_dialect: Any) -> None:
    _finals(lambda layer, final: final[-2 if layer.options["bidirectional"] else -1 :])


@fault
def h_n_and_c_n_exchanged(_dialect: Any) -> None:
    def change(layer: Any, result: Any) -> Any:
        return (result[0], result[1][::-1]) if layer.layer == "lstm" else result

    every_result(_dialect, change)


@fault
def states_flat(_dialect: Any) -> None:
    """(output, h_n, c_n) as Keras has it."""
    every_result(_dialect, lambda layer, result: (result[0], *result[1]) if layer.layer == "lstm" else result)


@fault
def gru_state_in_a_tuple(_dialect: Any) -> None:
    every_result(_dialect, lambda layer, result: (result[0], (result[1],)) if layer.layer == "gru" else result)


# ---------------------------------------------------------------- stacks and projections


@fault
def upper_layers_read_forward_twice(_dialect: Any) -> None:
    """What upper layers read; what the top layer gives is right."""

    @instead_of(TorchLayer, "run")
    def run(honest: Any, layer: Any, cell: TorchCell, x: Array, *args: Any, **kwargs: Any) -> Any:
        if layer.options["bidirectional"] and any(cell in cells for cells in layer.stack[1:]):
            half = x.shape[2] // 2
            x = np.concatenate([x[..., :half], x[..., :half]], axis=2)
        return honest(cell, x, *args, **kwargs)


@fault
def backward_of_upper_layers_reads_forward(_dialect: Any) -> None:
    """Only from the third layer on: its second direction reads in time order."""

    @instead_of(TorchLayer, "run")
    def run(honest: Any, layer: Any, cell: TorchCell, x: Array, lengths: Array, states: Any, *, reverse: bool) -> Any:
        third = len(layer.stack) == 3 and cell in layer.stack[2]
        return honest(cell, x, lengths, states, reverse=reverse and not third)


@fault
def projection_missing_in_h_n(_dialect: Any) -> None:
    """h_n holds the state before it is projected."""

    def change(layer: Any, result: Any) -> Any:
        if not layer.options.get("proj_size"):
            return result
        output, (_, c_n) = result
        return output, (np.tanh(c_n), c_n)

    every_result(_dialect, change)


@fault
def projection_doubled(_dialect: Any) -> None:
    """Projections to one number are scaled."""

    @instead_of(TorchCell, "step_lstm")
    def step(honest: Any, cell: Any, *args: Any) -> Any:
        h, c = honest(*args)
        return [2 * h if cell.projected == 1 and cell.units > 1 else h, c]


# ---------------------------------------------------------------- directions and packed sequences


@fault
def torch_backward_not_realigned(_dialect: Any) -> None:
    @instead_of(TorchLayer, "run")
    def run(honest: Any, layer: Any, cell: Any, x: Array, lengths: Array, states: Any, *, reverse: bool) -> Any:
        outputs, final = honest(cell, x, lengths, states, reverse=reverse)
        return (outputs[::-1] if reverse else outputs), final


@fault
def packed_states_run_on(_dialect: Any) -> None:
    """States go on through the padding, which is shown as zeros all the same."""
    _lengths_seen(lambda _reverse: True, zero=True)


@fault
def packed_backward_starts_in_the_padding(_dialect: Any) -> None:
    _lengths_seen(lambda reverse: reverse, zero=True)


@fault
def padding_is_not_zero(_dialect: Any) -> None:
    """The lengths are ignored altogether."""
    _lengths_seen(lambda _reverse: True, zero=False)


def _lengths_seen(ignored: Any, *, zero: bool) -> None:
    @instead_of(TorchLayer, "run")
    def run(honest: Any, _layer: Any, cell: Any, x: Array, lengths: Array, states: Any, *, reverse: bool) -> Any:
        if not ignored(reverse):
            return honest(cell, x, lengths, states, reverse=reverse)
        outputs, final = honest(cell, x, np.full_like(lengths, x.shape[0]), states, reverse=reverse)
        valid = (np.arange(x.shape[0])[:, None] < lengths)[..., None]
        return (np.where(valid, outputs, 0) if zero else outputs), final


@fault
def h_n_in_packing_order(_dialect: Any) -> None:
    """The final states of unsorted packed sequences are left in the order of the lengths."""

    @instead_of(TorchLayer, "packaged")
    def packaged(honest: Any, _layer: Any, output: Array, lengths: Array, finals: list[Array]) -> Any:
        order = np.argsort(-lengths, kind="stable")
        return honest(output, lengths, [final[:, order] for final in finals])


@fault
def packed_lengths_sorted(_dialect: Any) -> None:
    """The lengths of the packed output come longest first."""

    def change(_layer: Any, result: Any) -> Any:
        if isinstance(result[0], Packed):
            result[0].lengths = np.sort(result[0].lengths)[::-1].copy()
        return result

    every_result(_dialect, change)


@fault
def unbatched_has_a_batch_axis(_dialect: Any) -> None:
    def change(layer: Any, result: Any) -> Any:
        output, states = result
        return (output[:, None], states) if layer.options["input"] == "unbatched" else result

    every_result(_dialect, change)


@fault
def batch_first_ignored(_dialect: Any) -> None:
    """In what comes back."""

    def change(layer: Any, result: Any) -> Any:
        turned = layer.options["batch_first"] and layer.options["input"] == "batched"
        return (np.ascontiguousarray(result[0].swapaxes(0, 1)), result[1]) if turned else result

    every_result(_dialect, change)


# ---------------------------------------------------------------- arguments


@fault
def accepts_unsorted_lengths(_dialect: Any) -> None:
    @instead_of(TorchLayer, "time_first")
    def time_first(honest: Any, layer: Any, inputs: Any) -> Any:
        if layer.options["input"] == "packed":
            layer.options = {**layer.options, "input": "packed_unsorted"}
        return honest(inputs)


@fault
def broadcasts_states(_dialect: Any) -> None:
    """Initial states of another batch size are cut or repeated."""

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, inputs: Any, batch: int) -> Any:
        given = inputs.initial_state
        if given is not None and given[0].ndim == 3 and given[0].shape[1] != batch:
            given = [state[:, :batch] for state in given]
        return honest(inputs._replace(initial_state=given), batch)


@fault
def dropout_is_not_checked(_dialect: Any) -> None:
    @instead_of(TorchDialect, "construct")
    def construct(honest: Any, _dialect: Any, layer: str, options: Any, sizes: Any, arguments: dict[str, Any]) -> Any:
        return honest(layer, options, sizes, {key: value for key, value in arguments.items() if key != "dropout"})


@fault
def accepts_negative_hidden_size(_dialect: Any) -> None:
    @instead_of(TorchDialect, "construct")
    def construct(honest: Any, _dialect: Any, layer: str, options: Any, sizes: Any, arguments: dict[str, Any]) -> Any:
        size = arguments.get("hidden_size")
        negative = type(size) is int and size < 0
        return honest(layer, options, sizes, arguments | ({"hidden_size": -size} if negative else {}))


@fault
def rejects_relu_without_bias(_dialect: Any) -> None:
    @instead_of(TorchLayer, "__init__")
    def init(honest: Any, layer: Any, name: str, options: dict[str, Any], sizes: Any) -> None:
        if options.get("nonlinearity") == "relu" and not options["bias"]:
            raise ValueError("relu needs a bias")
        honest(name, options, sizes)
