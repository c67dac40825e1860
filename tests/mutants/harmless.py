"""Variations that are right: another order of rounding, another layout in memory. None of them may be flagged."""

from __future__ import annotations

from typing import Any

import numpy as np
from mixed_faults import mixed
from numpy_layers import ACTIVATIONS, Packed, fault
from planting import Array, KerasCell, TorchCell, cell_of, every_array, every_result, instead_of, mapped, numpy_layers

# ---------------------------------------------------------------- other rounding


def _products(multiply: Any) -> None:
    """Let the cells see arrays whose matrix products are computed by `multiply(left, right)`."""

    class Other(np.ndarray):
        def __matmul__(self, right: Any) -> Any:
            return multiply(np.asarray(self), np.asarray(right)).view(Other)

    for cell in (KerasCell, TorchCell):

        @instead_of(cell, "step")
        def step(honest: Any, _cell: Any, x: Array, states: list[Array]) -> Any:
            found = honest(x.view(Other), [state.view(Other) for state in states])
            return [np.asarray(state) for state in found]


@fault
def sums_from_the_left(_dialect: Any) -> None:
    """One product after the other."""

    def multiply(left: Array, right: Array) -> Array:
        total = np.zeros((left.shape[0], right.shape[1]), left.dtype)
        for k in range(left.shape[1]):
            total = total + left[:, k, None] * right[None, k]
        return total

    _products(multiply)


@fault
def sums_from_the_right(_dialect: Any) -> None:
    _products(lambda left, right: np.ascontiguousarray(left[:, ::-1]) @ np.ascontiguousarray(right[::-1]))


@fault
def sums_in_pairs(_dialect: Any) -> None:
    """As vector units do: eight partial sums that are added up at the end."""

    def multiply(left: Array, right: Array) -> Array:
        parts = [left[:, lane::8] @ right[lane::8] for lane in range(min(8, left.shape[1]))]
        return sum(parts[1:], parts[0])

    _products(multiply)


@fault
def products_in_float64(_dialect: Any) -> None:
    """Accumulated in float64, rounded at the end."""
    _products(lambda left, right: (left.astype(np.float64) @ right.astype(np.float64)).astype(left.dtype))


