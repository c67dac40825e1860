"""Faults in what a Keras layer does around its cell: masks, directions, merging, packaging, arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy_layers import fault
from planting import Array, KerasDialect, KerasDirection, KerasLayer, every_result, instead_of, mapped

# ---------------------------------------------------------------- initial states


def _given_states(change: Any) -> None:
    """Let calls see `change(layer, initial_states)`."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        given = inputs.initial_state
        return honest(x, inputs if given is None else inputs._replace(initial_state=change(layer, given)))


@fault
def states_ignored(_dialect: Any) -> None:
    _given_states(lambda _layer, _given: None)


@fault
def states_h_and_c_exchanged(_dialect: Any) -> None:
    _given_states(lambda layer, given: [given[i ^ 1] for i in range(len(given))] if _is_lstm(layer) else given)


@fault
def states_of_directions_exchanged(_dialect: Any) -> None:
    def change(layer: Any, given: list[Array]) -> list[Array]:
        half = len(given) // 2
        return given[half:] + given[:half] if layer.bidirectional else given

    _given_states(change)


@fault
def states_of_forward_used_twice(_dialect: Any) -> None:
    _given_states(lambda layer, given: 2 * given[: len(given) // 2] if layer.bidirectional else given)


@fault
def states_ignored_backward(_dialect: Any) -> None:
    def change(layer: Any, given: list[Array]) -> list[Array]:
        half = len(given) // 2
        return given[:half] + [0 * state for state in given[half:]] if layer.bidirectional else given

    _given_states(change)


@fault
def states_ignored_with_batch_one(_dialect: Any) -> None:
    _given_states(lambda _layer, given: given if given[0].shape[0] > 1 else None)


def _is_lstm(layer: Any) -> bool:
    return layer.directions[0].cell.layer == "lstm"


# ---------------------------------------------------------------- directions


@fault
def backward_not_realigned(_dialect: Any) -> None:
    instead_of(KerasLayer, "aligned")(lambda _honest, _layer, runs: runs)


@fault
def backward_at_last_step(_dialect: Any) -> None:
    """Without `return_sequences`, the last step of the sequence that is in time order."""

    @instead_of(KerasLayer, "aligned")
    def aligned(_honest: Any, _layer: Any, runs: Any) -> Any:
        first, (sequence, states) = runs
        return [first, (sequence[:, ::-1], states)]


@fault
def go_backwards_ignored(_dialect: Any) -> None:
    """In layers of one direction."""

    @instead_of(KerasLayer, "__init__")
    def init(honest: Any, layer: Any, name: str, options: dict[str, Any], sizes: Any) -> None:
        honest(name, {**options, "go_backwards": False} if not options["bidirectional"] else options, sizes)


@fault
def go_backwards_realigned(_dialect: Any) -> None:
    """The sequence comes back in time order."""

    @instead_of(KerasLayer, "seen")
    def seen(honest: Any, layer: Any, outputs: Array) -> Array:
        turned = layer.options["go_backwards"] and layer.options["return_sequences"] and not layer.bidirectional
        return honest(outputs[:, ::-1] if turned else outputs)


# ---------------------------------------------------------------- merging


def _merge_mode(wrong: dict[str, Any]) -> None:
    @instead_of(KerasLayer, "merged")
    def merged(honest: Any, layer: Any, a: Array, b: Array) -> list[Array]:
        mode = layer.options["merge_mode"]
        return [wrong[mode](a, b)] if mode in wrong else honest(a, b)


@fault
def ave_without_half(_dialect: Any) -> None:
    _merge_mode({"ave": lambda a, b: a + b})


@fault
def mul_is_sum(_dialect: Any) -> None:
    _merge_mode({"mul": lambda a, b: a + b})


@fault
def concat_backward_first(_dialect: Any) -> None:
    _merge_mode({"concat": lambda a, b: np.concatenate([b, a], axis=-1)})


@fault
def concat_on_the_wrong_axis(_dialect: Any) -> None:
    _merge_mode({"concat": lambda a, b: np.concatenate([a, b], axis=0)})


# ---------------------------------------------------------------- masks


def _mask_seen(change: Any) -> None:
    """Let every direction see `change(direction, mask)`."""

    @instead_of(KerasDirection, "run")
    def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        return honest(x, None if mask is None else change(direction, mask), states)


def _know_their_layer() -> None:
    """Let every direction know the options of its layer, and whether it is the second one."""

    @instead_of(KerasLayer, "__init__")
    def init(honest: Any, layer: Any, *args: Any) -> None:
        honest(*args)
        for index, direction in enumerate(layer.directions):
            direction.options, direction.second = layer.options, index == 1


@fault
def mask_ignored(_dialect: Any) -> None:
    _mask_seen(lambda _direction, _mask: None)


@fault
def mask_ignored_backward(_dialect: Any) -> None:
    """In the second direction of a bidirectional layer."""
    _know_their_layer()
    _mask_seen(lambda direction, mask: None if direction.second else mask)


@fault
def mask_not_reversed(_dialect: Any) -> None:
    _mask_seen(lambda direction, mask: mask[:, ::-1] if direction.backwards else mask)


@fault
def mask_inverted(_dialect: Any) -> None:
    _mask_seen(lambda _direction, mask: ~mask)


@fault
def mask_gaps_closed_backwards(_dialect: Any) -> None:
    """Only with `go_backwards` and a mask that begins and ends unmasked: what is between counts as unmasked."""

    def change(direction: Any, mask: Array) -> Array:
        if not direction.backwards:
            return mask
        seen = np.logical_or.accumulate(mask, axis=1)
        return seen & np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]

    _mask_seen(change)


@fault
def mask_of_the_first_row(_dialect: Any) -> None:
    """All rows are masked as the first one is."""
    _mask_seen(lambda _direction, mask: np.repeat(mask[:1], len(mask), axis=0))


@fault
def mask_zeroes_states(_dialect: Any) -> None:
    @instead_of(KerasDirection, "carry")
    def carry(_honest: Any, _direction: Any, keep: Array, new: Any, _old: Any) -> Any:
        return [np.where(keep, n, 0).astype(n.dtype) for n in new]


@fault
def mask_carries_only_h(_dialect: Any) -> None:
    """The cell state of an LSTM goes on at masked steps."""

    @instead_of(KerasDirection, "carry")
    def carry(honest: Any, _direction: Any, keep: Array, new: Any, old: Any) -> Any:
        return [honest(keep, new, old)[0], *new[1:]]


@fault
def zero_output_ignored(_dialect: Any) -> None:
    instead_of(KerasDirection, "show")(lambda _honest, _direction, _keep, shown: shown)


@fault
def zero_output_always(_dialect: Any) -> None:
    @instead_of(KerasDirection, "show")
    def show(_honest: Any, _direction: Any, keep: Array, shown: Array) -> Array:
        return np.where(keep, shown, 0).astype(shown.dtype)


@fault
def zeroed_in_time_order(_dialect: Any) -> None:
    """`zero_output_for_mask` with `go_backwards` looks at the mask of the other end, in sequences of one direction."""
    _know_their_layer()

    @instead_of(KerasDirection, "run")
    def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        options = direction.options
        alone = options["return_sequences"] and not options["bidirectional"]
        if mask is None or not (alone and direction.backwards and direction.zero_output_for_mask):
            return honest(x, mask, states)
        return _zeroed_by(mask, honest, direction, x, states)


def _zeroed_by(mask: Array, honest: Any, direction: Any, x: Array, states: Any) -> Any:
    """Outputs in processing order, zeroed where the mask in time order says so."""
    direction.zero_output_for_mask = False
    outputs, states = honest(x, mask, states)
    direction.zero_output_for_mask = True
    return np.where(mask[..., None], outputs, 0).astype(outputs.dtype), states


@fault
def half_zeroed_in_time_order(_dialect: Any) -> None:
    """The same in the backward half of a bidirectional layer, as an unrolled loop of a framework was seen to do."""
    _know_their_layer()

    @instead_of(KerasDirection, "run")
    def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        options = direction.options
        wanted = options["return_sequences"] and options["bidirectional"]
        if mask is None or not (wanted and direction.backwards and not options["go_backwards"]):
            return honest(x, mask, states)
        return _zeroed_by(mask, honest, direction, x, states)


@fault
def masked_output_is_not_repeated(_dialect: Any) -> None:
    """Masked steps show what was computed there, though the state is carried over."""

    @instead_of(KerasDirection, "run")
    def run(honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
        if mask is None or direction.zero_output_for_mask:
            return honest(x, mask, states)
        outputs = []
        for t in direction.order(x.shape[1]):
            new = direction.cell.step(x[:, t], states)
            states = direction.carry(mask[:, t, None], new, states)
            outputs.append(new[0])
        return np.stack(outputs, axis=1), states


@fault
def full_rows_are_nan(_dialect: Any) -> None:
    """Rows without any unmasked step, as where an average is taken over none."""

    @instead_of(KerasDirection, "run")
    def run(honest: Any, _direction: Any, x: Array, mask: Any, states: Any) -> Any:
        outputs, states = honest(x, mask, states)
        if mask is not None:
            states = [np.where(mask.any(axis=1)[:, None], state, np.nan).astype(state.dtype) for state in states]
        return outputs, states


# ---------------------------------------------------------------- what comes out


@fault
def states_exchanged_in_the_result(_dialect: Any) -> None:
    """C before h."""

    def change(layer: Any, result: Any) -> Any:
        if not (layer.options["return_state"] and _is_lstm(layer)):
            return result
        states = result[-2 * len(layer.directions) :]
        return (*result[: -len(states)], *(states[i ^ 1] for i in range(len(states))))

    every_result(_dialect, change)


@fault
def backward_states_first(_dialect: Any) -> None:
    def change(layer: Any, result: Any) -> Any:
        if not (layer.options["return_state"] and layer.bidirectional):
            return result
        count = len(layer.directions[0].cell.weights and layer.directions[0].cell.states(1))
        return (*result[: -2 * count], *result[-count:], *result[-2 * count : -count])

    every_result(_dialect, change)


@fault
def list_of_results(dialect: Any) -> None:
    every_result(dialect, lambda _layer, result: list(result) if isinstance(result, tuple) else result)


@fault
def none_is_nested(dialect: Any) -> None:
    """`merge_mode=None` with states gives ((forward, backward), states...)."""

    def change(layer: Any, result: Any) -> Any:
        apart = layer.bidirectional and layer.options["merge_mode"] == "None" and layer.options["return_state"]
        return (tuple(result[:2]), *result[2:]) if apart else result

    every_result(dialect, change)


@fault
def states_nested(dialect: Any) -> None:
    """(output, [h, c]) as some other libraries give it."""

    def change(layer: Any, result: Any) -> Any:
        plain = layer.options["return_state"] and not layer.bidirectional and _is_lstm(layer)
        return (result[0], list(result[1:])) if plain else result

    every_result(dialect, change)


@fault
def backward_states_missing(dialect: Any) -> None:
    def change(layer: Any, result: Any) -> Any:
        if not (layer.options["return_state"] and layer.bidirectional):
            return result
        return result[: -len(layer.directions[1].cell.states(1))]

    every_result(dialect, change)


@fault
def gru_state_twice(dialect: Any) -> None:
    """A GRU that pretends to have a cell state."""

    def change(layer: Any, result: Any) -> Any:
        twice = layer.options["return_state"] and layer.directions[0].cell.layer == "gru" and not layer.bidirectional
        return (*result, result[-1]) if twice else result

    every_result(dialect, change)


@fault
def states_always(dialect: Any) -> None:
    """`return_state=False` gives states as well."""

    @instead_of(KerasLayer, "__init__")
    def init(honest: Any, layer: Any, name: str, options: dict[str, Any], sizes: Any) -> None:
        honest(name, {**options, "return_state": True}, sizes)


@fault
def batch_of_one_squeezed(dialect: Any) -> None:
    every_result(dialect, lambda _layer, result: mapped(result, lambda a: a[0] if a.shape[0] == 1 else a))


@fault
def output_time_major(dialect: Any) -> None:
    """Sequences come back as (timesteps, batch, units)."""
    every_result(dialect, lambda _layer, result: mapped(result, lambda a: a.swapaxes(0, 1) if a.ndim == 3 else a))


@fault
def half_precision_output(dialect: Any) -> None:
    """The output is float16; the states are not."""

    def change(_layer: Any, result: Any) -> Any:
        parts = result if isinstance(result, tuple) else (result,)
        cast = (parts[0].astype(np.float16), *parts[1:])
        return cast if isinstance(result, tuple) else cast[0]

    every_result(dialect, change)


# ---------------------------------------------------------------- arguments


@fault
def accepts_negative_units(_dialect: Any) -> None:
    _checks_leniently({"units"})


@fault
def accepts_unknown_keywords(_dialect: Any) -> None:
    _checks_leniently({"time_major"})


@fault
def accepts_unknown_activations(_dialect: Any) -> None:
    _checks_leniently({"activation"})


@fault
def accepts_unknown_regularizers(_dialect: Any) -> None:
    """The argument is never looked at."""
    _checks_leniently({"activity_regularizer"})


@fault
def accepts_unknown_types(_dialect: Any) -> None:
    """A dtype that names no type is taken for the default."""
    _checks_leniently({"dtype"})


def _checks_leniently(names: set[str]) -> None:
    @instead_of(KerasDialect, "construct")
    def construct(honest: Any, _dialect: Any, layer: str, options: Any, sizes: Any, arguments: dict[str, Any]) -> Any:
        return honest(layer, options, sizes, {key: value for key, value in arguments.items() if key not in names})


@fault
def wrong_error_type(_dialect: Any) -> None:
    @instead_of(KerasDialect, "check")
    def check(honest: Any, _dialect: Any, *args: Any) -> None:
        try:
            honest(*args)
        except ValueError as error:
            raise KeyError(str(error)) from None


@fault
def rejects_sum_of_unrolled(_dialect: Any) -> None:
    """Only `unroll` together with `merge_mode="sum"`."""

    @instead_of(KerasLayer, "build")
    def build(honest: Any, layer: Any) -> None:
        if layer.options["unroll"] and layer.options.get("merge_mode") == "sum":
            raise NotImplementedError("unrolled layers cannot be summed")
        honest()


@fault
def rejects_one_step(_dialect: Any) -> None:
    """Sequences of a single step."""

    @instead_of(KerasLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        if inputs.x.ndim == 3 and inputs.x.shape[1] == 1:
            raise IndexError("index 1 is out of bounds for axis 1 with size 1")
        return honest(mode, inputs)


@fault
def graph_mode_ignores_states(_dialect: Any) -> None:
    """Only as a graph."""

    @instead_of(KerasLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        return honest(mode, inputs._replace(initial_state=None) if mode == "graph" else inputs)
