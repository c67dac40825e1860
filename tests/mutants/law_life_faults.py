"""Faults of layers that live: what they remember, share with others, or keep in memory that is not theirs alone."""

from __future__ import annotations

import time
from copy import copy
from typing import Any

import numpy as np
from law_data_faults import HONEST_RUN
from numpy_layers import ACTIVATIONS, Packed, fault
from planting import Array, KerasCell, KerasDirection, KerasLayer, TorchLayer, instead_of, layer_of


def _known(weights: Any) -> bytes:
    """What a layer is recognised by."""
    return b"".join(array.tobytes() for array in weights)


# ---------------------------------------------------------------- states that are handed on


@fault
def states_scrambled_on_the_way_back(_dialect: Any) -> None:
    """States are returned in Fortran order, and read in the order in which they lie in memory."""

    @instead_of(TorchLayer, "packaged")
    def packaged(honest: Any, _layer: Any, output: Array, lengths: Array, finals: list[Array]) -> Any:
        return honest(output, lengths, [np.asfortranarray(final) for final in finals])

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, _layer: Any, inputs: Any, batch: int) -> Any:
        given = inputs.initial_state
        read = given and [state.ravel(order="K").reshape(state.shape) for state in given]
        return honest(inputs._replace(initial_state=read), batch)


@fault
def own_states_lose_c(_dialect: Any) -> None:
    """A layer that is given the very states that it returned goes on from h alone."""

    @instead_of(KerasLayer, "call")
    def call(honest: Any, layer: Any, mode: str, inputs: Any) -> Any:
        given, returned = inputs.initial_state, getattr(layer, "returned", ())
        if given is not None and len(given) > 1 and any(given[1] is array for array in returned):
            inputs = inputs._replace(initial_state=[given[0], np.zeros_like(given[1]), *given[2:]])
        result = honest(mode, inputs)
        layer.returned = result if isinstance(result, tuple) else ()
        return result


# ---------------------------------------------------------------- what layers are recognised by


@fault
def direction_by_kernel(dialect: Any) -> None:
    """Compiled loops are shared by layers with the same weights, whichever way these read."""
    loops: dict[bytes, bool] = {}

    if dialect.name == "keras":

        @instead_of(KerasDirection, "run")
        def run(_honest: Any, direction: Any, x: Array, mask: Any, states: Any) -> Any:
            compiled = copy(direction)
            compiled.backwards = loops.setdefault(_known(direction.cell.weights), direction.backwards)
            return HONEST_RUN(compiled, x, mask, states)

    else:

        @instead_of(TorchLayer, "run")
        def run_torch(honest: Any, _layer: Any, cell: Any, *args: Any, reverse: bool) -> Any:
            return honest(cell, *args, reverse=loops.setdefault(_known(cell.weights), reverse))


@fault
def weights_known_by_their_sum(dialect: Any) -> None:
    """Weights are prepared for computing, and again only when their sum has changed."""

    @instead_of(layer_of(dialect), "set_weights")
    def set_weights(honest: Any, layer: Any, arrays: Any) -> None:
        total = np.sort(np.concatenate([array.ravel() for array in arrays])).sum()
        if getattr(layer, "total", None) != total:
            layer.total = total
            honest(arrays)


@fault
def activation_by_kernel(_dialect: Any) -> None:
    """Compiled steps are shared by layers with the same weights, whatever their activation."""
    compiled: dict[bytes, Any] = {}

    @instead_of(KerasCell, "step_simple_rnn")
    def step(honest: Any, cell: Any, x: Array, states: Any) -> Any:
        cell.activation = compiled.setdefault(_known(cell.weights), cell.activation)
        return honest(x, states)


@fault
def merge_by_kernel(_dialect: Any) -> None:
    """The merge is shared by layers with the same weights, whatever their merge mode."""
    modes: dict[bytes, str] = {}

    @instead_of(KerasLayer, "merged")
    def merged(honest: Any, layer: Any, a: Array, b: Array) -> Any:
        mode = modes.setdefault(_known(array for _, array in layer.weights()), layer.options["merge_mode"])
        other = copy(layer)
        other.options = {**layer.options, "merge_mode": mode}
        return HONEST_MERGED(other, a, b)


HONEST_MERGED = KerasLayer.merged


