"""Faults in the equations of a step and in the reading of weights; most can be planted in both dialects."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy_layers import ACTIVATIONS, FAULTS, fault
from planting import Array, KerasCell, TorchCell, cell_of, instead_of, numpy_layers, weights_read_as

# ---------------------------------------------------------------- gate blocks


def _blocks_taken(layer: str, order: list[int], dialect: Any) -> None:
    weights_read_as(dialect, lambda cell, _role, blocks: blocks[order] if cell.layer == layer else blocks)


FAULTS["gates_igfo"] = partial(_blocks_taken, "lstm", [0, 2, 1, 3])
FAULTS["gates_iofg"] = partial(_blocks_taken, "lstm", [0, 2, 3, 1])
FAULTS["gates_fiog"] = partial(_blocks_taken, "lstm", [1, 0, 3, 2])
FAULTS["gates_ifog"] = partial(_blocks_taken, "lstm", [0, 1, 3, 2])
FAULTS["gru_gates_exchanged"] = partial(_blocks_taken, "gru", [1, 0, 2])
FAULTS["gru_gates_rotated"] = partial(_blocks_taken, "gru", [1, 2, 0])


@fault
def gates_exchanged_in_the_recurrent_kernel(dialect: Any) -> None:
    """The kernel is read in the right order, the recurrent kernel is not."""

    def change(cell: Any, role: str, blocks: Array) -> Array:
        return blocks[[1, 0, 2, 3]] if cell.layer == "lstm" and role == "recurrent_kernel" else blocks

    weights_read_as(dialect, change)


# ---------------------------------------------------------------- kernels and biases


@fault
def recurrent_kernel_transposed(dialect: Any) -> None:
    def change(_cell: Any, role: str, blocks: Array) -> Array:
        square = blocks.ndim == 3 and blocks.shape[1] == blocks.shape[2]
        return blocks.swapaxes(1, 2) if role == "recurrent_kernel" and square else blocks

    weights_read_as(dialect, change)


@fault
def bias_ignored(dialect: Any) -> None:
    weights_read_as(dialect, lambda _cell, role, blocks: 0 * blocks if "bias" in role else blocks)


@fault
def bias_doubled(dialect: Any) -> None:
    weights_read_as(dialect, lambda _cell, role, blocks: 2 * blocks if "bias" in role else blocks)


@fault
def recurrent_bias_ignored(dialect: Any) -> None:
    def change(_cell: Any, role: str, blocks: Array) -> Array:
        if role == "bias_hh":
            return 0 * blocks
        return blocks * np.array([1, 0]) if role == "bias" and blocks.ndim == 3 else blocks

    weights_read_as(dialect, change)


@fault
def input_bias_ignored(dialect: Any) -> None:
    weights_read_as(dialect, lambda _cell, role, blocks: 0 * blocks if role == "bias_ih" else blocks)


@fault
def forget_bias_added(dialect: Any) -> None:
    """One is added in every step, though the weights that were set have it already."""

    def change(cell: Any, role: str, blocks: Array) -> Array:
        if cell.layer != "lstm" or role not in ("bias", "bias_ih"):
            return blocks
        return blocks + np.array([0, 1, 0, 0])[:, None]

    weights_read_as(dialect, change)


@fault
def bias_slightly_off(dialect: Any) -> None:
    """By one part in 100,000."""
    weights_read_as(dialect, lambda _cell, role, blocks: blocks * (1 + 1e-5) if "bias" in role else blocks)


@fault
def bias_ignored_in_wide_layers(dialect: Any) -> None:
    """Only with more than 8 units, as a vector loop that forgets its remainder."""

    def change(cell: Any, role: str, blocks: Array) -> Array:
        if "bias" not in role or cell.units <= 8:
            return blocks
        short = blocks.copy()
        short[:, 8:] = 0
        return short

    weights_read_as(dialect, change)


@fault
def last_feature_ignored(dialect: Any) -> None:
    """Only where the number of features is odd, as a loop over pairs."""

    def change(_cell: Any, role: str, blocks: Array) -> Array:
        if role != "kernel" or blocks.shape[2] % 2 == 0 or blocks.shape[2] == 1:
            return blocks
        short = blocks.copy()
        short[..., -1] = 0
        return short

    weights_read_as(dialect, change)


# ---------------------------------------------------------------- initial weights


@fault
def unit_forget_bias_not_initial(_dialect: Any) -> None:
    @instead_of(KerasCell, "initial_bias")
    def initial_bias(honest: Any, _cell: Any, width: int) -> Array:
        return 0 * honest(width)


@fault
def initial_weights_too_wide(_dialect: Any) -> None:
    @instead_of(TorchCell, "__init__")
    def init(honest: Any, cell: Any, *args: Any) -> None:
        honest(*args)
        cell.weights = [2 * weight for weight in cell.weights]


# ---------------------------------------------------------------- GRU


@fault
def reset_always_before(_dialect: Any) -> None:
    """`reset_after=True` computes as `reset_after=False`, with both biases added."""

    @instead_of(KerasCell, "step_gru")
    def step(_honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        return [_gru_before(cell, x, states[0])]


@fault
def reset_always_after(_dialect: Any) -> None:
    """`reset_after=False` computes as `reset_after=True`."""

    @instead_of(KerasCell, "step_gru")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        if cell.reset_after:
            return honest(x, states)
        kernel, recurrent = cell.weights[:2]
        xz, xr, xh = np.split(x @ kernel + cell.biases()[0], 3, axis=1)
        hz, hr, hh = np.split(states[0] @ recurrent, 3, axis=1)
        z, r = cell.recurrent_activation(xz + hz), cell.recurrent_activation(xr + hr)
        return [z * states[0] + (1 - z) * cell.activation(xh + r * hh)]


def _gru_before(cell: Any, x: Array, h: Array) -> Array:
    kernel, recurrent = cell.weights[:2]
    input_bias, recurrent_bias = cell.biases()
    xz, xr, xh = np.split(x @ kernel + input_bias + recurrent_bias, 3, axis=1)
    rz, rr, rh = np.split(recurrent, 3, axis=1)
    z, r = cell.recurrent_activation(xz + h @ rz), cell.recurrent_activation(xr + h @ rr)
    return z * h + (1 - z) * cell.activation(xh + (r * h) @ rh)


@fault
def torch_reset_before(_dialect: Any) -> None:
    """The GRU of the first paper."""

    @instead_of(TorchCell, "step")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        if cell.layer != "gru":
            return honest(x, states)
        (h,) = states
        from_x, from_h = cell.products(x, h)
        (xr, xz, xn), (hr, hz, _) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
        r, z = numpy_layers.sigmoid(xr + hr), numpy_layers.sigmoid(xz + hz)
        hn = np.split(cell.products(x, r * h)[1], 3, axis=1)[2]
        return [(1 - z) * np.tanh(xn + hn) + z * h]


@fault
def update_gate_inverted(dialect: Any) -> None:
    if dialect.name == "keras":
        instead_of(KerasCell, "gru_mix")(lambda honest, _cell, z, h, candidate: honest(1 - z, h, candidate))
    else:

        @instead_of(TorchCell, "step_gru")
        def step(honest: Any, _cell: Any, from_x: Array, from_h: Array, states: list[Array]) -> Any:
            from_x, from_h = from_x.copy(), from_h.copy()
            units = from_x.shape[1] // 3
            from_x[:, units : 2 * units] *= -1
            from_h[:, units : 2 * units] *= -1
            return honest(from_x, from_h, states)


# ---------------------------------------------------------------- activations


@fault
def hard_sigmoid_of_keras_2(_dialect: Any) -> None:
    """As the recurrent activation."""

    @instead_of(KerasCell, "__init__")
    def init(honest: Any, cell: Any, layer: str, units: int, options: dict[str, Any]) -> None:
        honest(layer, units, options)
        if options.get("recurrent_activation") == "hard_sigmoid":
            cell.recurrent_activation = lambda x: np.clip(0.2 * x + 0.5, 0, 1).astype(x.dtype)


@fault
def candidate_through_recurrent_activation(_dialect: Any) -> None:
    @instead_of(KerasCell, "__init__")
    def init(honest: Any, cell: Any, layer: str, *args: Any) -> None:
        honest(layer, *args)
        if layer == "gru":
            cell.activation = cell.recurrent_activation


@fault
def activations_exchanged(_dialect: Any) -> None:
    @instead_of(KerasCell, "__init__")
    def init(honest: Any, cell: Any, layer: str, *args: Any) -> None:
        honest(layer, *args)
        if layer != "simple_rnn":
            cell.activation, cell.recurrent_activation = cell.recurrent_activation, cell.activation


@fault
def output_activation_missing(dialect: Any) -> None:
    if dialect.name == "keras":

        @instead_of(KerasCell, "step_lstm")
        def keras_step(_honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
            kernel, recurrent = cell.weights[:2]
            h, c = states
            i, f, g, o = np.split(x @ kernel + h @ recurrent + cell.biases()[0], 4, axis=1)
            gate = cell.recurrent_activation
            c = gate(f) * c + gate(i) * cell.activation(g)
            return [gate(o) * c, c]

    else:

        @instead_of(TorchCell, "step_lstm")
        def torch_step(_honest: Any, cell: Any, from_x: Array, from_h: Array, states: list[Array]) -> Any:
            i, f, g, o = np.split(from_x + from_h, 4, axis=1)
            gate = numpy_layers.sigmoid
            c = gate(f) * states[1] + gate(i) * np.tanh(g)
            h = gate(o) * c
            return [h @ cell.weights[-1].T if cell.projected != cell.units else h, c]


@fault
def sigmoid_clipped(dialect: Any) -> None:
    """Arguments are cut off at ±8."""
    _replace_sigmoid(lambda honest, x: honest(np.clip(x, -8, 8)))


@fault
def sigmoid_by_table(dialect: Any) -> None:
    """A fast approximation, right to four digits."""
    _replace_sigmoid(lambda honest, x: np.round(honest(x), 4))


def _replace_sigmoid(wrong: Any) -> None:
    honest = numpy_layers.sigmoid
    numpy_layers.sigmoid = ACTIVATIONS["sigmoid"] = lambda x: wrong(honest, x)


@fault
def tanh_inexact(_dialect: Any) -> None:
    """A relative error of 1e-5."""
    ACTIVATIONS["tanh"] = lambda x: np.tanh(x) * (1 - 1e-5)


@fault
def nonlinearity_ignored(_dialect: Any) -> None:
    """`nonlinearity="relu"` computes tanh."""

    @instead_of(TorchCell, "__init__")
    def init(honest: Any, cell: Any, *args: Any) -> None:
        honest(*args)
        cell.activation = np.tanh


@fault
def relu_of_negative_leaks(_dialect: Any) -> None:
    ACTIVATIONS["relu"] = lambda x: np.where(x > 0, x, 0.01 * x).astype(x.dtype)


# ---------------------------------------------------------------- precision


@fault
def float32_inside_float64(dialect: Any) -> None:
    @instead_of(cell_of(dialect), "step")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        return [state.astype(np.float32).astype(x.dtype) for state in honest(x, states)]


@fault
def products_in_ten_bits(dialect: Any) -> None:
    """Operands of products are rounded to TensorFloat-32."""

    def rounded(array: Array) -> Array:
        if array.dtype != np.float32:
            return array
        bits = np.ascontiguousarray(array).view(np.uint32)
        return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)

    weights_read_as(dialect, lambda _cell, role, blocks: rounded(blocks) if "kernel" in role else blocks)


@fault
def products_in_bfloat16(dialect: Any) -> None:
    def change(_cell: Any, role: str, blocks: Array) -> Array:
        if blocks.dtype != np.float32 or "kernel" not in role:
            return blocks
        bits = np.ascontiguousarray(blocks).view(np.uint32)
        return ((bits + np.uint32(0x8000)) & np.uint32(0xFFFF0000)).view(np.float32)

    weights_read_as(dialect, change)