@fault
def all_in_float64(dialect: Any) -> None:
    """float64 throughout, with one cast at the end."""

    @instead_of(cell_of(dialect), "step")
    def step(honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        narrow, cell.weights = cell.weights, [weight.astype(np.float64) for weight in cell.weights]
        found = honest(x.astype(np.float64), [state.astype(np.float64) for state in states])
        cell.weights = narrow
        return found

    every_result(dialect, lambda layer, result: mapped(result, lambda array: _cast(layer, array)))


def _cast(layer: Any, array: Array) -> Array:
    return array.astype(layer.dtype) if array.dtype.kind == "f" else array


@fault
def products_fused(dialect: Any) -> None:
    """[x, h] times the stacked kernels, in one product (simple RNN and LSTM)."""
    if dialect.name == "keras":

        @instead_of(KerasCell, "step_lstm")
        def step(_honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
            h, c = states
            joined = np.concatenate([x, h], axis=1) @ np.concatenate(cell.weights[:2]) + cell.biases()[0]
            i, f, g, o = np.split(joined, 4, axis=1)
            gate = cell.recurrent_activation
            c = gate(i) * cell.activation(g) + gate(f) * c
            return [cell.activation(c) * gate(o), c]

    else:

        @instead_of(TorchCell, "products")
        def products(honest: Any, cell: Any, x: Array, h: Array) -> Any:
            if cell.layer == "gru":
                return honest(x, h)
            stacked = np.concatenate([cell.weights[0], cell.weights[1]], axis=1)
            bias = cell.weights[2] + cell.weights[3] if cell.bias else 0
            return np.concatenate([x, h], axis=1) @ stacked.T, np.asarray(bias, x.dtype)


@fault
def gru_as_difference(dialect: Any) -> None:
    """H' = n + z (h - n)."""
    if dialect.name == "keras":
        instead_of(KerasCell, "gru_mix")(lambda _honest, _cell, z, h, candidate: candidate + z * (h - candidate))
    else:

        @instead_of(TorchCell, "step_gru")
        def step(_honest: Any, _cell: Any, from_x: Array, from_h: Array, states: list[Array]) -> Any:
            (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, axis=1), np.split(from_h, 3, axis=1)
            r, z = numpy_layers.sigmoid(xr + hr), numpy_layers.sigmoid(xz + hz)
            n = np.tanh(xn + r * hn)
            return [n + z * (states[0] - n)]


@fault
def gru_as_sum(_dialect: Any) -> None:
    """H' = h + (1 - z) (n - h)."""
    instead_of(KerasCell, "gru_mix")(lambda _honest, _cell, z, h, candidate: h + (1 - z) * (candidate - h))


@fault
def biases_merged(_dialect: Any) -> None:
    """Added to each other before they are added to anything else, where that is legal."""

    @instead_of(TorchCell, "products")
    def products(honest: Any, cell: Any, x: Array, h: Array) -> Any:
        if not cell.bias or cell.layer == "gru":
            return honest(x, h)
        named = dict(zip(cell.names, cell.weights, strict=True))
        return x @ named["weight_ih"].T, h @ named["weight_hh"].T + (named["bias_ih"] + named["bias_hh"])


@fault
def bias_added_last(_dialect: Any) -> None:
    @instead_of(KerasCell, "step_simple_rnn")
    def step(_honest: Any, cell: Any, x: Array, states: list[Array]) -> Any:
        kernel, recurrent = cell.weights[:2]
        from_x, from_h = cell.times(x, kernel, cell.dropped[0]), cell.times(states[0], recurrent, cell.dropped[1])
        return [cell.activation((from_h + from_x) + cell.biases()[0])]


# ---------------------------------------------------------------- other activations


@fault
def tanh_through_exp(_dialect: Any) -> None:
    """1 - 2 / (exp(2 x) + 1) away from zero, expm1 near it."""

    def tanh(x: Array) -> Array:
        with np.errstate(over="ignore"):
            far = np.sign(x) * (1 - 2 / (np.exp(2 * np.abs(x)) + 1))
            small = np.expm1(2 * np.minimum(np.abs(x), 1))
        return np.where(np.abs(x) < 1, np.sign(x) * small / (small + 2), far).astype(x.dtype)

    ACTIVATIONS["tanh"] = tanh


@fault
def sigmoid_through_tanh(_dialect: Any) -> None:
    """(1 + tanh(x / 2)) / 2, right to an absolute unit of rounding."""
    numpy_layers.sigmoid = ACTIVATIONS["sigmoid"] = lambda x: (x.dtype.type(0.5) * (1 + np.tanh(x / 2))).astype(x.dtype)


@fault
def sigmoid_by_halves(_dialect: Any) -> None:
    """Exp of negative numbers only, so that nothing overflows."""

    def sigmoid(x: Array) -> Array:
        e = np.exp(-np.abs(x))
        return (np.where(x < 0, e, 1) / (1 + e)).astype(x.dtype)

    numpy_layers.sigmoid = ACTIVATIONS["sigmoid"] = sigmoid


@fault
def hard_sigmoid_by_product(_dialect: Any) -> None:
    """With a rounded 1/6."""
    ACTIVATIONS["hard_sigmoid"] = lambda x: np.clip(x * x.dtype.type(1 / 6) + x.dtype.type(0.5), 0, 1)


@fault
def relu_with_negative_zero(_dialect: Any) -> None:
    ACTIVATIONS["relu"] = lambda x: np.where(x > 0, x, -0.0).astype(x.dtype)


# ---------------------------------------------------------------- other memory


@fault
def fortran_order(dialect: Any) -> None:
    every_array(dialect, np.asfortranarray)


@fault
def not_contiguous(dialect: Any) -> None:
    every_array(dialect, lambda array: np.repeat(array, 2, axis=-1)[..., ::2])


@fault
def read_only(dialect: Any) -> None:
    def change(array: Array) -> Array:
        frozen = array.copy()
        frozen.flags.writeable = False
        return frozen

    every_array(dialect, change)


@fault
def views_of_each_other(dialect: Any) -> None:
    """The state is the last step of the sequence, in the same memory."""

    def change(layer: Any, result: Any) -> Any:
        plain = dialect.name == "keras" and layer.options["return_state"] and layer.options["return_sequences"]
        if not plain or layer.bidirectional or not np.array_equal(result[0][:, -1], result[1]):
            return result
        return (result[0], result[0][:, -1], *result[2:])

    every_result(dialect, change)


@fault
def big_endian(dialect: Any) -> None:
    """A byte order that only the wire changes back."""
    every_array(dialect, lambda array: array.astype(array.dtype.newbyteorder(">")))


@fault
def zeros_are_negative(dialect: Any) -> None:
    every_array(
        dialect,
        lambda array: np.where(array == 0, -0.0, array).astype(array.dtype) if array.dtype.kind == "f" else array,
    )


@fault
def subnormals_flushed(dialect: Any) -> None:
    """Numbers below the smallest normal one are zero, as many processors have it."""

    def flushed(array: Array) -> Array:
        return np.where(np.abs(array) < np.finfo(array.dtype).tiny, 0, array).astype(array.dtype)

    @instead_of(cell_of(dialect), "step")
    def step(honest: Any, _cell: Any, x: Array, states: list[Array]) -> Any:
        return [flushed(state) for state in honest(flushed(x), [flushed(state) for state in states])]


@fault
def orthogonal_by_singular_values(_dialect: Any) -> None:
    """An orthogonal matrix from another decomposition, in float32."""

    @instead_of(KerasCell, "initial_recurrent_kernel")
    def initial_recurrent_kernel(honest: Any, cell: Any, width: int) -> Array:
        drawn = numpy_layers.GENERATOR.standard_normal((cell.units, width)).astype(np.float32)
        left, _, right = np.linalg.svd(drawn.astype(honest(width).dtype), full_matrices=False)
        return left @ right


@fault
def masks_in_another_order(dialect: Any) -> None:
    """Recurrent masks are drawn first, by comparing the other way round, with 24 random bits."""

    @instead_of(KerasCell, "mask")
    def mask(_honest: Any, cell: Any, rate: float, shape: tuple[int, int]) -> Array:
        dropped = cell.generator.integers(0, 2**24, shape) >= (1 - rate) * 2**24
        return np.where(dropped, 0, 1 / (1 - rate) if rate < 1 else 0).astype(cell.dtype)


@fault
def dropped_after_the_product(_dialect: Any) -> None:
    """Rows of the kernel are scaled, for each row of the batch, instead of what is multiplied with them."""

    @instead_of(KerasCell, "times")
    def times(honest: Any, _cell: Any, values: Array, kernel: Array, masks: Any) -> Array:
        if masks is None:
            return honest(values, kernel, None)
        blocks = np.split(kernel, len(masks), axis=1)
        pairs = zip(masks, blocks, strict=True)
        products = [np.einsum("bi,bij->bj", values, mask[:, :, None] * block) for mask, block in pairs]
        return np.concatenate(products, axis=1)


@fault
def weights_drawn_on_a_grid(_dialect: Any) -> None:
    """Random numbers with 16 random bits, as some generators of float32 make them."""

    @instead_of(TorchCell, "initial")
    def initial(honest: Any, cell: Any, name: str, shape: tuple[int, ...]) -> Array:
        places = numpy_layers.GENERATOR.integers(0, 2**16, shape) / 2**15 - 1
        return (places / np.sqrt(cell.units)).astype(honest(name, shape).dtype)


@fault
def packed_data_in_another_order(_dialect: Any) -> None:
    """The packed form is a private matter: only what `pad_packed_sequence` gives is promised."""

    def change(_layer: Any, result: Any) -> Any:
        if isinstance(result[0], Packed):
            result[0].data = result[0].data[::-1].copy()
        return result

    every_result(_dialect, change)


@fault
def mixed_precision_offered(dialect: Any) -> None:
    """It computes in float16 as well, and has the policy with weights in float32."""
    mixed(dialect)