# ---------------------------------------------------------------- options that are wrong where nobody looks


@fault
def relu_is_tanh(_dialect: Any) -> None:
    """`nonlinearity="relu"` is tanh."""
    ACTIVATIONS["relu"] = np.tanh


@fault
def unmerged_is_not_realigned(_dialect: Any) -> None:
    """`merge_mode=None` gives the backward sequence as it was processed."""

    @instead_of(KerasLayer, "merged")
    def merged(honest: Any, layer: Any, a: Array, b: Array) -> Any:
        turned = layer.options["merge_mode"] == "None" and layer.options["return_sequences"]
        return honest(a, b[:, ::-1] if turned else b)


@fault
def go_backwards_starts_late(_dialect: Any) -> None:
    """A layer of one direction that reads backwards does not read the last step."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        if layer.options["go_backwards"] and not layer.bidirectional:
            x = x.copy()
            x[:, -1] = 0
        return honest(x, inputs)


@fault
def bias_ignored_in_one_direction(_dialect: Any) -> None:
    """A layer that is not in `Bidirectional` ignores its bias."""

    @instead_of(KerasLayer, "__init__")
    def init(honest: Any, layer: Any, name: str, options: dict[str, Any], sizes: Any) -> None:
        honest(name, options, sizes)
        for direction in layer.directions:
            direction.cell.alone = not options["bidirectional"]

    instead_of(KerasCell, "biases")(lambda honest, cell: (0, 0) if cell.alone else honest())


# ---------------------------------------------------------------- memory


@fault
def reads_memory_in_order(_dialect: Any) -> None:
    """The input is read in the order in which it lies in memory."""

    @instead_of(KerasLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        return honest(mode, inputs._replace(x=inputs.x.ravel(order="K").reshape(inputs.x.shape)))


@fault
def works_in_place(_dialect: Any) -> None:
    """The input is scaled where it lies, and back: it must be writeable."""

    @instead_of(KerasLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        np.multiply(inputs.x, 2, out=inputs.x)
        np.divide(inputs.x, 2, out=inputs.x)
        return honest(mode, inputs)


@fault
def assumes_no_gaps(_dialect: Any) -> None:
    """The strides of the input are taken for those of an array without gaps."""

    @instead_of(TorchLayer, "call")
    def call(honest: Any, _layer: Any, mode: str, inputs: Any) -> Any:
        strides = np.empty(inputs.x.shape, inputs.x.dtype).strides
        x = np.lib.stride_tricks.as_strided(inputs.x, inputs.x.shape, strides, writeable=False)
        return honest(mode, inputs._replace(x=x))


@fault
def memoised(_dialect: Any) -> None:
    """A call with equal arguments and weights is answered with the very arrays of the last one."""

    @instead_of(KerasLayer, "call")
    def call(honest: Any, layer: Any, mode: str, inputs: Any) -> Any:
        arrays = [inputs.x, inputs.mask, *(inputs.initial_state or []), *(array for _, array in layer.weights())]
        asked = _known(np.asarray(array) for array in arrays)
        if getattr(layer, "asked", None) != asked:
            layer.asked, layer.result = asked, honest(mode, inputs)
        return layer.result


@fault
def lengths_are_the_callers(_dialect: Any) -> None:
    """The lengths that come back with packed output are the array that was handed over."""

    @instead_of(Packed, "__init__")
    def init(honest: Any, packed: Any, padded: Array, lengths: Array, *, batch_first: bool) -> None:
        honest(padded, lengths, batch_first=batch_first)
        packed.lengths = lengths


# ---------------------------------------------------------------- threads


@fault
def state_in_the_cell(_dialect: Any) -> None:
    """The cell keeps the state of the sequence that it is at, one for all threads."""

    @instead_of(KerasCell, "step")
    def step(honest: Any, cell: Any, x: Array, states: Any) -> Any:
        cell.states_now = states
        time.sleep(0)
        return honest(x, cell.states_now)


@fault
def input_in_the_layer(_dialect: Any) -> None:
    """The layer keeps the input of the call that it is at, one for all threads."""

    @instead_of(TorchLayer, "time_first")
    def time_first(honest: Any, layer: Any, inputs: Any) -> Any:
        layer.now = inputs
        time.sleep(1e-4)
        return honest(layer.now)


@fault
def workspace_of_all(_dialect: Any) -> None:
    """All layers copy their inputs into one workspace for each shape."""
    workspaces: dict[Any, Array] = {}

    @instead_of(KerasCell, "step")
    def step(honest: Any, _cell: Any, x: Array, states: Any) -> Any:
        workspace = workspaces.setdefault((x.shape, x.dtype.name), np.empty_like(x))
        workspace[...] = x
        time.sleep(0)
        return honest(workspace, states)


# ---------------------------------------------------------------- instances


@fault
def recurrent_kernel_shared(_dialect: Any) -> None:
    """Layers of one direction and the same shape have one recurrent kernel together."""
    shared: dict[Any, Array] = {}

    @instead_of(KerasCell, "build")
    def build(honest: Any, cell: Any, features: int) -> None:
        honest(features)
        own = cell.weights[1]
        cell.weights[1] = shared.setdefault((own.shape, own.dtype.name), own)


@fault
def biases_shared(_dialect: Any) -> None:
    """Modules of one layer and the same size have one `bias_hh` together."""
    shared: dict[Any, Array] = {}

    @instead_of(TorchLayer, "set_weights")
    def set_weights(honest: Any, layer: Any, arrays: Any) -> None:
        for cell in (cell for cells in layer.stack for cell in cells if cell.bias):
            own = cell.weights[3]
            cell.weights[3] = shared.setdefault((own.shape, own.dtype.name), own)
        honest(arrays)


# ---------------------------------------------------------------- histories


@fault
def mask_remembered(_dialect: Any) -> None:
    """A call without a mask uses that of the last call, if it fits."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        last = getattr(layer, "last_mask", None)
        layer.last_mask = inputs.mask
        if inputs.mask is None and last is not None and last.shape == x.shape[:2]:
            inputs = inputs._replace(mask=last)
        return honest(x, inputs)


@fault
def states_remembered(_dialect: Any) -> None:
    """A call without states begins with the last ones that were given, if they fit."""

    @instead_of(TorchLayer, "initial")
    def initial(honest: Any, layer: Any, inputs: Any, batch: int) -> Any:
        last = getattr(layer, "last_given", None)
        if inputs.initial_state is not None:
            layer.last_given = inputs.initial_state
        elif last is not None and inputs.x.ndim == 3 and last[0].shape[1] == batch:
            inputs = inputs._replace(initial_state=last)
        return honest(inputs, batch)


@fault
def zeros_for_the_first_batch(_dialect: Any) -> None:
    """The states to begin with are made for the batch of the first call."""

    @instead_of(KerasCell, "states")
    def states(honest: Any, cell: Any, batch: int) -> Any:
        cell.zeros = getattr(cell, "zeros", None) or honest(batch)
        return cell.zeros


# ---------------------------------------------------------------- stateful layers


@fault
def reset_forgets_h_alone(_dialect: Any) -> None:
    """`reset_state` clears h, not c."""

    @instead_of(KerasLayer, "reset")
    def reset(_honest: Any, layer: Any) -> None:
        layer.kept = [0 * state if index % 2 == 0 else state for index, state in enumerate(layer.kept)]


@fault
def directions_go_on_from_the_forward_state(_dialect: Any) -> None:
    """In a stateful bidirectional layer, both directions begin with the last state of the first."""

    @instead_of(KerasLayer, "keep")
    def keep(honest: Any, layer: Any, states: list[Array]) -> None:
        honest(2 * states[: len(states) // 2] if layer.bidirectional else states)


@fault
def given_states_are_added_to_kept_ones(_dialect: Any) -> None:
    """A stateful layer that keeps states adds those that it is given to them."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        if layer.kept is not None and inputs.initial_state is not None:
            added = [kept + given for kept, given in zip(layer.kept, inputs.initial_state, strict=True)]
            inputs = inputs._replace(initial_state=added)
        return honest(x, inputs)


@fault
def given_states_leave_no_trace(_dialect: Any) -> None:
    """A stateful layer that is given states keeps those that it had, not those that the call ends with."""

    @instead_of(KerasLayer, "runs")
    def runs(honest: Any, layer: Any, x: Array, inputs: Any) -> Any:
        before = layer.kept
        found = honest(x, inputs)
        if inputs.initial_state is not None:
            layer.kept = before
        return found
